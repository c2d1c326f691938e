/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a PID can be recycled, a pidfd cannot, so the program keeps pidfds and uses numbers only
 * for talking to others. Children are born with clone3(2) directly: there are no threads and no atfork handlers
 * here that glibc's fork() would have to serve. */

#include "process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

/* <sys/pidfd.h> of newer C libraries and <sys/wait.h> of older ones both have it; some have neither. */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) {
        int pidfd = -EBADF;
        struct clone_args args = {
                .flags = flags | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
                .pidfd = (uint64_t) (uintptr_t) &pidfd,
                /* With CLONE_PARENT the kernel takes our own exit signal and insists on none here. */
                .exit_signal = (flags & CLONE_PARENT) ? 0 : SIGCHLD,
                .cgroup = cgroup_fd >= 0 ? (uint64_t) cgroup_fd : 0,
        };
        long pid = syscall(SYS_clone3, &args, sizeof(args));

        if (pid < 0)
                return -errno;
        if (pid > 0)
                *ret_pidfd = pidfd;
        return (pid_t) pid;
}

int process_open(pid_t pid) {
        int fd = pidfd_open(pid, 0);

        return fd < 0 ? -errno : fd;
}

int process_signal(int pidfd, int sig) {
        return pidfd_send_signal(pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

static int wait_for_end(int pidfd, int flags, siginfo_t *ret) {
        siginfo_t info = {};

        while (waitid((idtype_t) P_PIDFD, (id_t) pidfd, &info, WEXITED | flags) < 0)
                if (errno != EINTR)
                        return -errno;
        if (ret)
                *ret = info;
        return 0;
}

int process_wait(int pidfd, siginfo_t *ret) {
        return wait_for_end(pidfd, 0, ret);
}

int process_peek(int pidfd, siginfo_t *ret) {
        return wait_for_end(pidfd, WNOWAIT, ret);
}

void process_kill_and_reap(int pidfd) {
        (void) process_signal(pidfd, SIGKILL);
        (void) process_wait(pidfd, NULL);
}

pid_t process_pid(int pidfd) {
        _cleanup_free_ char *text = NULL;
        char path[40];
        const char *line;
        int pid, r;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%i", pidfd);
        r = read_file_at(AT_FDCWD, path, 4096, &text, NULL);
        if (r < 0)
                return r;
        line = strstr(text, "\nPid:");
        if (!line || sscanf(line, "\nPid: %i", &pid) != 1)
                return -EBADF;
        return pid > 0 ? pid : -ESRCH;
}

int process_open_directory(int pidfd) {
        pid_t pid = process_pid(pidfd);
        char path[32];
        int fd;

        if (pid < 0)
                return pid;
        (void) snprintf(path, sizeof(path), "/proc/%i", (int) pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        return fd;
}

bool process_alive(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) == 0;
}
