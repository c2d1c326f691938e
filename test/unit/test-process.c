/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/sched.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"
#include "test.h"

/* A child that waits to be killed. */
static pid_t start_sleeper(int *ret_pidfd) {
        pid_t pid = process_clone(0, -EBADF, ret_pidfd);

        ASSERT_OK(pid);
        if (pid > 0)
                return pid;
        (void) alarm(30);
        for (;;)
                (void) pause();
}

TEST(exit) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t info;
        pid_t pid = process_clone(0, -EBADF, &pidfd);

        ASSERT_OK(pid);
        if (pid == 0)
                _exit(17);
        ASSERT_OK(process_wait(pidfd, &info));
        ASSERT_EQ(info.si_pid, pid);
        ASSERT_EQ(info.si_code, CLD_EXITED);
        ASSERT_EQ(info.si_status, 17);
        ASSERT_ERR(process_wait(pidfd, &info), -ECHILD);
        ASSERT_EQ(info.si_status, 17);
        ASSERT_ERR(process_wait(pidfd, NULL), -ECHILD);
}

TEST(life) {
        _cleanup_close_ int pidfd = -EBADF, other = -EBADF;
        pid_t pid = start_sleeper(&pidfd);
        struct pollfd p = { .events = POLLIN };
        siginfo_t info;

        ASSERT_EQ(process_pid(pidfd), pid);
        ASSERT_TRUE(process_alive(pidfd));
        other = process_open(pid);
        ASSERT_OK(other);
        ASSERT_EQ(process_pid(other), pid);
        ASSERT_OK(process_signal(pidfd, 0));

        ASSERT_OK(process_signal(other, SIGTERM));
        p.fd = pidfd;
        ASSERT_EQ(poll(&p, 1, 10000), 1);
        /* A zombie has ended, but its number is still its own. */
        ASSERT_TRUE(!process_alive(pidfd));
        ASSERT_EQ(process_pid(pidfd), pid);
        ASSERT_OK(process_wait(pidfd, &info));
        ASSERT_EQ(info.si_code, CLD_KILLED);
        ASSERT_EQ(info.si_status, SIGTERM);

        ASSERT_TRUE(!process_alive(pidfd));
        ASSERT_ERR(process_pid(pidfd), -ESRCH);
        ASSERT_ERR(process_signal(pidfd, SIGKILL), -ESRCH);
        ASSERT_ERR(process_open(pid), -ESRCH);
}

TEST(kill_and_reap) {
        _cleanup_close_ int pidfd = -EBADF;
        pid_t pid = start_sleeper(&pidfd);

        process_kill_and_reap(pidfd);
        ASSERT_EQ(waitpid(pid, NULL, WNOHANG), -1);
        process_kill_and_reap(pidfd); /* gone already */
}

TEST(no_pidfd) {
        int pair[2];

        ASSERT_TRUE(pipe2(pair, 0) >= 0);
        ASSERT_ERR(process_pid(pair[0]), -EBADF);
        ASSERT_TRUE(process_pid(9999) < 0);
        ASSERT_TRUE(process_signal(pair[0], 0) < 0);
        ASSERT_ERR(process_clone(0, pair[0], &(int){ -1 }), -EBADF);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

/* The child of a child that is nevertheless ours. */
TEST(sibling) {
        _cleanup_close_ int pidfd = -EBADF;
        pid_t sibling = 0, own = getpid();
        int report[2];
        siginfo_t info;

        ASSERT_TRUE(pipe2(report, 0) >= 0);
        ASSERT_OK(process_clone(0, -EBADF, &pidfd));
        if (getpid() != own) {
                int fd = -EBADF;
                pid_t pid = process_clone(CLONE_PARENT, -EBADF, &fd);

                if (pid == 0)
                        _exit(getppid() == own ? 5 : 6);
                _exit(pid < 0 || write(report[1], &pid, sizeof(pid)) != sizeof(pid));
        }
        ASSERT_OK(process_wait(pidfd, &info));
        ASSERT_EQ(info.si_status, 0);
        ASSERT_EQ(read(report[0], &sibling, sizeof(sibling)), (ssize_t) sizeof(sibling));
        ASSERT_TRUE(waitid(P_PID, (id_t) sibling, &info, WEXITED) >= 0);
        ASSERT_EQ(info.si_status, 5);
        (void) close(report[0]);
        (void) close(report[1]);
}

/* As PID 1 of a namespace, seen from inside and outside. */
TEST(namespace) {
        _cleanup_close_ int pidfd = -EBADF;
        pid_t own = getpid(), pid;
        siginfo_t info;

        TEST_NEEDS_ROOT;
        pid = process_clone(CLONE_NEWPID, -EBADF, &pidfd);
        ASSERT_OK(pid);
        if (pid == 0)
                _exit(getpid() != 1 || getppid() != 0 || process_open(own) >= 0);
        ASSERT_EQ(process_pid(pidfd), pid);
        ASSERT_OK(process_wait(pidfd, &info));
        ASSERT_EQ(info.si_code, CLD_EXITED);
        ASSERT_EQ(info.si_status, 0);
}

TEST_MAIN
