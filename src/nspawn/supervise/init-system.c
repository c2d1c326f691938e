/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. Which init a tree holds cannot be known before the start (it
 * may be a script that executes another, or replace itself later), so it is recognised when a stop is asked
 * for, by the base name of the program that PID 1 runs at that moment. The name only picks a row of the table
 * below; none of it is trusted with more than making its own machine stop.
 *
 * The directory in /proc is opened by number and the pidfd is checked after that: alive then means that the
 * number was still its own, and the directory stays bound to the process from there on.
 *
 * A PID 1 gets no signal that it neither catches nor blocks, not even from outside (SIGKILL and SIGSTOP
 * aside). Hence the masks: they tell when an init can be asked. They have a hole: a process inside sigwait(2)
 * takes the signals it waits for although neither mask has them, for the kernel unblocks them meanwhile.
 * Whether it is there can be seen in "wchan"; which signals they are, only in its memory, which is no
 * business of ours. */

#include "supervise/init-system.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"
#include "starter/starter.h"

/* The request that System V init reads from its FIFO: "go to this runlevel". All fields in native byte order,
 * the whole padded to a fixed size. */
typedef struct InitRequest {
        int32_t magic;
        int32_t command;
        int32_t runlevel;
        int32_t grace; /* seconds between SIGTERM and SIGKILL for what does not belong to the new runlevel */
        char padding[368];
} InitRequest;

#define INIT_REQUEST_MAGIC 0x03091969
#define INIT_REQUEST_RUNLEVEL 1

static const InitRequest sysvinit_poweroff = { INIT_REQUEST_MAGIC, INIT_REQUEST_RUNLEVEL, '0', 3, {} };
static const InitRequest sysvinit_reboot = { INIT_REQUEST_MAGIC, INIT_REQUEST_RUNLEVEL, '6', 3, {} };

#define TEXT(s)                                                                                                       \
        { s, CONST_STRLEN(s) }

static const InitSystem init_systems[] = {
        {
                .name = "systemd",
                .programs = { "systemd" },
                .method = STOP_BY_SIGNAL,
                .signals = { REALTIME_SIGNAL(3), REALTIME_SIGNAL(5) },
        },
        {
                /* OpenRC is usually run by this one too. */
                .name = "sysvinit",
                .programs = { "init", "sysvinit", "init.sysvinit" },
                .method = STOP_BY_FIFO,
                .paths = { "/run/initctl", "/dev/initctl" },
                .messages = {
                        { &sysvinit_poweroff, sizeof(sysvinit_poweroff) },
                        { &sysvinit_reboot, sizeof(sysvinit_reboot) },
                },
        },
        {
                .name = "openrc-init",
                .programs = { "openrc-init" },
                .method = STOP_BY_FIFO,
                .paths = { "/run/openrc/init.ctl", "/run/initctl" },
                .messages = { TEXT("poweroff"), TEXT("reboot") },
        },
        {
                .name = "runit",
                .programs = { "runit", "runit-init" },
                .method = STOP_BY_FLAGS,
                .signals = { SIGCONT, SIGCONT },
                .paths = { "/etc/runit/stopit", "/etc/runit/reboot" },
        },
        {
                .name = "busybox",
                .programs = { "busybox", "busybox.static", "toybox" },
                .method = STOP_BY_SIGNAL,
                .signals = { SIGUSR2, SIGTERM },
        },
        {
                .name = "finit",
                .programs = { "finit" },
                .method = STOP_BY_SIGNAL,
                .deaf_at_boot = true,
                .signals = { SIGUSR2, SIGTERM },
        },
        {
                .name = "s6",
                .programs = { "s6-svscan", "s6-linux-init" },
                .method = STOP_BY_SIGNAL,
                .signals = { SIGUSR1, SIGINT },
        },
        {
                .name = "dinit",
                .programs = { "dinit", "dinit-init" },
                .method = STOP_BY_SIGNAL,
                .signals = { SIGTERM, SIGINT },
        },
        {
                .name = "unknown",
                .method = STOP_BY_GUESS,
        },
};

const InitSystem *init_system_find(const char *program) {
        const size_t unknown = ELEMENTSOF(init_systems) - 1;

        for (size_t i = 0; i < unknown; i++)
                for (size_t k = 0; k < ELEMENTSOF(init_systems[i].programs); k++)
                        if (streq_ptr(init_systems[i].programs[k], program))
                                return &init_systems[i];
        return &init_systems[unknown];
}

int init_system_signal(int sig) {
        return sig >= REALTIME_SIGNAL(0) ? SIGRTMIN + (sig - REALTIME_SIGNAL(0)) : sig;
}

/* What follows "NAME:" in /proc/PID/status, or "". Names of processes have their newlines escaped there. */
static const char *status_field(const char *status, const char *name) {
        for (const char *line = status; line; line = strchr(line, '\n')) {
                const char *rest = startswith(line + (*line == '\n'), name);

                if (rest && *rest == ':')
                        return rest + 1;
                line++;
        }
        return "";
}

static int read_status(LeaderView *v) {
        _cleanup_free_ char *text = NULL;
        uint64_t own_pending, shared_pending;
        int r;

        r = read_file_at(v->proc_fd, "status", 64 * 1024, &text, NULL);
        if (r < 0)
                return r;
        if (sscanf(status_field(text, "Uid"), "%*u %u", &v->uid) != 1 ||
            sscanf(status_field(text, "SigPnd"), "%" SCNx64, &own_pending) != 1 ||
            sscanf(status_field(text, "ShdPnd"), "%" SCNx64, &shared_pending) != 1 ||
            sscanf(status_field(text, "SigBlk"), "%" SCNx64, &v->blocked) != 1 ||
            sscanf(status_field(text, "SigIgn"), "%" SCNx64, &v->ignored) != 1 ||
            sscanf(status_field(text, "SigCgt"), "%" SCNx64, &v->caught) != 1)
                return -EBADMSG;
        v->pending = own_pending | shared_pending;
        return 0;
}

static bool runs_nspawn(const LeaderView *v) {
        struct stat own, its;

        return stat("/proc/self/exe", &own) >= 0 && fstatat(v->proc_fd, "exe", &its, 0) >= 0 &&
                own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

/* What it runs. A foreign binary is run by an emulator of its own name; there the process's name is the
 * program's. */
static void read_program(LeaderView *v) {
        char path[4096], *deleted;
        const char *name;
        ssize_t n;

        n = readlinkat(v->proc_fd, "exe", path, sizeof(path) - 1);
        if (n < 0)
                return;
        path[n] = 0;
        name = strrchr(path, '/');
        name = name ? name + 1 : path;
        deleted = strstr(path, " (deleted)");
        if (deleted)
                *deleted = 0;
        (void) snprintf(v->program, sizeof(v->program), "%.63s", name);

        if (startswith(name, "qemu-")) {
                _cleanup_free_ char *comm = NULL;

                if (read_file_at(v->proc_fd, "comm", 256, &comm, NULL) < 0)
                        return;
                comm[strcspn(comm, "\n")] = 0;
                (void) snprintf(v->program, sizeof(v->program), "%.63s", comm);
        }
}

/* It executes the machine's own program in a moment. */
static bool runs_starter(const LeaderView *v) {
        return streq(v->program, "memfd:" STARTER_FILE_NAME) || streq(v->program, STARTER_FILE_NAME);
}

static bool waits_for_signals(const LeaderView *v) {
        _cleanup_free_ char *wchan = NULL;

        return read_file_at(v->proc_fd, "wchan", 256, &wchan, NULL) >= 0 && startswith(wchan, "do_sigtimedwait");
}

int leader_view_open(int leader_pidfd, LeaderView *ret) {
        _cleanup_(leader_view_close) LeaderView v = LEADER_VIEW_NONE;
        int r;

        v.proc_fd = process_open_directory(leader_pidfd);
        if (v.proc_fd < 0)
                return TAKE_FD(v.proc_fd);
        if (!process_alive(leader_pidfd))
                return -ESRCH;
        v.pidfd = leader_pidfd;

        r = read_status(&v);
        if (r < 0)
                return r;
        v.in_sigwait = waits_for_signals(&v);
        /* In the order in which it executes them: what is the next one by now is seen as that. */
        v.ours = runs_nspawn(&v);
        read_program(&v);
        v.ours |= runs_starter(&v);

        *ret = v;
        v = LEADER_VIEW_NONE;
        return 0;
}

void leader_view_close(LeaderView *view) {
        view->proc_fd = safe_close(view->proc_fd);
        view->root_fd = safe_close(view->root_fd);
}

int leader_view_root(LeaderView *view) {
        if (view->root_fd < 0)
                view->root_fd = openat(view->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return view->root_fd < 0 ? -errno : view->root_fd;
}

static bool mask_has(uint64_t mask, int sig) {
        return (mask >> (sig - 1)) & 1;
}

bool leader_view_hears(const LeaderView *view, int sig) {
        return mask_has(view->caught | view->blocked, sig);
}

bool leader_view_catches(const LeaderView *view, int sig) {
        return mask_has(view->caught, sig);
}

bool leader_view_ignores(const LeaderView *view, int sig) {
        return mask_has(view->ignored, sig);
}

bool leader_view_has_pending(const LeaderView *view, int sig) {
        return mask_has(view->pending, sig);
}
