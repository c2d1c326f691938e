/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the supervisor's life, as a list of preparations that each register their reversal, one
 * event loop, and the undo log. The order of the preparations matters:
 *
 *   the name's lock, then the remains of a dead machine of that name, then our own changes: nothing of a live
 *   machine is ever touched, and nothing of a dead one stands in the way;
 *   the console takes down the terminal's state before the minder is forked, which may have to restore it;
 *   the minder is forked before the event loop and the bus exist, since its copies would keep the bus connection
 *   alive after our death;
 *   the scope is asked for as early as possible, because the manager takes longer for it than the outer stage
 *   takes to build the tree; the two run side by side. */

#include "launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "engine/machine.h"
#include "engine/stage.h"
#include "fd.h"
#include "host/devices.h"
#include "host/image.h"
#include "host/port-claim.h"
#include "host/ports.h"
#include "host/residue.h"
#include "host/runtime-directory.h"
#include "host/template.h"
#include "log.h"
#include "process.h"
#include "strv.h"

#define FAREWELL_TIMEOUT_USEC 2000000u

static int take_users(Machine *m) {
        const SourceConfig *source = &m->config->source;
        int owner_fd = source->image ? -EBADF : source->mstack ? mount_stack_owner_fd(&m->stack) : m->tree_fd;

        if (!m->plan->user_namespace)
                return 0;
        return uid_range_take(&m->undo, &m->config->users, source->machine, owner_fd, m->runtime_fd, &m->users_lock,
                              &m->users);
}

/* A bind without a source gets an empty directory; so does an overlay for its upper layer or, where that is given, for
 * the working directory that the kernel wants beside it. */
static int make_mount_temporary(Machine *m, const CustomMount *mount, char **ret) {
        bool bind = mount->kind == MOUNT_BIND && isempty(mount->sources[0]);
        bool overlay = mount->kind == MOUNT_OVERLAY && mount->upper && !mount->upper_in_guest;
        int r;

        if (!bind && !overlay)
                return 0;
        r = overlay && *mount->upper ? temporary_make_beside(&m->temporaries, mount->upper, ret)
                                     : temporary_make(&m->temporaries, "/var/tmp", "nspawn", ret);
        return r < 0 ? log_error_errno(r, "cannot make a temporary directory for %s: %m", mount->destination) : 0;
}

static int make_mount_temporaries(Machine *m) {
        const MountsConfig *mounts = &m->config->mounts;
        int r = 0;

        m->mount_temporaries = calloc(mounts->n_items + 1, sizeof(char *));
        if (!m->mount_temporaries)
                return log_oom();
        for (size_t i = 0; i < mounts->n_items && r >= 0; i++)
                r = make_mount_temporary(m, &mounts->items[i], &m->mount_temporaries[i]);
        return r;
}

static int remove_propagation_directory(void *userdata) {
        Machine *m = userdata;
        char path[128];

        (void) snprintf(path, sizeof(path), "/run/systemd/nspawn/propagate/%s", m->config->source.machine);
        return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* machined mounts here what is to appear in the guest's /run/host/incoming. */
static int make_propagation_directory(Machine *m) {
        static const char *const parents[] = {
                "/run/systemd",
                "/run/systemd/nspawn",
                "/run/systemd/nspawn/propagate",
        };
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(parents); i++)
                if (mkdir(parents[i], 0755) < 0 && errno != EEXIST)
                        return log_error_errno(-errno, "%s: %m", parents[i]);
        (void) snprintf(path, sizeof(path), "%s/%s", parents[ELEMENTSOF(parents) - 1], m->config->source.machine);
        if (mkdir(path, 0600) < 0 && errno != EEXIST)
                return log_error_errno(-errno, "%s: %m", path);
        return undo_add(&m->undo, "propagation directory", remove_propagation_directory, m);
}

/* Where a mount on / has to stand beside the tree: two places instead of the runtime directory itself. */
static int make_places(Machine *m) {
        if (m->plan->filesystem.root.n_items == 0)
                return 0;
        if (mkdirat(m->runtime_fd, &PLACE_OF_TREE[1], 0755) < 0 || mkdirat(m->runtime_fd, &PLACE_OF_ROOT[1], 0755) < 0)
                return log_error_errno(-errno, "%s: %m", m->runtime_directory);
        return 0;
}

static int make_runtime_directory(Machine *m) {
        const char *machine = m->config->source.machine;
        int r;

        r = residue_remove(machine, RESIDUE_OURS);
        if (r < 0)
                return r;
        r = runtime_directory_make(&m->undo, machine, &m->runtime_fd);
        if (r < 0)
                return r;
        m->temporaries = (Temporaries){ .undo = &m->undo, .runtime_fd = m->runtime_fd };
        (void) snprintf(m->runtime_directory, sizeof(m->runtime_directory), "%s/%s", RUNTIME_ROOT, machine);
        r = make_places(m);
        return r < 0 ? r : make_propagation_directory(m);
}

static void on_hotkey(Hotkey key, void *userdata) {
        static const LifecycleEvent events[] = {
                [HOTKEY_KILL] = LIFECYCLE_EVENT_KILL,
                [HOTKEY_REBOOT] = LIFECYCLE_EVENT_REBOOT,
                [HOTKEY_POWEROFF] = LIFECYCLE_EVENT_POWEROFF,
        };

        run_event(userdata, events[key]);
}

static void on_drained(void *userdata) {
        run_finished(userdata);
}

/* Whoever sends a command something waits for ever, and so does the command. */
static void hint_at_pipe(const Machine *m) {
        int waiting = 0;

        if (m->config->output.console != CONSOLE_DEFAULT || m->console_mode != CONSOLE_READ_ONLY ||
            m->config->payload.mode == START_BOOT || m->config->output.quiet || isatty(STDIN_FILENO))
                return;
        if (ioctl(STDIN_FILENO, FIONREAD, &waiting) >= 0 && waiting > 0)
                log_notice("%s: standard input is not passed on, since this is no terminal; --pipe does it",
                           m->config->source.machine);
}

static int make_console(Machine *m) {
        char title[128];
        ConsoleSettings settings = {
                .mode = m->console_mode,
                .lossy = m->config->payload.mode == START_BOOT,
                .input_fd = STDIN_FILENO,
                .output_fd = STDOUT_FILENO,
                .rows = m->config->oci.rows,
                .columns = m->config->oci.columns,
                .hotkey = on_hotkey,
                .drained = on_drained,
                .userdata = m,
        };

        if (m->console_mode == CONSOLE_PIPE)
                return 0;
        hint_at_pipe(m);
        (void) snprintf(title, sizeof(title), "🔵 Container %s", m->config->source.machine);
        if (m->config->env.tint_background && console_terminal_has_colors())
                settings.background = m->config->output.background;
        if (m->config->env.adjust_title && console_terminal_has_title())
                settings.title = title;
        return console_new(m->event, &settings, &m->console);
}

/* Runs in the minder, when the supervisor has been killed. */
static void on_orphaned(void *userdata) {
        Machine *m = userdata;

        if (m->console)
                console_terminal_restore(console_terminal(m->console));
        (void) residue_remove(m->config->source.machine, RESIDUE_OURS);
        (void) image_detach(&m->image);
        mount_stack_release(&m->stack, m->stack_locks);
        lock_file_release(&m->users_lock);
        machine_lock_release(&m->lock);
}

/* machined of some versions sends SIGTERM to us also when the guest has ended by itself, late. */
static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Machine *m = userdata;

        (void) source;
        if (!machined_signal_is_stale(m->run.registration, info))
                run_event(m, LIFECYCLE_EVENT_STOP);
        return 0;
}

static int watch_signals(Machine *m) {
        static const int signals[] = { SIGTERM, SIGINT };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                sd_event_source *source = NULL;
                int r = sd_event_add_signal(m->event, &source, signals[i], on_stop_signal, m);

                /* Seen before the bus tells of the unregistration that the signal may belong to. */
                if (r >= 0)
                        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
                if (r >= 0)
                        r = sd_event_source_set_floating(source, true);
                (void) sd_event_source_unref(source);
                if (r < 0)
                        return log_error_errno(r, "cannot watch for signals: %m");
        }
        return 0;
}

static int block_signals(Machine *m) {
        sigset_t set;

        (void) m;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        /* A caller that ignores SIGCHLD would have our children vanish unseen. */
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
            signal(SIGCHLD, SIG_DFL) == SIG_ERR)
                return log_error_errno(-errno, "cannot set up signals: %m");
        return 0;
}

static int make_cgroup(Machine *m, const char *unit_path) {
        _cleanup_free_ DeviceRule *rules = NULL;
        size_t n_rules = 0;
        int r;

        r = devices_collect(m->config, &rules, &n_rules);
        if (r < 0)
                return r;
        r = machine_cgroup_make(&m->undo, &m->cgroup, m->config->source.machine, m->runtime_fd, unit_path, rules,
                                n_rules);
        if (r < 0)
                return r;
        if (m->cgroup.device_error < 0)
                (void) log_warning_errno(m->cgroup.device_error, "the machine's device access is not restricted: %m");
        m->cgroup_ready = true;
        return 0;
}

/* The scope was asked for with the minder in it; its place tells where the scope is. */
static void on_scope_started(int error, const char *why, void *userdata) {
        _cleanup_free_ char *path = NULL;
        Machine *m = userdata;
        int r = error;

        if (r < 0)
                (void) log_error_errno(r, "%s: no scope: %s", m->config->source.machine, why);
        if (r >= 0) {
                r = cgroup_path_of(m->minder.pid, &path);
                if (r < 0)
                        (void) log_error_errno(r, "cannot find the machine's cgroup: %m");
        }
        if (r >= 0)
                r = make_cgroup(m, path);
        if (r >= 0)
                r = run_cgroup_ready(m);
        if (r < 0)
                run_event(m, LIFECYCLE_EVENT_FAILED);
}

static void on_scope_stop(void *userdata) {
        run_event(userdata, LIFECYCLE_EVENT_STOP);
}

static int end_scope(void *userdata) {
        Machine *m = userdata;

        /* Not before our cgroups in it are gone: the manager tries to remove it once, and would fail. */
        scope_end(m->scope);
        return 0;
}

/* What is asked of the manager and where it is not there: 1 if a scope is on its way, 0 if the machine does
 * without one. */
static int start_scope(Machine *m) {
        static const ScopeEvents template = { .started = on_scope_started, .stop_requested = on_scope_stop };
        ScopeEvents events = template;
        int r;

        events.userdata = m;
        if (!m->bus || m->config->unit.keep_unit)
                return 0;
        m->scope_request = (ScopeRequest){
                .machine = m->config->source.machine,
                .slice = m->config->unit.slice,
                .properties = m->config->unit.properties,
                .pidfds = &m->minder.pidfd,
                .n_pidfds = 1,
                .kill_signal = m->config->payload.kill_signal,
                .stop_timeout_usec = m->config->payload.stop_timeout_usec,
                .coredump_receive = m->config->payload.mode == START_BOOT,
        };
        r = scope_start(m->bus, &m->scope_request, &events, &m->scope);
        if (r < 0)
                return log_error_errno(r, "%s: cannot ask for a scope: %m", m->config->source.machine);
        r = undo_add(&m->undo, "scope", end_scope, m);
        return r < 0 ? r : 1;
}

/* Without a manager the machine runs all the same, unless the user insists. */
static int connect_manager(Machine *m) {
        const UnitConfig *unit = &m->config->unit;
        int r;

        if (unit->registration != AUTO_NO && machined_link_open(m->event, &m->machined) == -ENOMEM)
                return log_oom();
        if (unit->keep_unit && (unit->registration == AUTO_NO || m->machined))
                return 0;
        r = manager_bus_open(m->event, unit->user_scope, &m->bus);
        if (r >= 0) {
                if (unit->registration != AUTO_NO && !m->machined)
                        machined_wake(m->bus);
                return 0;
        }
        if (unit->registration == AUTO_YES)
                return log_error_errno(r, "--register=yes: no service manager to register with: %m");
        m->unmanaged = r == -ENOENT;
        if (r != -ENOENT)
                (void) log_warning_errno(r, "%s: no scope and no registration, the bus cannot be used: %m",
                                         m->config->source.machine);
        return 0;
}

static int check_privileges(Machine *m) {
        (void) m;
        return geteuid() != 0 ? log_error_errno(-EPERM, "this takes root's privileges") : 0;
}

static int check_ports(Machine *m) {
        return ports_check(&m->config->network);
}

static int lock_name(Machine *m) {
        return machine_lock_name(&m->undo, &m->lock, m->config->source.machine);
}

static int make_template(Machine *m) {
        return template_make(&m->temporaries, &m->config->source, m->config->env.lock, m->config->output.quiet);
}

static int make_event_loop(Machine *m) {
        int r = sd_event_new(&m->event);

        return r < 0 ? log_error_errno(r, "cannot make an event loop: %m") : 0;
}

static int start_minder(Machine *m) {
        return minder_start(m->facts->systemd_running && !m->config->unit.keep_unit, on_orphaned, m, &m->minder);
}

static int claim_ports(Machine *m) {
        return port_claims_take(&m->config->network, &m->undo);
}

static int make_notify(Machine *m) {
        return notify_new(m->event, m->config->payload.notify_ready, &m->notify);
}

static int make_journal_receiver(Machine *m) {
        return journal_receiver_new(m->event, &m->config->forward_journal, m->config->source.machine,
                                    m->config->env.seccomp, &m->undo, &m->temporaries, &m->journal);
}

typedef struct Preparation {
        const char *name;
        int (*run)(Machine *m); /* 0 or a negative errno, logged */
} Preparation;

static const Preparation preparations[] = {
        { "privileges", check_privileges },
        { "ports", check_ports },
        { "signals", block_signals }, /* from here on there is something to undo */
        { "name", lock_name },
        { "runtime-directory", make_runtime_directory },
        { "template", make_template },
        { "open", source_open },
        { "take", source_take },
        { "users", take_users },
        { "mount-temporaries", make_mount_temporaries },
        { "attach", source_attach },
        { "event-loop", make_event_loop },
        { "console", make_console },
        { "minder", start_minder },
        { "port-claims", claim_ports },
        { "stop-signals", watch_signals },
        { "notify", make_notify },
        { "journal", make_journal_receiver },
        { "manager", connect_manager },
};

static int prepare(Machine *m) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(preparations) && r >= 0; i++)
                r = stage_step_fails("supervisor", preparations[i].name) ?: preparations[i].run(m);
        return r;
}

/* The outer stage is started before a cgroup of our own is made: it does not need one at first. */
static int start(Machine *m) {
        int scope, r;

        scope = start_scope(m);
        if (scope < 0)
                return scope;
        r = run_start(m);
        if (r < 0 || scope > 0)
                return r;
        r = make_cgroup(m, NULL);
        return r < 0 ? r : run_cgroup_ready(m);
}

static void finish(Machine *m) {
        minder_kill(&m->minder);
        if (m->console && console_dropped(m->console) > 0)
                log_debug("%s: %llu bytes of console output were not shown", m->config->source.machine,
                          (unsigned long long) console_dropped(m->console));
        console_free(m->console);
        journal_receiver_free(m->journal);
        undo_run(&m->run.undo);
        minder_end(&m->minder);
        undo_run(&m->undo);
        machined_registration_free(m->run.registration);
        machined_link_close(m->machined);
        scope_free(m->scope);
        machine_cgroup_done(&m->cgroup, manager_bus_close(m->bus, FAREWELL_TIMEOUT_USEC));
        notify_free(m->notify);
        m->event = sd_event_unref(m->event);
        m->runtime_fd = safe_close(m->runtime_fd);
        m->tree_fd = safe_close(m->tree_fd);
        free(TAKE_PTR(m->layer_directory));
        for (size_t i = 0; m->mount_temporaries && i < m->config->mounts.n_items; i++)
                free(m->mount_temporaries[i]);
        free(TAKE_PTR(m->mount_temporaries));
}

int launch(const MachineConfig *config, const HostFacts *facts, const MachinePlan *plan, unsigned n_listen_fds) {
        Machine m = {
                .config = config,
                .facts = facts,
                .plan = plan,
                .tree_fd = -EBADF,
                .image = IMAGE_NONE,
                .runtime_fd = -EBADF,
                .lock = MACHINE_LOCK_NONE,
                .users_lock = LOCK_FILE_NONE,
                .minder = MINDER_NONE,
                .cgroup = MACHINE_CGROUP_NONE,
                .console_mode = console_effective_mode(config->output.console, STDIN_FILENO, STDOUT_FILENO),
                .n_listen_fds = n_listen_fds,
                .run = RUN_NONE,
                .exit_status = EXIT_FAILURE,
        };
        int r;

        r = prepare(&m);
        if (r >= 0)
                r = start(&m);
        if (r >= 0) {
                r = sd_event_loop(m.event);
                if (r < 0)
                        (void) log_error_errno(r, "event loop failed: %m");
        }
        run_abandon(&m);
        finish(&m);
        return m.exit_status;
}
