/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, between two events of its loop, since nothing of the machine may go
 * on before its hooks are done; what is only to follow the start is left to a child. A hook has our own namespaces,
 * that of PIDs included, in which our other children are not born (host/minder.c), and our privileges: it is the
 * user's, as the bundle is. It gets the state in a file in memory, so that it may read it or not, and writes to our
 * standard error. While it is waited for, a signal to end us is not lost: it ends the hook. */

#include "host/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "log.h"
#include "process.h"

#define LOOK_USEC 100000u

static const char *const statuses[_OCI_HOOK_TIME_MAX] = {
        [OCI_HOOK_PRESTART] = "creating",
        [OCI_HOOK_CREATE_RUNTIME] = "creating",
        [OCI_HOOK_POSTSTART] = "running",
        [OCI_HOOK_POSTSTOP] = "stopped",
};

/* A machine's name needs no escapes. */
static int make_state(const OciConfig *oci, OciHookTime when, const char *machine, pid_t leader) {
        _cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        char pid[32] = "";
        int r;

        if (leader > 0)
                (void) snprintf(pid, sizeof(pid), "\"pid\":%i,", (int) leader);
        if (fd < 0)
                return -errno;
        if (asprintf(&text, "{\"id\":\"%s\",\"status\":\"%s\",%s%s}\n", machine, statuses[when], pid, oci->state) < 0)
                return -ENOMEM;
        r = write_all(fd, text, strlen(text));
        if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return r < 0 ? r : -errno;
        return TAKE_FD(fd);
}

static _noreturn_ void become_hook(const OciHook *hook, int state_fd) {
        char *alone[] = { hook->path, NULL }, *nothing[] = { NULL };
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setpgid(0, 0) >= 0 && dup2(state_fd, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
                (void) execve(hook->path, hook->argv ?: alone, hook->environment ?: nothing);
        (void) log_error_errno(-errno, "hook %s: %m", hook->path);
        _exit(127);
}

static bool asked_to_end(void) {
        sigset_t pending;

        return sigpending(&pending) >= 0 && (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT));
}

/* 0 once it has ended. */
static int wait_for_hook(int pidfd, uint64_t timeout_usec) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        uint64_t begin = clock_usec();

        for (;;) {
                int n = poll(&p, 1, LOOK_USEC / 1000);

                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (asked_to_end())
                        return -ECANCELED;
                if (timeout_usec > 0 && clock_usec() - begin >= timeout_usec)
                        return -ETIMEDOUT;
        }
}

static int run_hook(const OciHook *hook, int state_fd) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t info = {};
        pid_t pid;
        int r;

        pid = process_clone(0, -EBADF, &pidfd);
        if (pid == 0)
                become_hook(hook, state_fd);
        if (pid < 0)
                return log_error_errno(pid, "hook %s: %m", hook->path);
        r = wait_for_hook(pidfd, hook->timeout_usec);
        if (r < 0) {
                (void) kill(-pid, SIGKILL); /* with what it started; our child, so the number is still its own */
                process_kill_and_reap(pidfd);
                return log_error_errno(r, "hook %s: %m", hook->path);
        }
        r = process_wait(pidfd, &info);
        if (r < 0)
                return log_error_errno(r, "hook %s: %m", hook->path);
        if (info.si_code == CLD_EXITED && info.si_status == 0)
                return 0;
        if (info.si_code == CLD_EXITED)
                log_error("hook %s: failed with exit status %i", hook->path, info.si_status);
        else
                log_error("hook %s: ended by signal %s", hook->path, sigabbrev_np(info.si_status) ?: "?");
        return -EPROTO;
}

static int run_all(const OciConfig *oci, OciHookTime when, const char *machine, pid_t leader) {
        const OciHooks *hooks = &oci->hooks[when];
        int error = 0;

        for (size_t i = 0; i < hooks->n_items; i++) {
                _cleanup_close_ int state = make_state(oci, when, machine, leader);
                int r = state < 0 ? log_error_errno(state, "cannot tell hooks the machine's state: %m")
                                  : run_hook(&hooks->items[i], state);

                if (r < 0)
                        error = r;
                if (r < 0 && when < OCI_HOOK_POSTSTART)
                        break; /* the others are run whatever becomes of one */
        }
        return error;
}

int hooks_run(const Minder *minder, const OciConfig *oci, OciHookTime when, const char *machine, pid_t leader) {
        int r;

        if (oci->hooks[when].n_items == 0)
                return 0;
        r = minder_step_out();
        if (r < 0)
                return r;
        r = run_all(oci, when, machine, leader);
        minder_step_in(minder);
        return r;
}

int hooks_begin(const Minder *minder, const OciConfig *oci, const char *machine, pid_t leader, int *ret_pidfd) {
        pid_t pid;
        int r;

        *ret_pidfd = -EBADF;
        if (oci->hooks[OCI_HOOK_POSTSTART].n_items == 0)
                return 0;
        r = minder_step_out();
        if (r < 0)
                return r;
        pid = process_clone(0, -EBADF, ret_pidfd);
        if (pid == 0) {
                (void) close_range(STDERR_FILENO + 1, ~0U, 0); /* the console and the bus are not to wait for it */
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(run_all(oci, OCI_HOOK_POSTSTART, machine, leader) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        minder_step_in(minder);
        return pid < 0 ? log_error_errno(pid, "cannot run the hooks of poststart: %m") : 0;
}

void hooks_end(int pidfd) {
        if (wait_for_hook(pidfd, 0) == -ECANCELED)
                (void) process_signal(pidfd, SIGTERM); /* blocked as it is, it ends the hook */
        (void) process_wait(pidfd, NULL);
}
