/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: PID 1 of a machine started with -a. It does three things: it reaps orphans, it turns the
 * signals that ask systemd to shut down or reboot into an orderly end of all processes, and it ends when the
 * payload has ended. It never executes anything, keeps no descriptor open and hears signals by sigwaitinfo(2)
 * alone, so there is nothing for the payload to get hold of. */

#include "guest/stub-init.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define STOP_TIMEOUT_SEC 90

typedef enum Wish { WISH_NONE, WISH_SHUTDOWN, WISH_REBOOT } Wish;

static Wish wish_of(int sig) {
        if (sig == SIGINT || sig == SIGRTMIN + 5 || sig == SIGRTMIN + 6 || sig == SIGRTMIN + 15 ||
            sig == SIGRTMIN + 16)
                return WISH_REBOOT;
        if (sig == SIGRTMIN + 3 || sig == SIGRTMIN + 4 || sig == SIGRTMIN + 13 || sig == SIGRTMIN + 14)
                return WISH_SHUTDOWN;
        return WISH_NONE;
}

/* Reaps what there is. True once the payload is among it, with its exit status set. */
static bool reap(pid_t payload, int *status) {
        siginfo_t info;

        for (;;) {
                info.si_pid = 0;
                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                        return false;
                if (info.si_pid == payload) {
                        *status = info.si_code == CLD_EXITED ? info.si_status : 255;
                        return true;
                }
        }
}

static _noreturn_ void end_machine(Wish wish, int status) {
        if (wish == WISH_REBOOT)
                (void) reboot(RB_AUTOBOOT);
        _exit(wish == WISH_SHUTDOWN ? EXIT_SUCCESS : status);
}

/* The caller's command line and environment are in this process's memory, where the guest can read them: they lie
 * there in one piece, beginning with the first argument. */
static void forget_caller(void) {
        static const char name[] = "(sd-stubinit)";
        char *start = program_invocation_name, *end = start + strlen(start) + 1;

        for (char **e = environ; e && *e; e++)
                end = MAX(end, *e + strlen(*e) + 1);
        if ((size_t) (end - start) < sizeof(name))
                return;
        explicit_bzero(start, (size_t) (end - start));
        memcpy(start, name, sizeof(name));
        environ = NULL;
}

static _noreturn_ void run_stub(pid_t payload, const sigset_t *signals) {
        Wish wish = WISH_NONE;
        struct timespec deadline = {};
        int status = 255;

        for (;;) {
                struct timespec now, left = { .tv_sec = 3600 };
                int sig;

                if (wish != WISH_NONE) {
                        (void) clock_gettime(CLOCK_MONOTONIC, &now);
                        left.tv_sec = deadline.tv_sec - now.tv_sec;
                        if (left.tv_sec <= 0)
                                end_machine(wish, status); /* takes the deaf ones along */
                }
                sig = sigtimedwait(signals, NULL, &left);
                if (sig < 0)
                        continue;
                if (sig == SIGCHLD && reap(payload, &status))
                        end_machine(wish, status);
                if (wish == WISH_NONE && (wish = wish_of(sig)) != WISH_NONE) {
                        (void) clock_gettime(CLOCK_MONOTONIC, &deadline);
                        deadline.tv_sec += STOP_TIMEOUT_SEC;
                        (void) kill(-1, SIGTERM);
                        (void) kill(-1, SIGCONT);
                        (void) kill(-1, SIGHUP);
                }
        }
}

int stub_init_fork(StageContext *context) {
        sigset_t all;
        pid_t pid;
        int null;

        /* Blocked before the fork: a signal that comes while the payload starts is kept for the loop. */
        (void) sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return log_error_errno(-errno, "cannot block signals: %m");
        pid = fork();
        if (pid < 0)
                return log_error_errno(-errno, "cannot start the command: %m");
        if (pid == 0) {
                /* A group of its own in the foreground: ^C is for the payload, PID 1 would reboot. */
                (void) setpgid(0, 0);
                if (context->tty_fd >= 0)
                        (void) tcsetpgrp(context->tty_fd, getpid());
                return 0;
        }

        forget_caller();
        (void) prctl(PR_SET_NAME, "(sd-stubinit)");
        (void) prctl(PR_SET_DUMPABLE, 0);
        null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
                (void) dup2(null, fd);
        (void) close_range(3, ~0U, 0);
        run_stub(pid, &all);
}
