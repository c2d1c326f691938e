/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, from its event loop, so nothing here waits. Every init has its
 * own idea of how it is asked to stop; init-system.c has the table, this file has the four ways of asking.
 *
 * A stop must get through at any moment of the guest's life, also in its first milliseconds, when the init
 * has no signal handler and no FIFO yet. Each way therefore looks whether the init can hear it already, and
 * if it is not sure, says -EAGAIN. The caller comes back until its time is over. A signal that PID 1 blocks
 * counts as heard: it is kept until the init wants it.
 *
 * Files of the guest are reached from the root directory of PID 1, inside it. They are opened with O_PATH and
 * looked at first: what should be a FIFO may be a device node, which does things when it is opened, by a
 * process that its machine's device rules do not bind. And we touch only what belongs to the user that PID 1
 * runs as, so that we never do for a guest what it cannot do itself, on a file of the host that is bound into
 * it, say. */

#include "supervise/shutdown.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "path-in-root.h"
#include "process.h"

/* A flag file that has changed a moment ago may still be in the making by a boot script. */
#define FLAG_SETTLED_NSEC 100000000LL

/* Sends it also where it will probably be dropped: the masks may have changed since, or not show all. Twice
 * does no harm to any init; but real-time signals queue up where they are blocked. */
static int send_signal(const LeaderView *leader, int sig) {
        int r;

        if (leader_view_has_pending(leader, sig))
                return leader_view_hears(leader, sig) ? 0 : -EAGAIN;
        r = process_signal(leader->pidfd, sig);
        if (r < 0 && r != -ESRCH && r != -EAGAIN)
                return log_error_errno(r, "cannot send signal %i to the machine's PID 1: %m", sig);
        return r >= 0 && !leader_view_hears(leader, sig) ? -EAGAIN : r;
}

/* Opens (O_PATH) a file of the guest's own, of this type. -EAGAIN if there is none (yet). */
static int open_own_file(LeaderView *leader, const char *path, mode_t type, struct stat *ret) {
        _cleanup_close_ int fd = -EBADF;
        int root;

        root = leader_view_root(leader);
        if (root < 0)
                return root == -ENOENT ? -ESRCH : log_error_errno(root, "cannot open the machine's root: %m");
        fd = root_open(root, path, O_PATH);
        if (fd < 0) {
                (void) log_debug_errno(fd, "cannot open %s in the machine: %m", path);
                return -EAGAIN;
        }
        if (fstat(fd, ret) < 0)
                return log_error_errno(-errno, "cannot look at %s in the machine: %m", path);
        if ((ret->st_mode & S_IFMT) != type || ret->st_uid != leader->uid) {
                log_debug("%s in the machine is not what its init would make, not touching it", path);
                return -EAGAIN;
        }
        return TAKE_FD(fd);
}

/* One write(2), without the signal that a FIFO gives to whoever loses its last reader meanwhile. */
static ssize_t write_without_sigpipe(int fd, const void *data, size_t size) {
        static const struct timespec now = {};
        sigset_t sigpipe, pending, saved;
        ssize_t n;
        int error;

        (void) sigemptyset(&sigpipe);
        (void) sigaddset(&sigpipe, SIGPIPE);
        (void) sigpending(&pending);
        (void) sigprocmask(SIG_BLOCK, &sigpipe, &saved);
        n = write(fd, data, size);
        error = errno;
        if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
                (void) sigtimedwait(&sigpipe, NULL, &now);
        (void) sigprocmask(SIG_SETMASK, &saved, NULL);
        errno = error;
        return n;
}

static int ask_by_fifo(LeaderView *leader, const InitSystem *init, StopWish wish) {
        for (size_t i = 0; i < ELEMENTSOF(init->paths) && init->paths[i]; i++) {
                _cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
                const char *path = init->paths[i];
                struct stat st;
                ssize_t n;

                path_fd = open_own_file(leader, path, S_IFIFO, &st);
                if (path_fd == -EAGAIN)
                        continue;
                if (path_fd < 0)
                        return TAKE_FD(path_fd);
                fd = fd_reopen(path_fd, O_WRONLY | O_NONBLOCK | O_NOCTTY);
                if (fd == -ENXIO) /* nobody reads */
                        continue;
                if (fd < 0)
                        return log_error_errno(TAKE_FD(fd), "cannot open %s in the machine: %m", path);

                n = write_without_sigpipe(fd, init->messages[wish].data, init->messages[wish].size);
                if (n < 0 && errno != EAGAIN && errno != EPIPE)
                        return log_error_errno(-errno, "cannot write to %s in the machine: %m", path);
                if (n >= 0) /* never a part of it: it fits into PIPE_BUF */
                        return 0;
        }
        return -EAGAIN;
}

/* Makes a flag file that the distribution has not prepared, with the rights of the guest's root. */
static int make_flag(LeaderView *leader, const char *path) {
        _cleanup_close_ int parent = -EBADF, fd = -EBADF;
        const char *name;
        int r;

        parent = root_open_parent(leader->root_fd, path, false, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        (void) setfsuid(leader->uid);
        fd = openat(parent, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0);
        r = fd < 0 ? -errno : TAKE_FD(fd);
        (void) setfsuid(geteuid());
        return r;
}

/* Opens a flag file. Where the distribution has put a symlink, its boot scripts make the target, and it has
 * to be theirs: one of ours would be replaced. */
static int open_flag(LeaderView *leader, const char *path, struct stat *ret) {
        int fd;

        fd = open_own_file(leader, path, S_IFREG, ret);
        if (fd == -EAGAIN && !root_exists(leader->root_fd, path)) {
                (void) safe_close(make_flag(leader, path));
                fd = open_own_file(leader, path, S_IFREG, ret);
        }
        return fd;
}

/* By way of our own /proc: fchmod(2) refuses O_PATH descriptors, and the file need not be readable. */
static int set_flag(int path_fd, const char *path, bool on) {
        char own[40];

        (void) snprintf(own, sizeof(own), "/proc/self/fd/%i", path_fd);
        if (chmod(own, on ? 0100 : 0) < 0)
                return log_error_errno(-errno, "cannot change %s in the machine: %m", path);
        return 0;
}

static bool is_settled(const struct stat *st) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return llabs((now.tv_sec - st->st_ctim.tv_sec) * 1000000000LL + now.tv_nsec - st->st_ctim.tv_nsec) >
                FLAG_SETTLED_NSEC;
}

/* runit throws the signal away unless it is in its second stage, and takes the flag down when it obeys. So we
 * ask until the flag that we have put up is down. */
static int ask_by_flags(ShutdownTarget *target, LeaderView *leader, const InitSystem *init, StopWish wish) {
        _cleanup_close_ int stop = -EBADF, reboot = -EBADF;
        const int sig = init_system_signal(init->signals[wish]);
        struct stat stop_st, reboot_st;
        int r;

        stop = open_flag(leader, init->paths[0], &stop_st);
        if (stop < 0)
                return TAKE_FD(stop);
        if (target->flagged && !(stop_st.st_mode & S_IXUSR))
                return 0;
        if (!leader_view_hears(leader, sig))
                return -EAGAIN;
        if (!target->flagged) {
                reboot = open_flag(leader, init->paths[1], &reboot_st);
                if (reboot < 0)
                        return TAKE_FD(reboot);
                if (!is_settled(&stop_st) || !is_settled(&reboot_st))
                        return -EAGAIN;
                r = set_flag(reboot, init->paths[1], wish == STOP_REBOOT);
                if (r >= 0)
                        r = set_flag(stop, init->paths[0], true);
                if (r < 0)
                        return r;
                target->flagged = true;
        }
        r = send_signal(leader, sig);
        return r < 0 ? r : -EAGAIN;
}

/* For an init that we do not know. What it catches is certain to reach it; what is merely blocked may be so
 * by our own start-up, which does that for systemd's sake, and the program may yet execute the real init. */
static int ask_by_guess(const LeaderView *leader, StopWish wish) {
        const int candidates[_STOP_WISH_MAX][3] = {
                [STOP_POWEROFF] = { SIGRTMIN + 3, SIGPWR, SIGTERM },
                [STOP_REBOOT] = { SIGRTMIN + 5, SIGINT, SIGINT },
        };
        const int *signals = candidates[wish];
        int r, sig = signals[0];

        for (size_t i = 0; i < 3; i++)
                if (leader_view_catches(leader, signals[i]))
                        return send_signal(leader, signals[i]);
        for (size_t i = 2; i > 0; i--)
                if (leader_view_hears(leader, signals[i]))
                        sig = signals[i];
        r = send_signal(leader, sig);
        return r >= 0 ? -EAGAIN : r;
}

static int ask_init(ShutdownTarget *target, LeaderView *leader, StopWish wish) {
        const InitSystem *init = init_system_find(leader->program);
        int r = -EINVAL;

        switch (init->method) {
        case STOP_BY_SIGNAL:
                r = send_signal(leader, init_system_signal(init->signals[wish]));
                if (r >= 0 && init->deaf_at_boot)
                        r = -EAGAIN;
                break;
        case STOP_BY_FIFO:
                r = ask_by_fifo(leader, init, wish);
                /* Not every program called "init" is System V's, which does not know this signal. */
                if (r == -EAGAIN && leader_view_catches(leader, SIGRTMIN + (wish == STOP_REBOOT ? 5 : 3)))
                        r = ask_by_guess(leader, wish);
                break;
        case STOP_BY_FLAGS:
                r = ask_by_flags(target, leader, init, wish);
                break;
        case STOP_BY_GUESS:
                r = ask_by_guess(leader, wish);
                break;
        }
        log_debug("asked PID 1 (%s, taken for %s) to stop: %i", leader->program, init->name, r);
        return r;
}

/* Whether the default action of a signal is to end the process. */
static bool ends_by_default(int sig) {
        static const int others[] = {
                SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (sig == others[i])
                        return false;
        return true;
}

static int ask_command(const LeaderView *leader, int sig) {
        int r = send_signal(leader, sig);

        if (r != -EAGAIN)
                return r;
        /* Ignored on purpose, or waited for: it has been told, and does with it what it likes. */
        if (leader_view_ignores(leader, sig) || leader->in_sigwait)
                return 0;
        return ends_by_default(sig) ? -EOPNOTSUPP : 0;
}

int shutdown_ask(ShutdownTarget *target, StopWish wish) {
        _cleanup_(leader_view_close) LeaderView leader = LEADER_VIEW_NONE;
        const int kill_signal = wish == STOP_POWEROFF ? target->kill_signal : 0;
        int r;

        r = leader_view_open(target->leader_pidfd, &leader);
        if (r == -ESRCH)
                return r;
        if (r < 0)
                return log_error_errno(r, "cannot look at the machine's PID 1: %m");

        if (target->stub) {
                r = send_signal(&leader, SIGRTMIN + (wish == STOP_REBOOT ? 5 : 3));
                return r == -EAGAIN && leader.in_sigwait ? 0 : r;
        }
        if (leader.ours)
                return -EAGAIN;
        if (!target->boot)
                return ask_command(&leader, kill_signal > 0 ? kill_signal : SIGTERM);
        if (kill_signal > 0)
                return send_signal(&leader, kill_signal);
        return ask_init(target, &leader, wish);
}
