/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A machine without a guest: a process that sleeps stands for the minder, another one for PID 1. Drives
 * host/scope and host/machined against the real manager of a lab host and says what happened and when, in
 * microseconds since the start of the round.
 *
 * probe-bus NAME [--rounds=N] [--hold] [--die] [--leader-first] [--keep-unit] [--property=NAME=VALUE…]
 *
 * --hold: keep the machine until a request to stop arrives. --die: leave without a word once it is up.
 * --leader-first: the leader ends some time before the machine is unregistered, as when a guest powers
 * off. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "host/machined.h"
#include "host/manager-bus.h"
#include "host/scope.h"
#include "log.h"
#include "process.h"
#include "strv.h"

typedef struct Probe {
        const char *name;
        char **properties;
        bool hold, die, keep_unit, leader_first;
        sd_event *event;
        ManagerBus *bus;
        Scope *scope;
        Registration *registration;
        ScopeRequest scope_request;
        RegistrationRequest registration_request;
        int minder, leader;
        struct timespec begin;
} Probe;

static void _printf_(2, 3) say(Probe *p, const char *format, ...) {
        struct timespec now;
        va_list ap;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%6li ", (now.tv_sec - p->begin.tv_sec) * 1000000 + (now.tv_nsec - p->begin.tv_nsec) / 1000);
        va_start(ap, format);
        (void) vprintf(format, ap);
        va_end(ap);
        putchar('\n');
        (void) fflush(stdout);
}

static int sleeper(int cgroup_fd) {
        int pidfd = -EBADF;
        pid_t pid = process_clone(0, cgroup_fd, &pidfd);

        if (pid == 0) {
                (void) signal(SIGTERM, SIG_IGN);
                (void) close_range(0, ~0U, 0);
                for (;;)
                        (void) pause();
        }
        return pid < 0 ? pid : pidfd;
}

static void on_registered(int error, const char *why, void *userdata) {
        Probe *p = userdata;

        say(p, "%s%s", error < 0 ? "register: " : "registered", why ?: "");
        if (p->die)
                _exit(0);
        if (error < 0 || !p->hold)
                (void) sd_event_exit(p->event, error);
}

/* The v2 cgroup of the scope, with payload/ made in it. */
static int open_payload(Probe *p) {
        char path[64], *text = NULL, full[600];
        const char *own;
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%i/cgroup", process_pid(p->minder));
        r = read_file_at(AT_FDCWD, path, 65536, &text, NULL);
        if (r < 0)
                return r;
        own = strstr(text, "0::");
        if (!own)
                return -ENOENT;
        (void) snprintf(full, sizeof(full), "/sys/fs/cgroup%.*s/payload", (int) strcspn(own + 3, "\n"), own + 3);
        if (mkdir(full, 0755) < 0 && errno != EEXIST)
                return -errno;
        say(p, "cgroup %s", full);
        free(text);
        r = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return r < 0 ? -errno : r;
}

static void register_leader(Probe *p, int cgroup_fd) {
        static const int loopback = 1;
        int r;

        p->leader = sleeper(cgroup_fd);
        p->registration_request = (RegistrationRequest){
                .machine = p->name,
                .uuid = SD_ID128_MAKE(6b, 1f, 0d, 2c, 7a, 5e, 4c, 11, 9f, 02, 3d, aa, 10, 20, 30, 40),
                .service = "systemd-nspawn",
                .leader_pidfd = p->leader,
                .root_directory = "/var/lib/machines/probe",
                .ifindices = &loopback,
                .n_ifindices = 1,
        };
        r = machined_register(p->bus, NULL, &p->registration_request, on_registered, p, &p->registration);
        if (r < 0)
                (void) sd_event_exit(p->event, r);
}

static void on_started(int error, const char *why, void *userdata) {
        Probe *p = userdata;
        int fd = -EBADF;

        say(p, "%s%s", error < 0 ? "scope: " : "scope is up", why ?: "");
        if (error >= 0)
                fd = open_payload(p);
        if (fd < 0) {
                (void) sd_event_exit(p->event, error < 0 ? error : fd);
                return;
        }
        register_leader(p, fd);
        (void) safe_close(fd);
}

static void on_stop(void *userdata) {
        Probe *p = userdata;

        say(p, "asked to stop");
        (void) sd_event_exit(p->event, 0);
}

static int on_sigterm(sd_event_source *source _unused_, const struct signalfd_siginfo *si, void *userdata) {
        Probe *p = userdata;

        if (machined_signal_is_stale(p->registration, si)) {
                say(p, "ignored a stale SIGTERM of machined");
                return 0;
        }
        say(p, "asked to stop by SIGTERM from PID %u", si->ssi_pid);
        return sd_event_exit(p->event, 0);
}

static int run_round(Probe *p) {
        int r;

        (void) clock_gettime(CLOCK_MONOTONIC, &p->begin);
        p->leader = -EBADF;
        p->minder = sleeper(-1);
        r = manager_bus_open(p->event, false, &p->bus);
        if (r < 0) {
                say(p, "no bus: %s", strerror(-r));
                process_kill_and_reap(p->minder);
                return r;
        }
        machined_wake(p->bus);
        say(p, "bus opened");
        p->scope_request = (ScopeRequest){
                .machine = p->name,
                .properties = p->properties,
                .pidfds = &p->minder,
                .n_pidfds = 1,
                .kill_signal = SIGRTMIN + 3,
                .stop_timeout_usec = 90000000,
                .coredump_receive = true,
        };
        if (p->keep_unit)
                register_leader(p, -1);
        else
                r = scope_start(p->bus, &p->scope_request, &(ScopeEvents){ on_started, on_stop, p }, &p->scope);
        if (r >= 0)
                r = sd_event_loop(p->event);

        if (p->leader_first && p->leader >= 0) {
                process_kill_and_reap(p->leader);
                p->leader = safe_close(p->leader);
                (void) usleep(20000);
        }
        if (p->registration)
                machined_unregister(p->registration);
        process_kill_and_reap(p->minder);
        if (p->leader >= 0)
                process_kill_and_reap(p->leader);
        if (p->scope)
                scope_end(p->scope);
        machined_registration_free(TAKE_PTR(p->registration));
        scope_free(TAKE_PTR(p->scope));
        say(p, "ending");
        manager_bus_close(TAKE_PTR(p->bus), 2000000);
        p->minder = safe_close(p->minder);
        p->leader = safe_close(p->leader);
        say(p, "ended: %s", r < 0 ? strerror(-r) : "well");
        return r;
}

int main(int argc, char *argv[]) {
        Probe p = {};
        int rounds = 1, r = 0;

        sigset_t sigterm;

        log_setup();
        (void) sigemptyset(&sigterm);
        (void) sigaddset(&sigterm, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &sigterm, NULL);
        for (int i = 1; i < argc; i++) {
                const char *v;

                if ((v = startswith(argv[i], "--rounds=")))
                        rounds = atoi(v);
                else if ((v = startswith(argv[i], "--property=")))
                        r = strv_append(&p.properties, v);
                else if (streq(argv[i], "--hold"))
                        p.hold = true;
                else if (streq(argv[i], "--die"))
                        p.die = true;
                else if (streq(argv[i], "--leader-first"))
                        p.leader_first = true;
                else if (streq(argv[i], "--keep-unit"))
                        p.keep_unit = true;
                else
                        p.name = argv[i];
        }
        if (!p.name || r < 0)
                return EXIT_FAILURE;
        for (int i = 0; i < rounds && r >= 0; i++) {
                if ((r = sd_event_new(&p.event)) >= 0 &&
                    (r = sd_event_add_signal(p.event, NULL, SIGTERM, on_sigterm, &p)) >= 0)
                        r = run_round(&p);
                p.event = sd_event_unref(p.event);
        }
        strv_free(p.properties);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
