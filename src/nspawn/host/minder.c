/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a parent-death signal on the guest's PID 1 is not enough to make it die with its
 * supervisor: the guest can clear it, and the kernel clears it when a set-id program is executed. A PID namespace
 * cannot be left, though, and when its PID 1 dies the kernel kills everything in it and in the namespaces below.
 * So the supervisor forks the minder as PID 1 of a PID namespace and enters that namespace for its children: the
 * guest's own PID namespace is born below the minder's. The minder never executes anything, is out of the guest's
 * sight, and does nothing but wait on the supervisor's pidfd. If that fires, the minder removes the machine's
 * remains and ends; if it is killed itself, the guest is gone as well, and the next start finds the remains. */

#include "host/minder.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "log.h"
#include "process.h"

static _noreturn_ void mind(int supervisor_pidfd, bool moved_soon, void (*orphaned)(void *userdata), void *userdata) {
        struct pollfd p = { .fd = supervisor_pidfd, .events = POLLIN };
        int null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

        (void) prctl(PR_SET_NAME, "nspawn-minder");
        /* Away from the caller's terminal and pipes, so that neither ^C nor an end of file depends on us. */
        (void) setsid();
        if (null >= 0)
                (void) dup2(null, STDIN_FILENO), (void) dup2(null, STDOUT_FILENO);

        /* The manager gets to its move while we wait here, in the grace period that both of us need. */
        if (moved_soon)
                (void) cgroup_prepare_move();

        while (poll(&p, 1, -1) < 0 && errno == EINTR)
                ;
        orphaned(userdata);
        _exit(EXIT_SUCCESS);
}

int minder_start(bool moved_soon, void (*orphaned)(void *userdata), void *userdata, Minder *ret) {
        _cleanup_close_ int own = process_open(getpid());
        Minder minder = MINDER_NONE;

        if (own < 0)
                return log_error_errno(own, "cannot open a pidfd for this process: %m");
        minder.pid = process_clone(CLONE_NEWPID, -EBADF, &minder.pidfd);
        if (minder.pid < 0)
                return log_error_errno(minder.pid, "cannot create a PID namespace: %m");
        if (minder.pid == 0)
                mind(own, moved_soon, orphaned, userdata);

        if (setns(minder.pidfd, CLONE_NEWPID) < 0) {
                int r = log_error_errno(-errno, "cannot enter the minder's PID namespace: %m");

                minder_end(&minder);
                return r;
        }
        *ret = minder;
        return 0;
}

int minder_step_out(void) {
        _cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

        if (own < 0 || setns(own, CLONE_NEWPID) < 0)
                return log_error_errno(-errno, "cannot leave the minder's PID namespace: %m");
        return 0;
}

void minder_step_in(const Minder *minder) {
        if (setns(minder->pidfd, CLONE_NEWPID) < 0)
                (void) log_debug_errno(-errno, "cannot enter the minder's PID namespace: %m");
}

void minder_kill(const Minder *minder) {
        if (minder->pidfd >= 0)
                (void) process_signal(minder->pidfd, SIGKILL);
}

void minder_end(Minder *minder) {
        if (minder->pidfd < 0)
                return;
        (void) process_signal(minder->pidfd, SIGKILL);
        /* Not the minder alone: a PID 1 that the outer stage did not live to tell of is our child as well, and the
         * minder's namespace does not end before it is reaped. */
        while (waitid(P_ALL, 0, &(siginfo_t){}, WEXITED) >= 0 || errno == EINTR)
                ;
        minder->pidfd = safe_close(minder->pidfd);
}
