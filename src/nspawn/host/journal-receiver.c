/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor. The socket is made here and bound by the outer stage, in the guest's own
 * /run/host, so that it has no place on the host and nobody can leave it there; both hold the same socket. While nobody
 * has connected, that is all. With the first connection systemd-journal-remote is started in its sandbox
 * (host/journal-sandbox.c) and given the socket, from which it accepts that connection and all others. Should it fail,
 * the next connection starts it again, some times.
 *
 * At the end of a run no process of the guest is left, so what they sent is all there will be. journal-remote closes a
 * connection when it has written all that came over it. When nobody waits to be accepted, and it has no socket open
 * but the one that it was given, it is done, and is asked to end: that leaves the files in good order. */

#include "host/journal-receiver.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "host/journal-sandbox.h"
#include "host/journal-target.h"
#include "log.h"
#include "mount-fd.h"
#include "process.h"
#include "user-namespace.h"

#define STARTS_MAX 5u
#define LINES_MAX 10u /* of what it complains about, in one run */
#define DRAIN_USEC 5000000u
#define END_MSEC 3000
#define PAUSE_USEC 2000
#define PROGRAM_MAX (16u << 20)

struct JournalReceiver {
        sd_event *event;
        const ForwardJournalConfig *config;
        const char *machine;
        const char *program;
        SeccompProgram filter;
        JournalTarget target;
        uid_t uid;
        gid_t gid;
        sd_event_source *change_source;

        /* one run's */
        int listen_fd, cgroup_fd;
        sd_event_source *connection_source, *end_source, *output_source;
        int pidfd, output_fd;
        pid_t pid;
        unsigned n_starts, n_lines;
};

/* — before the machine is started — */

static int find_program(const char **ret) {
        static const char *const places[] = {
                "/usr/lib/systemd/systemd-journal-remote",
                "/lib/systemd/systemd-journal-remote",
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (access(places[i], X_OK) >= 0) {
                        *ret = places[i];
                        return 0;
                }
        return log_error_errno(-ENOENT,
                               "--forward-journal= takes systemd-journal-remote, which is not installed; it is in the "
                               "package of that name");
}

/* Before 253 it had none of the settings, and it says no more than a warning about what it does not know. */
static int check_limits(const ForwardJournalConfig *config, const char *program) {
        static const char name[] = "MaxFileSize";
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (!forward_journal_is_limited(config))
                return 0;
        r = read_file_at(AT_FDCWD, program, PROGRAM_MAX, &text, &size);
        if (r < 0)
                return log_error_errno(r, "%s: %m", program);
        if (memmem(text, size, name, sizeof(name)))
                return 0;
        return log_error_errno(-EOPNOTSUPP,
                               "--forward-journal-…=: this host's systemd-journal-remote keeps to no limits, which "
                               "takes version 253: leave them out");
}

/* A copy of the target's mount in which its owner is the user that the process runs as. */
static int clone_target(const JournalReceiver *r) {
        const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        const IdMap map = {
                .inside_uid = r->target.owner,
                .outside_uid = r->uid,
                .inside_gid = r->target.group,
                .outside_gid = r->gid,
                .count = 1,
        };
        _cleanup_close_ int mount = -EBADF, users = -EBADF;
        int k;

        mount = mount_clone(r->target.directory_fd, "", false);
        if (mount < 0)
                return TAKE_FD(mount);
        k = mount_set_attributes(mount, attributes, MOUNT_ATTR_RDONLY, false);
        if (k >= 0 && r->target.owner != r->uid) {
                k = users = user_namespace_make(&map);
                if (k >= 0)
                        k = mount_map_ids(mount, users, false);
        }
        return k < 0 ? k : TAKE_FD(mount);
}

static int try_target(const JournalReceiver *r) {
        _cleanup_close_ int mount = clone_target(r);

        if (mount == -EINVAL || mount == -EOPNOTSUPP)
                return log_error_errno(mount,
                                       "--forward-journal=%s: this file system cannot show files under other owners: "
                                       "give a directory that belongs to user %u, as whom the journal is received",
                                       r->config->path, r->uid);
        return mount < 0 ? log_error_errno(mount, "--forward-journal=%s: %m", r->config->path) : 0;
}

static int on_change(sd_event_source *source, const struct inotify_event *change, void *userdata) {
        JournalReceiver *r = userdata;
        int k = journal_target_publish(&r->target);

        (void) source;
        (void) change;
        if (k < 0)
                (void) log_warning_errno(k, "%s: cannot rename or remove files of the journal: %m", r->config->path);
        return 0;
}

static int watch_target(JournalReceiver *r) {
        const uint32_t changes = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
        char path[32];
        int k;

        if (!r->target.file)
                return 0;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", r->target.directory_fd);
        k = sd_event_add_inotify(r->event, &r->change_source, path, changes, on_change, r);
        return k < 0 ? log_error_errno(k, "%s: cannot be watched: %m", r->config->path) : 0;
}

static int prepare(JournalReceiver *r, bool seccomp, UndoLog *undo, Temporaries *temporaries) {
        int k;

        k = find_program(&r->program);
        if (k >= 0)
                k = check_limits(r->config, r->program);
        if (k >= 0)
                k = journal_sandbox_filter(!seccomp, &r->filter);
        if (k >= 0)
                k = journal_target_open(undo, temporaries, r->config->path, &r->target);
        if (k < 0)
                return k;
        journal_sandbox_user(&r->uid, &r->gid);
        k = try_target(r);
        return k < 0 ? k : watch_target(r);
}

int journal_receiver_new(sd_event *event, const ForwardJournalConfig *config, const char *machine, bool seccomp,
                         UndoLog *undo, Temporaries *temporaries, JournalReceiver **ret) {
        JournalReceiver *r;
        int k;

        *ret = NULL;
        if (!config->path)
                return 0;
        r = malloc(sizeof(*r));
        if (!r)
                return log_oom();
        *r = (JournalReceiver){
                .event = event,
                .config = config,
                .machine = machine,
                .target = JOURNAL_TARGET_NONE,
                .listen_fd = -EBADF,
                .pidfd = -EBADF,
                .output_fd = -EBADF,
        };
        k = prepare(r, seccomp, undo, temporaries);
        if (k < 0) {
                journal_receiver_free(r);
                return k;
        }
        *ret = r;
        return 0;
}

void journal_receiver_free(JournalReceiver *r) {
        if (!r)
                return;
        journal_receiver_finish(r);
        (void) sd_event_source_disable_unref(r->change_source);
        journal_target_close(&r->target);
        seccomp_program_done(&r->filter);
        free(r);
}

/* — a run — */

int journal_receiver_open(JournalReceiver *r, int *ret_fd) {
        *ret_fd = -EBADF;
        if (!r)
                return 0;
        r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (r->listen_fd < 0)
                return log_error_errno(-errno, "cannot make a socket for the journal: %m");
        *ret_fd = r->listen_fd;
        return 0;
}

/* What it says is the guest's to choose. It is shown, but nobody's log is filled with it. */
static bool read_output(JournalReceiver *r) {
        char text[1024];
        ssize_t n = read(r->output_fd, text, sizeof(text));

        for (ssize_t from = 0, to; from < n; from = to + 1) {
                bool loud = r->n_lines < LINES_MAX && log_get_max_level() < LOG_DEBUG;

                for (to = from; to < n && text[to] != '\n'; to++)
                        ;
                if (to == from)
                        continue;
                r->n_lines++;
                log_full(loud ? LOG_WARNING : LOG_DEBUG, 0, "%s: receiving its journal: %.*s", r->machine,
                         (int) (to - from), text + from);
        }
        return n > 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) fd;
        (void) revents;
        if (!read_output(userdata))
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static void forget_process(JournalReceiver *r) {
        r->end_source = sd_event_source_disable_unref(r->end_source);
        r->output_source = sd_event_source_disable_unref(r->output_source);
        while (r->output_fd >= 0 && read_output(r))
                ;
        r->output_fd = safe_close(r->output_fd);
        r->pidfd = safe_close(r->pidfd);
}

/* Whoever sends notices by the end of the connection. */
static void give_up(JournalReceiver *r) {
        r->connection_source = sd_event_source_disable_unref(r->connection_source);
        (void) shutdown(r->listen_fd, SHUT_RDWR);
        log_warning("%s: its journal is not forwarded any more", r->machine);
}

static int on_end(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        JournalReceiver *r = userdata;
        siginfo_t info = {};

        (void) source;
        (void) revents;
        (void) process_wait(fd, &info);
        forget_process(r);
        log_warning("%s: systemd-journal-remote ended (%s %i)", r->machine,
                    info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
        if (r->n_starts >= STARTS_MAX || sd_event_source_set_enabled(r->connection_source, SD_EVENT_ON) < 0)
                give_up(r);
        return 0;
}

static int write_setting(FILE *f, const char *name, const AmountLimit *limit) {
        return limit->set && fprintf(f, "%s=%" PRIu64 "\n", name, limit->value) < 0 ? -ENOMEM : 0;
}

/* What is to stay free is looked at now, for all that is written until the next start. */
static int make_settings(const JournalReceiver *r, char **ret) {
        const ForwardJournalConfig *config = r->config;
        AmountLimit max_use = config->max_use;
        uint64_t used, available;
        size_t size;
        FILE *f;
        int k;

        if (config->keep_free.set) {
                k = journal_target_measure(&r->target, &used, &available);
                if (k < 0)
                        return k;
                max_use = (AmountLimit){ true, journal_budget(config, used, available) };
        }
        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        k = fputs("[Remote]\n", f) < 0 ? -ENOMEM : write_setting(f, "MaxUse", &max_use);
        if (k >= 0)
                k = write_setting(f, "KeepFree", &config->keep_free);
        if (k >= 0)
                k = write_setting(f, "MaxFileSize", &config->max_file_size);
        if (k >= 0)
                k = write_setting(f, "MaxFiles", &config->max_files);
        if (fclose(f) != 0 && k >= 0)
                k = -ENOMEM;
        return k;
}

static int start_process(JournalReceiver *r) {
        _cleanup_close_ int mount = -EBADF, output = -EBADF, output_write = -EBADF;
        _cleanup_free_ char *settings = NULL;
        int fds[2], k;

        k = make_settings(r, &settings);
        if (k < 0)
                return k;
        mount = clone_target(r);
        if (mount < 0)
                return mount;
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        output = fds[0];
        output_write = fds[1];
        r->pid = process_clone(JOURNAL_SANDBOX_NAMESPACES, r->cgroup_fd, &r->pidfd);
        if (r->pid < 0)
                return r->pid;
        if (r->pid == 0)
                journal_sandbox_enter(&(JournalSandbox){
                        .program = r->program,
                        .machine = r->machine,
                        .file = r->target.file,
                        .settings = settings,
                        .filter = &r->filter,
                        .directory_mount_fd = mount,
                        .listen_fd = r->listen_fd,
                        .output_fd = output_write,
                        .uid = r->uid,
                        .gid = r->gid,
                });
        r->output_fd = TAKE_FD(output);
        k = sd_event_add_io(r->event, &r->end_source, r->pidfd, EPOLLIN, on_end, r);
        if (k >= 0)
                k = sd_event_add_io(r->event, &r->output_source, r->output_fd, EPOLLIN, on_output, r);
        return k;
}

static void start(JournalReceiver *r) {
        int k;

        r->n_starts++;
        (void) sd_event_source_set_enabled(r->connection_source, SD_EVENT_OFF);
        k = start_process(r);
        if (k >= 0)
                return;
        (void) log_warning_errno(k, "%s: cannot start systemd-journal-remote: %m", r->machine);
        if (r->pidfd >= 0)
                process_kill_and_reap(r->pidfd);
        forget_process(r);
        give_up(r);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) source;
        (void) fd;
        (void) revents;
        start(userdata);
        return 0;
}

int journal_receiver_listen(JournalReceiver *r, int cgroup_fd) {
        int k;

        if (!r)
                return 0;
        r->cgroup_fd = cgroup_fd;
        r->n_starts = r->n_lines = 0;
        k = sd_event_add_io(r->event, &r->connection_source, r->listen_fd, EPOLLIN, on_connection, r);
        return k < 0 ? log_error_errno(k, "cannot watch the journal's socket: %m") : 0;
}

/* — its end — */

static bool has_waiting(const JournalReceiver *r) {
        struct pollfd p = { .fd = r->listen_fd, .events = POLLIN };

        return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && !(p.revents & POLLHUP);
}

/* How many sockets the process has open, the one that it was given included. */
static int count_sockets(pid_t pid) {
        char path[32], target[64];
        int n = 0;
        DIR *d;

        (void) snprintf(path, sizeof(path), "/proc/%i/fd", (int) pid);
        d = opendir(path);
        if (!d)
                return 0; /* it has ended */
        for (struct dirent *e; (e = readdir(d));) {
                ssize_t size = isdigit((unsigned char) e->d_name[0])
                        ? readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1)
                        : -1;

                if (size < 0)
                        continue;
                target[size] = 0;
                n += !!startswith(target, "socket:");
        }
        (void) closedir(d);
        return n;
}

/* Who waits is looked at first: once accepted, it counts. */
static bool is_drained(const JournalReceiver *r) {
        return !has_waiting(r) && count_sockets(r->pid) <= 1;
}

static void drain(JournalReceiver *r) {
        uint64_t end = clock_usec() + DRAIN_USEC;

        while (process_alive(r->pidfd) && !is_drained(r)) {
                if (clock_usec() > end) {
                        log_warning("%s: its last journal entries may be missing: they could not be written in time",
                                    r->machine);
                        return;
                }
                (void) read_output(r);
                (void) usleep(PAUSE_USEC);
        }
}

static void end_process(JournalReceiver *r) {
        struct pollfd p = { .fd = r->pidfd, .events = POLLIN };

        (void) process_signal(r->pidfd, SIGTERM);
        (void) poll(&p, 1, END_MSEC);
        process_kill_and_reap(r->pidfd);
        forget_process(r);
}

void journal_receiver_finish(JournalReceiver *r) {
        if (!r || r->listen_fd < 0)
                return;
        if (r->pidfd < 0 && r->connection_source && r->n_starts < STARTS_MAX && has_waiting(r))
                start(r);
        if (r->pidfd >= 0) {
                drain(r);
                end_process(r);
                (void) on_change(NULL, NULL, r);
        }
        r->connection_source = sd_event_source_disable_unref(r->connection_source);
        r->listen_fd = safe_close(r->listen_fd);
}
