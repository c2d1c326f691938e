/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, after the image is locked and its loop devices are attached, and
 * before anything is mounted; a reboot inside needs no other check, since the kernel has unmounted the file
 * systems then. A file system that names other devices by itself is refused: they are the host's. A checker is
 * started only for one that does not say that it is clean.
 *
 * It reads what others have made, so it gets little: the device, no other descriptor but a pipe for what it
 * says, no terminal, a bounded time and amount of memory, and what host/confinement.c leaves it. It dies with us.
 * What it says is shown when debugging; what counts is its exit status, see fsck(8). */

#include "host/image-check.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "engine/progress.h"
#include "fd.h"
#include "file-system-state.h"
#include "host/confinement.h"
#include "log.h"
#include "process.h"

#define LIMIT_MSEC (10 * 60 * 1000)
#define LOOK_EVERY_MSEC 1000 /* whether the service manager wants to hear of it */
#define GRACE_MSEC 3000
#define MEMORY_MAX (UINT64_C(4) << 30)
#define DEVICE_FD 3
#define NOT_FOUND 127
#define PATH_DEFAULT "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

enum { FSCK_CORRECTED = 1, FSCK_REBOOT = 2, FSCK_UNCORRECTED = 4 };

static const struct {
        const char *fstype, *program, *option; /* that has it repair what is safe, and ask nothing */
} checkers[] = {
        { "ext4", "fsck.ext4", "-p" },
        { "f2fs", "fsck.f2fs", "-a" },
        { "vfat", "fsck.vfat", "-a" },
};

/* — the checker's process — */

/* The first one in $PATH. */
static int find_program(const char *name, char *ret, size_t size) {
        const char *path = getenv("PATH");

        for (const char *p = isempty(path) ? PATH_DEFAULT : path; *p; p += *p == ':') {
                size_t n = strcspn(p, ":");
                struct stat st;

                if (*p == '/' && (size_t) snprintf(ret, size, "%.*s/%s", (int) n, p, name) < size &&
                    access(ret, X_OK) >= 0 && stat(ret, &st) >= 0 && S_ISREG(st.st_mode))
                        return 0;
                p += n;
        }
        return -ENOENT;
}

static int set_streams(int null, int device_fd, int output_fd) {
        if (dup2(null, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0 ||
            dup2(device_fd, DEVICE_FD) < 0)
                return -errno;
        return close_range(DEVICE_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int set_limits(void) {
        static const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX }, none = { 0, 0 };
        sigset_t empty;

        (void) setsid();
        (void) sigemptyset(&empty);
        if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &empty, NULL) < 0 ||
            setrlimit(RLIMIT_AS, &memory) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        return 0;
}

/* fds are out of the way of the numbers that they get. */
static int enter(const char *program, int device_fd, int output_fd) {
        _cleanup_confinement_ Confinement confinement = CONFINEMENT_NONE;
        int null, device, output, r;

        r = confinement_prepare(device_fd, program, &confinement);
        if (r < 0)
                return r;
        null = open("/dev/null", O_RDONLY | O_NOCTTY | O_CLOEXEC);
        device = fcntl(confinement.device_fd, F_DUPFD_CLOEXEC, 10);
        output = fcntl(output_fd, F_DUPFD_CLOEXEC, 10);
        if (null < 0 || device < 0 || output < 0)
                return -errno;
        r = confinement_enter(&confinement);
        if (r >= 0)
                r = set_limits(); /* there may be no memory for us after it */
        if (r < 0)
                log_debug_errno(r, "%s cannot be confined: %m", program);
        return r < 0 ? r : set_streams(null, device, output);
}

static _noreturn_ void run_checker(size_t i, pid_t parent, int device_fd, int output_fd) {
        char device[32], program[PATH_MAX], path[] = "PATH=" PATH_DEFAULT, locale[] = "LC_ALL=C";
        char *environment[] = { path, locale, NULL };
        char *argv[] = { (char *) checkers[i].program, (char *) checkers[i].option, device, NULL };

        (void) snprintf(device, sizeof(device), "/proc/self/fd/%i", DEVICE_FD);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                _exit(NOT_FOUND - 1);
        if (find_program(checkers[i].program, program, sizeof(program)) < 0)
                _exit(NOT_FOUND);
        if (enter(program, device_fd, output_fd) < 0)
                _exit(NOT_FOUND - 1);
        (void) execve(program, argv, environment);
        _exit(NOT_FOUND);
}

/* — waiting for it — */

static int open_signals(void) {
        sigset_t set;
        int fd;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* What it has said of a line that is not whole yet is kept. */
typedef struct Output {
        int fd;
        size_t n;
        char text[512];
} Output;

static void close_output(Output *output) {
        output->fd = safe_close(output->fd);
}

/* Up to the end of the last whole line, or all of it. */
static void show_lines(Output *output, const char *program, bool all) {
        size_t from = 0;

        for (size_t to = 0; to < output->n; to++)
                if (output->text[to] == '\n' || output->text[to] == '\r') {
                        if (to > from)
                                log_debug("%s: %.*s", program, (int) (to - from), output->text + from);
                        from = to + 1;
                }
        if (from < output->n && (all || (from == 0 && output->n == sizeof(output->text)))) {
                log_debug("%s: %.*s", program, (int) (output->n - from), output->text + from);
                from = output->n;
        }
        output->n -= from;
        memmove(output->text, output->text + from, output->n);
}

/* False at the end of the output. */
static bool show_output(Output *output, const char *program) {
        ssize_t n = read(output->fd, output->text + output->n, sizeof(output->text) - output->n);

        output->n += n > 0 ? (size_t) n : 0;
        show_lines(output, program, n <= 0);
        return n > 0;
}

/* Until the process has ended: 0, or -ETIMEDOUT, or -ECANCELED if signal_fd (may be none) has something. */
static int watch(int pidfd, Output *output, int signal_fd, int64_t msec, const char *program) {
        int64_t start = (int64_t) clock_usec() / 1000;
        Progress progress = { .quiet = true };

        for (;;) {
                struct pollfd p[] = {
                        { .fd = pidfd, .events = POLLIN },
                        { .fd = output->fd, .events = POLLIN },
                        { .fd = signal_fd, .events = POLLIN },
                };
                int64_t passed = (int64_t) clock_usec() / 1000 - start;

                if (passed >= msec)
                        return -ETIMEDOUT;
                progress_show(&progress, "%s has run for %i s", program, (int) (passed / 1000));
                if (poll(p, ELEMENTSOF(p), (int) MIN(msec - passed, LOOK_EVERY_MSEC)) < 0 && errno != EINTR)
                        return -errno;
                if (p[1].revents && !show_output(output, program))
                        output->fd = safe_close(output->fd);
                else if (p[0].revents)
                        return 0;
                if (p[2].revents)
                        return -ECANCELED;
        }
}

/* Asked first, a checker ends at a point from which the next one goes on. */
static void end_checker(int pidfd, Output *output, const char *program) {
        (void) process_signal(pidfd, SIGTERM);
        (void) watch(pidfd, output, -EBADF, GRACE_MSEC, program);
        process_kill_and_reap(pidfd);
}

static int run(size_t i, int device_fd, siginfo_t *ret) {
        _cleanup_close_ int pidfd = -EBADF, signals = open_signals();
        _cleanup_(close_output) Output output = { .fd = -EBADF };
        pid_t own = getpid(), pid;
        int pipe_fds[2], r;

        if (signals < 0)
                return TAKE_FD(signals);
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        output.fd = pipe_fds[0];
        pid = process_clone(0, -EBADF, &pidfd);
        if (pid == 0)
                run_checker(i, own, device_fd, pipe_fds[1]);
        (void) safe_close(pipe_fds[1]);
        if (pid < 0)
                return pid;
        r = watch(pidfd, &output, signals, LIMIT_MSEC, checkers[i].program);
        if (r < 0) {
                end_checker(pidfd, &output, checkers[i].program);
                return r;
        }
        return process_wait(pidfd, ret);
}

/* — what it comes to — */

static int log_not_run(int error, const char *program, const char *path, const char *what) {
        if (error == -ETIMEDOUT)
                return log_error_errno(error,
                                       "%s: checking its %s file system takes too long; run %s by hand, or use "
                                       "--read-only",
                                       path, what, program);
        if (error == -ECANCELED)
                return log_error_errno(error, "%s: stopped while its %s file system was checked", path, what);
        return log_error_errno(error, "%s: cannot check its %s file system with %s: %m", path, what, program);
}

/* A checker that fails itself says nothing about the file system. */
static int judge(const siginfo_t *end, const char *program, const char *path, const char *what) {
        int status = end->si_status;

        if (end->si_code == CLD_EXITED && status == NOT_FOUND) {
                log_debug("%s: its %s file system is not clean, and there is no %s", path, what, program);
                return 0;
        }
        if (end->si_code != CLD_EXITED || (status & ~(FSCK_CORRECTED | FSCK_REBOOT | FSCK_UNCORRECTED))) {
                log_warning("%s: its %s file system is not clean, and %s failed (%s %i)", path, what, program,
                            end->si_code == CLD_EXITED ? "exit status" : "signal", status);
                return 0;
        }
        if (status & FSCK_UNCORRECTED)
                return log_error_errno(-EUCLEAN,
                                       "%s: its %s file system is damaged beyond what %s repairs by itself; repair it "
                                       "by hand, or use --read-only",
                                       path, what, program);
        if (status & FSCK_REBOOT)
                return log_error_errno(-EUCLEAN,
                                       "%s: its %s file system is in use elsewhere; %s repaired it, start the machine "
                                       "again",
                                       path, what, program);
        if (status & FSCK_CORRECTED)
                log_warning("%s: errors of its %s file system were corrected by %s", path, what, program);
        return 0;
}

static int repair(int fd, const char *fstype, const char *path, const char *what) {
        for (size_t i = 0; i < ELEMENTSOF(checkers); i++) {
                siginfo_t end = {};
                int r;

                if (!streq(checkers[i].fstype, fstype) ||
                    file_system_state(fd, fstype, (uint64_t) time(NULL)) == FILE_SYSTEM_CLEAN)
                        continue;
                log_debug("%s: its %s file system (%s) is not clean", path, what, fstype);
                r = run(i, fd, &end);
                return r < 0 ? log_not_run(r, checkers[i].program, path, what)
                             : judge(&end, checkers[i].program, path, what);
        }
        return 0;
}

static int refuse_others(int fd, const char *fstype, bool read_only, const char *path, const char *what) {
        if (!file_system_names_devices(fd, fstype, read_only))
                return 0;
        return log_error_errno(-EPERM,
                               "%s: its %s file system (%s) lies on other devices of this host too, which an image "
                               "may "
                               "not ask for",
                               path, what, fstype);
}

/* A checker may write what was not there before: by replaying a journal, or because the file system made it. */
int image_check(int fd, const char *fstype, bool read_only, const char *path, const char *what) {
        int r = refuse_others(fd, fstype, read_only, path, what);

        if (r < 0 || read_only)
                return r;
        r = repair(fd, fstype, path, what);
        return r < 0 ? r : refuse_others(fd, fstype, read_only, path, what);
}
