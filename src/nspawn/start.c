/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: begins a run and brings it to the point where the payload may go. Four things proceed at
 * once: the outer stage builds the tree; the manager makes the scope; once PID 1 is born, the inner stage sets
 * itself up while the supervisor makes the network links and machined is told. try_go() is called after each
 * step; it sends MESSAGE_GO when our own are done, and declares the run started when the inner stage is, too. */

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/handshake.h"
#include "engine/progress.h"
#include "fd.h"
#include "guest/outer.h"
#include "host/hooks.h"
#include "host/ports.h"
#include "host/unix-export.h"
#include "launch.h"
#include "log.h"
#include "memory.h"
#include "mount-fd.h"
#include "process.h"

#define SETTLED_USEC 5000000u /* after its start, a machine has mostly booted */

static int on_outer_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Machine *m = userdata;

        (void) revents;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) process_wait(fd, NULL);
        m->run.outer_pidfd = safe_close(m->run.outer_pidfd);
        /* If it gave birth, the leader's message was sent before it ended: see what is there first. */
        run_read_messages(m);
        if (m->run.leader_pidfd < 0)
                run_event(m, LIFECYCLE_EVENT_EXITED);
        return 0;
}

static int on_leader_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Machine *m = userdata;

        (void) revents;
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        run_read_messages(m);
        /* Its number stays taken until the run is closed: machined may be looking at it just now. */
        (void) process_peek(fd, &m->run.exit);
        run_event(m, LIFECYCLE_EVENT_EXITED);
        return 0;
}

/* A stage that has ended says why, and its end is an event of its own: failing to tell it something is none. */
static int tell_stage(Run *run, MessageType type, int fd) {
        int r = handshake_send(run->socket_fd, &(Message){ .type = type }, fd);

        if (r == -EPIPE || r == -ECONNRESET || (r == -EBADF && run->socket_fd < 0))
                return 0;
        return r < 0 ? log_error_errno(r, "cannot talk to the machine's stages: %m") : 0;
}

/* On our side all is done. The inner stage mostly finds the message there when it gets that far, and goes on at once. */
static int send_go(Run *run) {
        int r;

        if (run->state != LIFECYCLE_STARTING)
                return 0;
        if (run->go_sent || run->leader_pidfd < 0 || !run->settled || !run->network_ready || !run->registered)
                return 0;
        r = tell_stage(run, MESSAGE_GO, -EBADF);
        run->go_sent = r >= 0;
        return r;
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) source;
        (void) usec;
        (void) userdata;
        memory_give_back();
        return 0;
}

/* A machine that is still there when its own start is over most likely stays for long, and we wait. */
static void schedule_rest(Machine *m) {
        if (m->config->payload.mode == START_BOOT)
                (void) sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC, SETTLED_USEC, 0, on_settled, NULL);
}

static int try_go(Machine *m) {
        Run *run = &m->run;
        int r;

        r = send_go(run);
        if (r < 0 || run->going || !run->go_sent || !run->inner_ready)
                return r;
        run->going = true;
        if (m->unmanaged && !m->config->output.quiet)
                log_notice("%s: no systemd on this host: no scope, no registration, no resource control",
                           m->config->source.machine);
        m->unmanaged = false; /* once is enough */
        notify_started(m->notify, run->leader);
        schedule_rest(m);
        run_event(m, LIFECYCLE_EVENT_STARTED);
        (void) hooks_begin(&m->minder, &m->config->oci, m->config->source.machine, run->leader, &run->hooks_pidfd);
        return 0;
}

static void on_registered(int error, const char *why, void *userdata) {
        Machine *m = userdata;
        const char *machine = m->config->source.machine;

        if (error < 0 && m->config->unit.registration == AUTO_YES) {
                (void) log_error_errno(error, "%s: cannot be registered: %s", machine, why);
                return run_event(m, LIFECYCLE_EVENT_FAILED);
        }
        if (error < 0 && !m->config->output.quiet)
                log_notice("%s: not registered: %s", machine, why);
        m->run.registered = true;
        if (try_go(m) < 0)
                run_event(m, LIFECYCLE_EVENT_FAILED);
}

static int start_registration(Machine *m) {
        const char *service = m->config->env.container_service;
        Run *run = &m->run;
        int r;

        if ((!m->bus && !m->machined) || m->config->unit.registration == AUTO_NO) {
                run->registered = true;
                return 0;
        }
        run->registration_request = (RegistrationRequest){
                .machine = m->config->source.machine,
                .uuid = run->uuid,
                .service = service ?: "systemd-nspawn",
                .leader_pidfd = run->leader_pidfd,
                .root_directory = m->config->source.directory,
                .ifindices = run->network.interfaces,
                .n_ifindices = run->network.n_interfaces,
        };
        r = machined_register(m->bus, m->machined, &run->registration_request, on_registered, m, &run->registration);
        return r < 0 ? log_error_errno(r, "%s: cannot be registered: %m", m->config->source.machine) : 0;
}

/* The leader is our unreaped child, so its number cannot have been given to another process. */
static int start_network(Machine *m) {
        _cleanup_close_ int netns = -EBADF;
        char path[64];
        int r;

        m->run.network_ready = true;
        if (m->plan->network.n_items == 0)
                return 0;
        (void) snprintf(path, sizeof(path), "/proc/%i/ns/net", (int) m->run.leader);
        netns = open(path, O_RDONLY | O_CLOEXEC);
        if (netns < 0 && errno == ENOENT)
                return 0; /* PID 1 is at its end already; its own message says why */
        if (netns < 0)
                return log_error_errno(-errno, "cannot open the machine's network namespace: %m");
        r = network_setup(&m->plan->network, netns, &m->run.undo, &m->run.network);
        if (r < 0)
                return r;
        return ports_start(
                &(PortsRequest){
                        .config = &m->config->network,
                        .machine = m->config->source.machine,
                        .quiet = m->config->output.quiet,
                        .runtime_fd = m->runtime_fd,
                        .host = &m->run.network,
                        .netns_fd = netns,
                },
                m->event, &m->run.undo);
}

static int run_last_hooks(void *userdata) {
        Machine *m = userdata;

        (void) hooks_run(&m->minder, &m->config->oci, OCI_HOOK_POSTSTOP, m->config->source.machine,
                         0); /* has logged */
        return 0;
}

/* The machine has its namespaces and its network, and waits. */
static int run_first_hooks(Machine *m) {
        const OciConfig *oci = &m->config->oci;
        int r = 0;

        for (OciHookTime t = OCI_HOOK_PRESTART; t <= OCI_HOOK_CREATE_RUNTIME && r >= 0; t++)
                r = hooks_run(&m->minder, oci, t, m->config->source.machine, m->run.leader);
        return r;
}

/* Not before the leader is born into it: that is up to the cgroup's owner. */
static int delegate_cgroup(Machine *m) {
        if (m->users.base == 0 || m->cgroup.payload_fd < 0)
                return 0;
        return machine_cgroup_delegate(&m->cgroup, m->users.base, m->users.base);
}

static int on_leader_message(Machine *m, const Message *message, int *fd) {
        Run *run = &m->run;
        int r;

        if (run->leader_pidfd >= 0 || *fd < 0)
                return log_error_errno(-EBADMSG, "the outer stage sent no leader");
        run->leader_pidfd = TAKE_FD(*fd);
        /* The machine was killed before anybody knew of its PID 1. */
        if (run->state != LIFECYCLE_STARTING)
                (void) process_signal(run->leader_pidfd, SIGKILL);
        run->uuid = message->uuid;
        run->leader = process_pid(run->leader_pidfd);
        if (run->leader < 0)
                return log_error_errno(run->leader, "cannot tell the PID of the machine's PID 1: %m");
        r = sd_event_add_io(m->event, &run->leader_source, run->leader_pidfd, EPOLLIN, on_leader_exit, m);
        if (r < 0)
                return log_error_errno(r, "cannot watch the machine's PID 1: %m");
        /* What the stages sent is read before their end is looked at. */
        (void) sd_event_source_set_priority(run->leader_source, SD_EVENT_PRIORITY_NORMAL + 10);

        if (run->state != LIFECYCLE_STARTING)
                return 0;
        r = delegate_cgroup(m);
        if (r >= 0)
                r = journal_receiver_listen(m->journal, m->cgroup.supervisor_fd);
        if (r >= 0)
                r = start_network(m);
        if (r >= 0)
                r = run_first_hooks(m);
        if (r >= 0)
                r = start_registration(m);
        if (r >= 0 && run->console_fd >= 0)
                r = console_attach(m->console, TAKE_FD(run->console_fd));
        if (r >= 0 && run->notify_fd >= 0)
                r = notify_listen(m->notify, TAKE_FD(run->notify_fd), run->leader);
        return r < 0 ? r : try_go(m);
}

/* The two fds can overtake the leader's message, which another process sends. */
static int on_console_message(Machine *m, const Message *message, int *fd) {
        (void) message;
        if (*fd < 0 || !m->console)
                return log_error_errno(-EBADMSG, "the inner stage sent no console");
        if (m->run.leader_pidfd >= 0)
                return console_attach(m->console, TAKE_FD(*fd));
        m->run.console_fd = TAKE_FD(*fd);
        return 0;
}

static int on_notify_message(Machine *m, const Message *message, int *fd) {
        (void) message;
        if (*fd < 0)
                return log_error_errno(-EBADMSG, "the inner stage sent no notification socket");
        if (m->run.leader_pidfd >= 0)
                return notify_listen(m->notify, TAKE_FD(*fd), m->run.leader);
        m->run.notify_fd = TAKE_FD(*fd);
        return 0;
}

static int on_ready_message(Machine *m, const Message *message, int *fd) {
        (void) message;
        (void) fd;
        m->run.inner_ready = true;
        return try_go(m);
}

static int on_progress_message(Machine *m, const Message *message, int *fd) {
        (void) m;
        (void) fd;
        progress_tell_manager(message->text);
        return 0;
}

static int on_log_message(Machine *m, const Message *message, int *fd) {
        (void) m;
        (void) fd;
        (void) log_write(message->level, 0, "%s", message->text);
        return 0;
}

/* The step has logged why; where it happened is for whoever debugs it. */
static int on_abort_message(Machine *m, const Message *message, int *fd) {
        (void) fd;
        (void) log_debug_errno(message->error, "%s/%s: %m", message->stage, message->step);
        run_event(m, LIFECYCLE_EVENT_FAILED);
        return 0;
}

/* What was to execute it knows no more than this, see starter/starter.c. */
static int on_not_executed_message(Machine *m, const Message *message, int *fd) {
        const char *name = message->text;
        int error = message->error;

        (void) fd;
        if (isempty(name))
                (void) log_error_errno(error, "no shell can be run in the machine: %m");
        else if (error == -ENOENT)
                (void) log_error_errno(error, "%s: no such command in the machine", name);
        else if (error == -ENOEXEC)
                (void) log_error_errno(error, "%s: %s in it is a program for another architecture than this host's",
                                       source_path(&m->config->source), name);
        else
                (void) log_error_errno(error, "%s: cannot be run in the machine: %m", name);
        run_event(m, LIFECYCLE_EVENT_FAILED);
        return 0;
}

typedef int (*message_handler_t)(Machine *m, const Message *message, int *fd);

static const message_handler_t handlers[_MESSAGE_MAX] = {
        [MESSAGE_LOG] = on_log_message,         [MESSAGE_PROGRESS] = on_progress_message,
        [MESSAGE_ABORT] = on_abort_message,     [MESSAGE_LEADER] = on_leader_message,
        [MESSAGE_CONSOLE] = on_console_message, [MESSAGE_NOTIFY] = on_notify_message,
        [MESSAGE_READY] = on_ready_message,     [MESSAGE_NOT_EXECUTED] = on_not_executed_message,
};

/* One packet: 1 if there was one, 0 if there is none now. */
static int read_message(Machine *m) {
        _cleanup_close_ int fd = -EBADF;
        Message message;
        int r;

        r = handshake_receive(m->run.socket_fd, &message, &fd);
        if (r == -EAGAIN)
                return 0;
        if (r < 0)
                return r;
        if (!handlers[message.type])
                return -EBADMSG;
        r = handlers[message.type](m, &message, &fd);
        return r < 0 ? r : 1;
}

void run_read_messages(Machine *m) {
        int r = 0;

        while (m->run.socket_fd >= 0 && (r = read_message(m)) > 0)
                ;
        if (m->run.socket_fd < 0 || r == 0)
                return;
        /* End of file: the payload runs, or the process that should have become it is gone and reported so. */
        m->run.socket_source = sd_event_source_disable_unref(m->run.socket_source);
        m->run.socket_fd = safe_close(m->run.socket_fd);
        if (r != -ECONNRESET)
                run_event(m, LIFECYCLE_EVENT_FAILED);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) source;
        (void) fd;
        (void) revents;
        run_read_messages(userdata);
        return 0;
}

/* Moving processes can take the kernel ten milliseconds, in which the outer stage gets on with its work. */
int run_cgroup_ready(Machine *m) {
        int r;

        if (!m->cgroup_ready || m->run.cgroup_sent)
                return 0;
        r = tell_stage(&m->run, MESSAGE_CGROUP, m->cgroup.payload_fd);
        if (r < 0)
                return r;
        m->run.cgroup_sent = true;
        r = machine_cgroup_settle(&m->cgroup, &m->minder.pid, 1);
        if (r < 0)
                (void) log_debug_errno(r, "cannot pass all controllers on to the machine: %m");
        r = machine_cgroup_limit(&m->cgroup, m->config->oci.cgroup);
        if (r < 0)
                return r;
        m->run.settled = true;
        return try_go(m);
}

static _noreturn_ void become_outer_stage(Machine *m, int socket_fd, int tree_fd) {
        StageContext context = {
                .config = m->config,
                .facts = m->facts,
                .plan = m->plan,
                .socket_fd = socket_fd,
                .tree_fd = tree_fd,
                .image = m->config->source.image ? &m->image : NULL,
                .stack = m->config->source.mstack ? &m->stack : NULL,
                .users = m->users,
                .users_fd = -EBADF,
                .unix_export_fd = m->run.unix_export_fd,
                .journal_fd = m->run.journal_fd,
                .runtime_directory = m->runtime_directory,
                .layered = m->layered,
                .layer_directory = m->layer_directory,
                .mount_temporaries = m->mount_temporaries,
                .console_is_pty = m->console_mode != CONSOLE_PIPE,
                .n_listen_fds = m->n_listen_fds,
                .root_fd = -EBADF,
                .place = m->plan->filesystem.root.n_items > 0 ? PLACE_OF_TREE : "",
                .origin_fd = -EBADF,
                .stack_fd = -EBADF,
                .former_fd = -EBADF,
                .payload_cgroup_fd = -EBADF,
                .starter_fd = -EBADF,
                .tty_fd = -EBADF,
        };

        _exit(outer_stage(&context));
}

static int fork_outer_stage(Machine *m, int stage_fd) {
        const char *directory = m->config->source.directory;
        _cleanup_close_ int tree = -EBADF;
        pid_t pid;
        int r;

        /* Copied here, where the tree's mount is one of our own namespace's: the stage may only place it. */
        if (directory)
                tree = mount_clone(m->tree_fd, "", true);
        if (directory && tree < 0)
                return log_error_errno(tree, "%s: cannot take a copy of the mount: %m", directory);
        r = mount_stack_clone(&m->stack);
        if (r < 0)
                return r;
        pid = process_clone(CLONE_NEWNS, -EBADF, &m->run.outer_pidfd);
        if (pid < 0)
                return log_error_errno(pid, "cannot create a mount namespace: %m");
        if (pid == 0)
                become_outer_stage(m, stage_fd, tree);
        mount_stack_close_clones(&m->stack);
        return 0;
}

/* Of use to a system with services of its own, on a host whose tools look for it. */
static int make_unix_export(Machine *m) {
        if (m->config->payload.mode != START_BOOT || !m->facts->systemd_running)
                return 0;
        return unix_export_make(&m->run.undo, m->config->source.machine, m->users.base, &m->run.unix_export_fd);
}

int run_start(Machine *m) {
        _cleanup_close_ int stage_fd = -EBADF;
        Run *run = &m->run;
        int r;

        *run = RUN_NONE;
        if (m->config->oci.hooks[OCI_HOOK_POSTSTOP].n_items > 0) {
                r = undo_add(&run->undo, "hooks", run_last_hooks, m);
                if (r < 0)
                        return r;
        }
        r = handshake_socketpair(&run->socket_fd, &stage_fd);
        if (r < 0)
                return log_error_errno(r, "cannot make a socket pair: %m");
        r = make_unix_export(m);
        if (r >= 0)
                r = journal_receiver_open(m->journal, &run->journal_fd);
        if (r >= 0)
                r = fork_outer_stage(m, stage_fd);
        run->unix_export_fd = safe_close(run->unix_export_fd);
        if (r < 0)
                return r;

        r = fd_set_nonblock(run->socket_fd, true);
        if (r >= 0)
                r = sd_event_add_io(m->event, &run->socket_source, run->socket_fd, EPOLLIN, on_socket, m);
        if (r >= 0)
                r = sd_event_add_io(m->event, &run->outer_source, run->outer_pidfd, EPOLLIN, on_outer_exit, m);
        if (r < 0)
                return log_error_errno(r, "cannot watch the outer stage: %m");
        return run_cgroup_ready(m);
}
