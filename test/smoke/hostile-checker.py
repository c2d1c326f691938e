# SPDX-License-Identifier: LGPL-2.1-or-later
# What fsck.ext4 becomes in 72-image-check: a checker that its image has taken over. It knows port, victim, own (a
# directory) and landlock from the lines before. A line that begins with CAN is something that it could do and must not.
import ctypes, fcntl, os, socket, sys

libc = ctypes.CDLL(None, use_errno=True)


def attempt(what, function, *arguments):
    try:
        result = function(*arguments)
    except OSError as e:
        print("cannot", what + ":", e.strerror)
        return
    print("CAN", what, repr(result)[:60])


def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def connect(family, address):
    with socket.socket(family) as s:
        s.connect(address)


def thread():
    import threading
    t = threading.Thread(target=print, args=("a thread can be started",))
    t.start()
    t.join()


def device():
    fd = os.open(sys.argv[2], os.O_RDWR)
    block = os.pread(fd, 4096, 0)
    os.pwrite(fd, block, 0)
    print("the device can be read and written")
    attempt("turn the device into another", fcntl.ioctl, fd, 0x4C04, bytes(232))
    attempt("take the device away", fcntl.ioctl, fd, 0x4C01)


def capabilities():
    sets = (ctypes.c_uint32 * 6)()
    libc.capget(ctypes.byref((ctypes.c_uint32 * 2)(0x20080522, 0)), ctypes.byref(sets))
    return any(sets)


def was_inherited(fd):
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


device()
thread()

secrets = ["/etc/shadow", "/proc/1/environ", "/dev/loop-control", own + "/secret"]
everybodys = ["/etc/passwd", "/proc/self/mounts", "/bin/busybox", "/usr/share/doc"]
for path in secrets + (everybodys if landlock else []):
    attempt("read " + path, os.open, path, os.O_RDONLY)
for directory in ["/", "/tmp", "/var/tmp", "/dev/shm", "/run", own + "/everybody"]:
    attempt("write to " + directory, os.open, directory + "/hostile", os.O_CREAT | os.O_WRONLY)
    attempt("make a directory in " + directory, os.mkdir, directory + "/hostile")
attempt("write to a file of everybody", os.open, own + "/everybody/file", os.O_WRONLY)
attempt("remove a file of everybody", os.unlink, own + "/everybody/file")
attempt("change itself", os.open, own + "/bin/fsck.ext4", os.O_WRONLY)
if landlock:
    attempt("execute another program", os.execv, "/bin/busybox", ["busybox", "true"])

attempt("fork", os.fork)
attempt("connect by TCP", connect, socket.AF_INET, ("127.0.0.1", port))
attempt("connect to a path", connect, socket.AF_UNIX, own + "/everybody/socket")
attempt("connect to an abstract name", connect, socket.AF_UNIX, "\0smoke-abstract")
for pid in [1, os.getppid(), victim, -1, 0]:
    attempt("signal %i" % pid, os.kill, pid, 0)
attempt("hold its parent", os.pidfd_open, os.getppid())
attempt("become root", os.setresuid, 0, 0, 0)
if os.uname().machine == "x86_64":
    attempt("vfork", call, 58)
    attempt("trace its parent", call, 101, 16, os.getppid(), 0, 0)
    attempt("mount", call, 165, b"x", b"/tmp", b"tmpfs", 0, None)
    attempt("make a user namespace", call, 272, 0x10000000)
    attempt("use io_uring", call, 425, 1, (ctypes.c_uint8 * 120)())
    attempt("use keyrings", call, 250, 0, -3, 1)
    attempt("use shared memory", call, 29, 1, 4096, 0o1600)
    attempt("load a program into the kernel", call, 321, 0, (ctypes.c_uint8 * 120)(), 120)

for what, is_so in [
    ("it is root", os.getuid() == 0 or os.getgid() == 0 or 0 in os.getgroups()),
    ("it has capabilities", capabilities()),
    ("it can win privileges", libc.prctl(39, 0, 0, 0, 0) != 1),
    ("it has its parent's environment", "HOME" in os.environ),
    ("it has a terminal", os.isatty(0) or os.isatty(1) or os.getsid(0) != os.getpid()),
    ("it has one more descriptor", any(was_inherited(fd) for fd in range(4, 256))),
]:
    print("CAN" if is_so else "not so:", what)
print("that was all")
