/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by a child of the supervisor that is about to execute a program. Several fences, one behind
 * the other, each of which holds without the others: a mount namespace in which all is read-only, and network and IPC
 * namespaces with nothing in them; a user who owns nothing but the device, by way of a node for it on a tmpfs that is
 * mounted nowhere; Landlock for files, TCP and signals; two system call filters. One is the default policy of a machine
 * without capabilities, less what a program that reads and writes one file has no use for. The other looks at
 * arguments: no process but itself is signalled, none is made (a thread is), and the loop device stays what it is.
 *
 * In the order that this takes: files are named while root can find them, the user is changed while that is permitted,
 * and the death signal, which the change clears, comes after it. */

#include "host/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "plan/seccomp-policy.h"

#define UID_NOBODY 65534u
#define INTERPRETER_MAX 256

static const struct {
        const char *path;
        uint64_t access;
} files[] = {
        { "/lib", LANDLOCK_READ | LANDLOCK_EXECUTE }, /* a program's loader is executed */
        { "/lib32", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/lib64", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/usr/lib", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/usr/lib32", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/usr/lib64", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/usr/local/lib", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/gnu/store", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/nix/store", LANDLOCK_READ | LANDLOCK_EXECUTE },
        { "/etc/ld.so.cache", LANDLOCK_READ },
        { "/etc/ld.so.preload", LANDLOCK_READ },
        { "/etc/e2fsck.conf", LANDLOCK_READ },
        { "/proc/version", LANDLOCK_READ },
        { "/dev/null", LANDLOCK_READ_WRITE },
        { "/dev/random", LANDLOCK_READ },
        { "/dev/urandom", LANDLOCK_READ },
};

void confinement_done(Confinement *confinement) {
        confinement->device_fd = safe_close(confinement->device_fd);
        landlock_done(&confinement->landlock);
}

/* — namespaces — */

/* In a mount namespace of our own, or the host's files would become read-only for all. */
static int make_read_only(void) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (root < 0)
                return -errno;
        r = mount_set_propagation(root, "", MS_SLAVE, true);
        return r < 0 ? r : mount_set_attributes(root, MOUNT_ATTR_RDONLY, 0, true);
}

static void enter_namespaces(void) {
        int r = unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0 ? -errno : make_read_only();

        if (r < 0)
                log_debug_errno(r, "no namespaces of its own: %m");
}

/* — the device — */

/* A node that is there for this user alone. */
static int open_for_user(int device_fd, uid_t uid) {
        _cleanup_close_ int mount = -EBADF;
        struct stat st;
        int fd;

        if (fstat(device_fd, &st) < 0)
                return -errno;
        mount = mount_new("tmpfs", NULL, "mode=711", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        if (mount < 0)
                return TAKE_FD(mount);
        if (mknodat(mount, "device", S_IFBLK | 0600, st.st_rdev) < 0 ||
            fchownat(mount, "device", uid, (gid_t) uid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        fd = openat(mount, "device", O_RDWR | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

static int take_device(int device_fd, Confinement *ret) {
        ret->device_fd = open_for_user(device_fd, UID_NOBODY);
        if (ret->device_fd >= 0) {
                ret->uid = UID_NOBODY;
                return 0;
        }
        log_debug_errno(ret->device_fd, "no node of the device for another user: %m");
        ret->device_fd = fcntl(device_fd, F_DUPFD_CLOEXEC, 0);
        return ret->device_fd < 0 ? -errno : 0;
}

/* — files — */

/* A script is executed by what its first line names. */
static int allow_interpreter(const Landlock *landlock, const char *program) {
        _cleanup_close_ int fd = open(program, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char line[INTERPRETER_MAX];
        ssize_t n = fd < 0 ? -1 : pread(fd, line, sizeof(line) - 1, 0);
        char *path;

        if (n < 2 || memcmp(line, "#!", 2) != 0)
                return 0;
        line[n] = 0;
        path = line + 2 + strspn(line + 2, " \t");
        path[strcspn(path, " \t\n")] = 0;
        return landlock_allow_path(landlock, path, LANDLOCK_READ | LANDLOCK_EXECUTE);
}

/* What the kernel tells of the device: fsck.f2fs insists on knowing it. */
static int allow_description(const Landlock *landlock, int device_fd) {
        char path[64];
        struct stat st;

        if (fstat(device_fd, &st) < 0)
                return -errno;
        (void) snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
        return landlock_allow_path(landlock, path, LANDLOCK_READ);
}

static int allow_files(const Landlock *landlock, int device_fd, const char *program) {
        int r;

        r = landlock_allow(landlock, device_fd, LANDLOCK_READ_WRITE);
        if (r >= 0)
                r = allow_description(landlock, device_fd);
        if (r >= 0)
                r = landlock_allow_path(landlock, program, LANDLOCK_READ | LANDLOCK_EXECUTE);
        if (r >= 0)
                r = allow_interpreter(landlock, program);
        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++)
                r = landlock_allow_path(landlock, files[i].path, files[i].access);
        return r;
}

int confinement_prepare(int device_fd, const char *program, Confinement *ret) {
        _cleanup_confinement_ Confinement c = CONFINEMENT_NONE;
        int r;

        enter_namespaces();
        r = take_device(device_fd, &c);
        if (r < 0)
                return r;
        r = landlock_new(&c.landlock);
        if (r >= 0)
                r = allow_files(&c.landlock, c.device_fd, program);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        if (r < 0)
                log_debug("this kernel has no Landlock");
        *ret = TAKE(c, CONFINEMENT_NONE);
        return 0;
}

/* — system calls — */

/* Classic BPF has words of 32 bits. */
#define ARGUMENT(n)                                                                                                   \
        ((uint32_t) (offsetof(struct seccomp_data, args[n]) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define MASK(value) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (value))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define UNLESS_EQUAL(value, over) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (over))
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))
#define ALLOW RETURN(SECCOMP_RET_ALLOW)

#define X32_BIT 0x40000000u
#define LOOP_REQUESTS 0x4c00u

static int load_filter(const struct sock_filter *instructions, size_t n) {
        const struct sock_fprog program = { (unsigned short) n, (struct sock_filter *) instructions };

        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static int filter_arguments(void) {
        const uint32_t own = (uint32_t) getpid();
        const struct sock_filter code[] = {
                LOAD(offsetof(struct seccomp_data, arch)),
                UNLESS_EQUAL(syscall_table.audit_arch[0], 2),
                LOAD(offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
                REFUSE(EPERM), /* calls by another convention, whose numbers are not looked at here */

                UNLESS_EQUAL(SYS_kill, 4),
                LOAD(ARGUMENT(0)),
                UNLESS_EQUAL(own, 1),
                ALLOW,
                REFUSE(EPERM),

                UNLESS_EQUAL(SYS_tgkill, 4),
                LOAD(ARGUMENT(0)),
                UNLESS_EQUAL(own, 1),
                ALLOW,
                REFUSE(EPERM),

                UNLESS_EQUAL(SYS_clone3, 1), /* its flags cannot be seen; without it the C library uses the next one */
                REFUSE(ENOSYS),

                UNLESS_EQUAL(SYS_clone, 4),
                LOAD(ARGUMENT(0)),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
                ALLOW,
                REFUSE(EPERM),

                UNLESS_EQUAL(SYS_ioctl, 4),
                LOAD(ARGUMENT(1)),
                MASK(0xffffff00u),
                UNLESS_EQUAL(LOOP_REQUESTS, 1),
                REFUSE(EPERM),
                ALLOW,
        };

        return load_filter(code, ELEMENTSOF(code));
}

static int filter_calls(void) {
        /* clang-format off */
        static char *const deny[] = {
                (char *) "@ipc",       (char *) "@keyring",          (char *) "@network-io",      (char *) "@setuid",
                (char *) "@sandbox",   (char *) "fork",              (char *) "vfork",            (char *) "tkill",
                (char *) "pidfd_open", (char *) "pidfd_send_signal", (char *) "rt_sigqueueinfo",  (char *) "kcmp",
                (char *) "setns",      (char *) "unshare",           (char *) "rt_tgsigqueueinfo", (char *) "mknod",
                (char *) "mknodat",    (char *) "userfaultfd",       (char *) "io_uring_setup",   NULL,
        };
        /* clang-format on */
        const SeccompPolicy policy = { .deny = deny };
        _cleanup_seccomp_program_ SeccompProgram program = {};
        int r;

        r = seccomp_compile(&syscall_table, &policy, &program);
        return r < 0 ? r : load_filter(program.instructions, program.n_instructions);
}

static void filter(void) {
        int r;

        r = filter_arguments();
        if (r >= 0)
                r = filter_calls();
        if (r < 0)
                log_debug_errno(r, "no system call filter: %m");
}

/* — the whole — */

/* Who is not root any more has no capabilities; root keeps the name. */
static int become(uid_t uid) {
        if (setgroups(0, NULL) < 0 && uid != 0)
                return -errno;
        if (uid != 0 && (setresgid((gid_t) uid, (gid_t) uid, (gid_t) uid) < 0 || setresuid(uid, uid, uid) < 0))
                return -errno;
        return 0;
}

int confinement_enter(const Confinement *confinement) {
        const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
        pid_t parent = getppid();
        int r;

        if (prctl(PR_SET_SECUREBITS, bits) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        r = become(confinement->uid);
        if (r < 0)
                return r;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                return -ESRCH;
        if (confinement->landlock.fd >= 0)
                r = landlock_enforce(&confinement->landlock);
        filter();
        return r;
}
