/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tries, one by one, the kernel interfaces that nspawn cannot do without, and says of each whether it is there. It
 * runs as root on the oldest supported kernel, from PID 1's script, in the initial namespaces; it is linked
 * statically, and what the C library's headers may not know goes by number, so that an old build system can build
 * it. Each probe is a function that returns 0 or a negative errno; a table at the end names them. The mount probes
 * share one child mount namespace, so nothing they do is seen outside. Exit status 0: all probes ran. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define CGROUP "/sys/fs/cgroup/probe-"

/* Negative errno for a failed system call, else its result. */
static long sys(long r) {
        return r < 0 ? -errno : r;
}

static int new_mount(const char *type) {
        int fs, m;

        fs = sys(fsopen(type, FSOPEN_CLOEXEC));
        if (fs < 0)
                return fs;
        if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        m = sys(fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
        close(fs);
        return m;
}

static int attach(int mount, const char *path) {
        (void) mkdir(path, 0755);
        return sys(move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
}

static int probe_openat2(void) {
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int root, fd;

        (void) mkdir("/tmp/jail", 0755);
        (void) symlink("/../../etc/passwd", "/tmp/jail/out");
        root = sys(open("/tmp/jail", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (root < 0)
                return root;
        /* below the root there is no /etc/passwd, wherever the symlink leads */
        fd = sys(syscall(SYS_openat2, root, "out", &how, sizeof(how)));
        close(root);
        if (fd >= 0) {
                close(fd);
                return -EXDEV;
        }
        return fd == -ENOENT ? 0 : fd;
}

static int probe_mount_fd(void) {
        int m, r;

        m = new_mount("tmpfs");
        if (m < 0)
                return m;
        if (mkdirat(m, "below-a-detached-mount", 0755) < 0)
                return -errno;
        r = attach(m, "/tmp/mnt");
        close(m);
        return r;
}

static int probe_cgroup2_fd(void) {
        int m, r;

        m = new_mount("cgroup2");
        if (m < 0)
                return m;
        r = attach(m, "/tmp/cg");
        close(m);
        return r;
}

static int probe_open_tree(void) {
        int t, r;

        t = sys(open_tree(AT_FDCWD, "/etc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        if (t < 0)
                return t;
        r = attach(t, "/tmp/etc");
        close(t);
        return r;
}

static int probe_mount_setattr(void) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_SLAVE };
        int t, r;

        t = sys(open_tree(AT_FDCWD, "/etc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        if (t < 0)
                return t;
        r = sys(mount_setattr(t, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)));
        if (r >= 0 && (openat(t, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) >= 0 || errno != EROFS))
                r = -EPERM;
        close(t);
        return r;
}

static int probe_detached_proc(void) {
        int m;

        m = new_mount("proc");
        if (m < 0)
                return m;
        if (faccessat(m, "self/status", R_OK, 0) < 0)
                return -errno;
        close(m);
        return 0;
}

/* A child born into a cgroup and a PID namespace, as the caller's sibling's would be, with a pidfd. */
static int spawn(uint64_t flags, int cgroup, int *ret_pidfd) {
        struct clone_args args = {
                .flags = CLONE_PIDFD | flags | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
                .pidfd = (uintptr_t) ret_pidfd,
                /* a sibling has its parent's exit signal, and must not ask for one */
                .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
                .cgroup = cgroup >= 0 ? cgroup : 0,
        };

        return sys(syscall(SYS_clone3, &args, sizeof(args)));
}

static int reap(int pidfd, int *ret_status) {
        siginfo_t si = {};

        if (waitid(P_PIDFD, pidfd, &si, WEXITED) < 0)
                return -errno;
        if (ret_status)
                *ret_status = si.si_code == CLD_EXITED ? si.si_status : -si.si_status;
        close(pidfd);
        return 0;
}

/* Each user has one of its own: a kernel that takes cgroup.kill's sequence number from the parent's cgroup kills what
 * is born by CLONE_INTO_CGROUP into a cgroup in which cgroup.kill was ever used. */
static int open_cgroup(const char *path) {
        (void) mkdir(path, 0755);
        return sys(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int probe_clone3(void) {
        int cgroup, pidfd = -1, status = 0, r;

        cgroup = open_cgroup(CGROUP "clone");
        if (cgroup < 0)
                return cgroup;
        r = spawn(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP, cgroup,
                  &pidfd);
        if (r == 0) {
                char b[256] = "";
                int fd = open("/proc/self/cgroup", O_RDONLY);

                /* its cgroup namespace is rooted where it was born */
                _exit(getpid() == 1 && fd >= 0 && read(fd, b, sizeof(b) - 1) > 0 && strstr(b, "0::/\n") ? 42 : 1);
        }
        close(cgroup);
        if (r < 0)
                return r;
        r = reap(pidfd, &status);
        (void) rmdir(CGROUP "clone");
        return r < 0 ? r : status == 42 ? 0 : -EBADE;
}

static int probe_clone_parent(void) {
        int pipe_fd[2], child, status, pidfd = -1;
        pid_t sibling = 0;

        if (pipe2(pipe_fd, O_CLOEXEC) < 0)
                return -errno;
        child = fork();
        if (child == 0) {
                int r = spawn(CLONE_PARENT | CLONE_NEWPID, -1, &pidfd);

                if (r == 0)
                        _exit(getpid() == 1 ? 7 : 1);
                (void) !write(pipe_fd[1], &r, sizeof(r));
                _exit(0);
        }
        if (child < 0 || read(pipe_fd[0], &sibling, sizeof(sibling)) != sizeof(sibling))
                return -EIO;
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        (void) waitpid(child, NULL, 0);
        if (sibling < 0)
                return sibling;
        if (waitpid(sibling, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : -EBADE;
}

static int probe_pidfd(void) {
        int pidfd = -1, opened, status, r;
        struct pollfd p;

        r = spawn(0, -1, &pidfd);
        if (r == 0) {
                pause();
                _exit(0);
        }
        if (r < 0)
                return r;
        opened = sys(syscall(SYS_pidfd_open, r, 0));
        if (opened < 0)
                return opened;
        if (syscall(SYS_pidfd_send_signal, opened, SIGKILL, NULL, 0) < 0)
                return -errno;
        p = (struct pollfd){ .fd = opened, .events = POLLIN };
        if (poll(&p, 1, 5000) != 1)
                return -ETIME;
        close(opened);
        r = reap(pidfd, &status);
        return r < 0 ? r : status == -SIGKILL ? 0 : -EBADE;
}

static int probe_setns_pidfd(void) {
        int pidfd = -1, r, helper, status = 0;

        r = spawn(CLONE_NEWNS | CLONE_NEWUTS, -1, &pidfd);
        if (r == 0) {
                pause();
                _exit(0);
        }
        if (r < 0)
                return r;
        helper = fork();
        if (helper == 0)
                _exit(setns(pidfd, CLONE_NEWNS | CLONE_NEWUTS) < 0 ? errno : 0);
        (void) waitpid(helper, &status, 0);
        (void) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        (void) reap(pidfd, NULL);
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EBADE;
}

static int probe_cgroup_kill(void) {
        int cgroup, kill_fd, pidfd = -1, status, r;

        cgroup = open_cgroup(CGROUP "kill");
        if (cgroup < 0)
                return cgroup;
        r = spawn(0, cgroup, &pidfd);
        if (r == 0)
                for (;;)
                        pause();
        if (r < 0)
                return r;
        kill_fd = sys(openat(cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC));
        if (kill_fd < 0)
                return kill_fd;
        if (write(kill_fd, "1", 1) != 1)
                return -errno;
        close(kill_fd);
        close(cgroup);
        r = reap(pidfd, &status);
        (void) rmdir(CGROUP "kill");
        return r < 0 ? r : status == -SIGKILL ? 0 : -EBADE;
}

static int probe_device_program(void) {
        struct bpf_insn deny[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        union bpf_attr load = {
                .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                .insns = (uintptr_t) deny,
                .insn_cnt = ELEMENTS(deny),
                .license = (uintptr_t) "LGPL-2.1-or-later",
        }, add = {};
        int cgroup, prog, pidfd = -1, status, r;

        cgroup = open_cgroup(CGROUP "device");
        if (cgroup < 0)
                return cgroup;
        prog = sys(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)));
        if (prog < 0)
                return prog;
        add.target_fd = cgroup;
        add.attach_bpf_fd = prog;
        add.attach_type = BPF_CGROUP_DEVICE;
        add.attach_flags = BPF_F_ALLOW_MULTI;
        r = sys(syscall(SYS_bpf, BPF_PROG_ATTACH, &add, sizeof(add)));
        if (r < 0)
                return r;
        r = spawn(0, cgroup, &pidfd);
        if (r == 0)
                _exit(open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM ? 0 : 1);
        if (r < 0)
                return r;
        r = reap(pidfd, &status);
        close(prog);
        close(cgroup);
        (void) rmdir(CGROUP "device");
        return r < 0 ? r : status == 0 ? 0 : -EBADE;
}

static int probe_seccomp(void) {
        int status = 0, child = fork();

        if (child == 0) {
                struct sock_filter allow[] = { { .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW } };
                struct sock_fprog p = { .len = 1, .filter = allow };

                _exit(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) < 0 ? errno : 0);
        }
        (void) waitpid(child, &status, 0);
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EBADE;
}

static int probe_close_range(void) {
        int fd = open("/dev/null", O_RDONLY), flags;

        if (syscall(SYS_close_range, 3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0)
                return -errno;
        flags = fcntl(fd, F_GETFD);
        close(fd);
        return flags & FD_CLOEXEC ? 0 : -EBADE;
}

static int probe_keyring(void) {
        return sys(syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0)) < 0 ? -errno : 0;
}

static int probe_reboot_in_pidns(void) {
        int pidfd = -1, status, r;

        r = spawn(CLONE_NEWPID, -1, &pidfd);
        if (r == 0) {
                (void) syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc /* POWER_OFF */, NULL);
                _exit(1);
        }
        if (r < 0)
                return r;
        r = reap(pidfd, &status);
        return r < 0 ? r : status == -SIGINT ? 0 : -EBADE;
}

/* A PID namespace within a PID namespace: the death of the outer PID 1 is the inner one's, too. */
static int probe_nested_pidns(void) {
        int fds[2], outer = -1, r;
        char c;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(CLONE_NEWPID, -1, &outer);
        if (r == 0) {
                int inner = -1;

                if (spawn(CLONE_NEWPID, -1, &inner) == 0) {
                        (void) prctl(PR_SET_PDEATHSIG, 0);
                        (void) !write(fds[1], "x", 1);
                }
                for (;;)
                        pause();
        }
        close(fds[1]);
        if (r < 0 || read(fds[0], &c, 1) != 1)
                return -EIO;
        if (syscall(SYS_pidfd_send_signal, outer, SIGKILL, NULL, 0) < 0)
                return -errno;
        /* the pipe ends when the last process that could write to it is gone */
        r = poll(&(struct pollfd){ .fd = fds[0], .events = POLLIN }, 1, 5000) == 1 && read(fds[0], &c, 1) == 0;
        close(fds[0]);
        (void) reap(outer, NULL);
        return r ? 0 : -ETIME;
}

static int probe_seqpacket(void) {
        int fds[2], on = 1;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        close(fds[0]);
        close(fds[1]);
        return 0;
}

static const struct {
        const char *what;
        int (*run)(void);
} probes[] = {
        { "openat2(RESOLVE_IN_ROOT) stays inside", probe_openat2 },
        { "a detached tmpfs can be filled, then attached", probe_mount_fd },
        { "cgroup2 by fsopen()", probe_cgroup2_fd },
        { "proc by fsopen()", probe_detached_proc },
        { "open_tree(OPEN_TREE_CLONE)", probe_open_tree },
        { "mount_setattr() of a detached tree", probe_mount_setattr },
        { "clone3() into a cgroup and all namespaces", probe_clone3 },
        { "clone3(CLONE_PARENT | CLONE_NEWPID)", probe_clone_parent },
        { "pidfd_open(), pidfd_send_signal(), poll, waitid(P_PIDFD)", probe_pidfd },
        { "setns() by pidfd", probe_setns_pidfd },
        { "cgroup.kill", probe_cgroup_kill },
        { "a device program on a cgroup", probe_device_program },
        { "a seccomp filter", probe_seccomp },
        { "close_range(CLOSE_RANGE_CLOEXEC)", probe_close_range },
        { "a new session keyring", probe_keyring },
        { "poweroff in a PID namespace is SIGINT", probe_reboot_in_pidns },
        { "the outer PID 1's death is the inner one's", probe_nested_pidns },
        { "a SEQPACKET pair with credentials", probe_seqpacket },
};

int main(void) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
                perror("mount namespace");
                return EXIT_FAILURE;
        }
        for (size_t i = 0; i < ELEMENTS(probes); i++) {
                int r = probes[i].run();

                if (r < 0)
                        printf("not ok %s: %s\n", probes[i].what, strerror(-r));
                else
                        printf("ok %s\n", probes[i].what);
                (void) fflush(stdout);
        }
        return EXIT_SUCCESS;
}
