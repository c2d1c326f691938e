/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what happens to a run is an event of the lifecycle (supervise/lifecycle.h), and here is
 * what its actions mean. A run ends when PID 1 has ended; then its console is drained, its own changes to the
 * host are undone, and either the next run begins or the event loop ends with the program's exit status. */

#include <signal.h>
#include <unistd.h>

#include "fd.h"
#include "host/hooks.h"
#include "launch.h"
#include "log.h"
#include "process.h"

#define EXIT_FORCE_RESTART 133 /* the unit has it as RestartForceExitStatus= */
#define ASK_AGAIN_USEC 100000u

static void kill_run(Machine *m) {
        if (m->run.leader_pidfd >= 0)
                (void) process_signal(m->run.leader_pidfd, SIGKILL);
        if (m->run.outer_pidfd >= 0)
                (void) process_signal(m->run.outer_pidfd, SIGKILL);
        if (m->console)
                console_detach(m->console); /* whoever kills does not wait for a slow reader */
}

static void put_wish(Machine *m);

static int on_ask_again(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        put_wish(userdata);
        return 0;
}

/* An init that is not ready to hear is asked again until the time is over; one that hears is asked once. */
static void put_wish(Machine *m) {
        int r = shutdown_ask(&m->run.shutdown, m->run.wish);

        m->run.ask_source = sd_event_source_disable_unref(m->run.ask_source);
        if (r == 0 || r == -ESRCH)
                return;
        if (r == -EOPNOTSUPP)
                return run_event(m, LIFECYCLE_EVENT_KILL);
        r = sd_event_add_time_relative(m->event, &m->run.ask_source, CLOCK_MONOTONIC, ASK_AGAIN_USEC, 0, on_ask_again,
                                       m);
        if (r < 0)
                (void) log_warning_errno(r, "cannot set a timer: %m");
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Machine *m = userdata;

        (void) source;
        (void) usec;
        log_warning("%s: did not stop in time (--stop-timeout=), killing it", m->config->source.machine);
        run_event(m, LIFECYCLE_EVENT_TIMEOUT);
        return 0;
}

static void ask(Machine *m, StopWish wish) {
        uint64_t timeout = m->config->payload.stop_timeout_usec;
        int r = 0;

        m->run.wish = wish;
        m->run.shutdown = (ShutdownTarget){
                .leader_pidfd = m->run.leader_pidfd,
                .kill_signal = m->config->payload.kill_signal,
                .boot = m->config->payload.mode == START_BOOT,
                .stub = m->config->payload.mode == START_STUB,
        };
        if (timeout != UINT64_MAX)
                r = sd_event_add_time_relative(m->event, &m->run.timeout_source, CLOCK_MONOTONIC, timeout, 0,
                                               on_timeout, m);
        if (r < 0) {
                (void) log_warning_errno(r, "cannot set a timer: %m");
                return run_event(m, LIFECYCLE_EVENT_TIMEOUT);
        }
        put_wish(m);
}

/* The kernel reports reboot(2) in a PID namespace as the death of its PID 1 by a signal. */
static bool exit_is_reboot(const Run *run) {
        if (run->exit.si_code == CLD_KILLED)
                return run->exit.si_status == SIGHUP;
        /* Some inits just end when they were asked to reboot. */
        return run->exit.si_code == CLD_EXITED && run->exit.si_status == 0 && run->shutdown.leader_pidfd >= 0 &&
                run->wish == STOP_REBOOT;
}

static bool exit_is_poweroff(const siginfo_t *info) {
        return info->si_code == CLD_KILLED && info->si_status == SIGINT;
}

static int exit_status_of(const Machine *m) {
        const siginfo_t *info = &m->run.exit;

        if (!m->run.going) {
                if (!m->run.explained)
                        log_error("%s: the start was cut short from outside", m->config->source.machine);
                /* A machine that was to stop has stopped; a command that was to run has not run. */
                return m->stopping && m->config->payload.mode == START_BOOT ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        if (info->si_code == CLD_EXITED)
                return info->si_status == EXIT_FORCE_RESTART ? EXIT_FAILURE : info->si_status;
        if (exit_is_poweroff(info) || exit_is_reboot(&m->run))
                return EXIT_SUCCESS; /* it was to stop, and did */
        if (!m->config->output.quiet)
                log_notice("%s: ended by signal %s", m->config->source.machine, sigabbrev_np(info->si_status) ?: "?");
        return EXIT_FAILURE;
}

/* Kills what has not ended: then the run was abandoned. */
static void close_run(Machine *m) {
        Run *run = &m->run;

        run->socket_source = sd_event_source_disable_unref(run->socket_source);
        run->outer_source = sd_event_source_disable_unref(run->outer_source);
        run->leader_source = sd_event_source_disable_unref(run->leader_source);
        run->timeout_source = sd_event_source_disable_unref(run->timeout_source);
        run->ask_source = sd_event_source_disable_unref(run->ask_source);
        if (run->leader_pidfd >= 0)
                process_kill_and_reap(run->leader_pidfd);
        if (run->outer_pidfd >= 0)
                process_kill_and_reap(run->outer_pidfd);
        journal_receiver_finish(m->journal);
        if (run->hooks_pidfd >= 0)
                hooks_end(run->hooks_pidfd);
        run->hooks_pidfd = safe_close(run->hooks_pidfd);
        run->socket_fd = safe_close(run->socket_fd);
        run->outer_pidfd = safe_close(run->outer_pidfd);
        run->leader_pidfd = safe_close(run->leader_pidfd);
        run->console_fd = safe_close(run->console_fd);
        run->notify_fd = safe_close(run->notify_fd);
}

static void restart(Machine *m) {
        int r;

        if (!m->config->output.quiet)
                log_info("%s: reboots", m->config->source.machine);
        notify_restarting(m->notify);
        if (m->run.registration)
                machined_unregister(m->run.registration);
        machined_registration_free(TAKE_PTR(m->run.registration));
        if (m->console)
                console_detach(m->console);
        close_run(m);
        undo_run(&m->run.undo);
        r = machine_cgroup_renew(&m->cgroup);
        if (r >= 0)
                r = run_start(m);
        if (r < 0)
                (void) sd_event_exit(m->event, EXIT_FAILURE);
}

void run_finished(Machine *m) {
        bool reboot = m->run.going && exit_is_reboot(&m->run) && !m->stopping;

        if (reboot && !m->config->unit.keep_unit)
                return restart(m);
        notify_stopping(m->notify, reboot);
        m->exit_status = reboot ? EXIT_FORCE_RESTART : exit_status_of(m);
        (void) sd_event_exit(m->event, 0);
}

static void collect(Machine *m) {
        m->run.timeout_source = sd_event_source_disable_unref(m->run.timeout_source);
        m->run.ask_source = sd_event_source_disable_unref(m->run.ask_source);
        if (!m->console || !m->run.going || console_drain(m->console) != 0)
                run_finished(m);
}

void run_event(Machine *m, LifecycleEvent event) {
        m->stopping |=
                event == LIFECYCLE_EVENT_STOP || event == LIFECYCLE_EVENT_POWEROFF || event == LIFECYCLE_EVENT_KILL;
        m->run.explained |= event == LIFECYCLE_EVENT_FAILED || event == LIFECYCLE_EVENT_STOP ||
                event == LIFECYCLE_EVENT_KILL || event == LIFECYCLE_EVENT_POWEROFF;
        switch (lifecycle_handle(&m->run.state, event)) {
        case LIFECYCLE_NOTHING:
                break;
        case LIFECYCLE_ASK_POWEROFF:
                return ask(m, STOP_POWEROFF);
        case LIFECYCLE_ASK_REBOOT:
                return ask(m, STOP_REBOOT);
        case LIFECYCLE_KILL:
                return kill_run(m);
        case LIFECYCLE_FINISH:
                return collect(m);
        }
        /* The second request while a command's last output waits for a reader. */
        if (m->run.state == LIFECYCLE_ENDED && m->console &&
            (event == LIFECYCLE_EVENT_STOP || event == LIFECYCLE_EVENT_KILL)) {
                console_detach(m->console);
                run_finished(m);
        }
}

void run_abandon(Machine *m) {
        if (m->run.registration)
                machined_unregister(m->run.registration);
        close_run(m);
}
