/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Machine: everything the supervisor knows of a machine while it lives. What was asked for and planned is const;
 * what is found out while running is here, and never flows back, so that a reboot starts from the same config. */

#include <systemd/sd-event.h>

#include "config/config.h"
#include "engine/image.h"
#include "engine/undo.h"
#include "host/journal-receiver.h"
#include "host/machine-cgroup.h"
#include "host/machine-lock.h"
#include "host/machined.h"
#include "host/manager-bus.h"
#include "host/minder.h"
#include "host/mstack.h"
#include "host/network.h"
#include "host/scope.h"
#include "host/temporary.h"
#include "host/uid-range.h"
#include "plan/plan.h"
#include "supervise/console.h"
#include "supervise/lifecycle.h"
#include "supervise/notify.h"
#include "supervise/shutdown.h"

/* One run of the payload, from the outer stage to the end of PID 1. A reboot begins a new one. */
typedef struct Run {
        LifecycleState state;
        UndoLog undo;
        int socket_fd; /* to the stages */
        int outer_pidfd, leader_pidfd;
        pid_t leader;
        sd_id128_t uuid;
        sd_event_source *socket_source, *outer_source, *leader_source, *timeout_source, *ask_source;
        int unix_export_fd;        /* for the outer stage, or -EBADF */
        int journal_fd;            /* the same, but the receiver's */
        int hooks_pidfd;           /* runs the hooks of poststart, or -EBADF */
        int console_fd, notify_fd; /* from the inner stage, kept until the leader is known */
        HostNetwork network;
        Registration *registration;
        RegistrationRequest registration_request;

        /* What MESSAGE_GO waits for. */
        bool cgroup_sent, settled, network_ready, registered;
        bool go_sent;
        bool inner_ready; /* the inner stage has nothing left to do but to heed it */
        bool going;       /* both: the payload runs */
        bool explained;   /* whoever sees it end knows why */

        StopWish wish;           /* what it is asked for */
        ShutdownTarget shutdown; /* who is asked, and how far that came */
        siginfo_t exit;          /* how PID 1 ended */
} Run;

#define RUN_NONE                                                                                                      \
        ((Run){                                                                                                       \
                .socket_fd = -EBADF,                                                                                  \
                .outer_pidfd = -EBADF,                                                                                \
                .leader_pidfd = -EBADF,                                                                               \
                .unix_export_fd = -EBADF,                                                                             \
                .journal_fd = -EBADF,                                                                                 \
                .console_fd = -EBADF,                                                                                 \
                .notify_fd = -EBADF,                                                                                  \
                .hooks_pidfd = -EBADF,                                                                                \
                .shutdown = { .leader_pidfd = -EBADF },                                                               \
        })

typedef struct Machine {
        const MachineConfig *config;
        const HostFacts *facts;
        const MachinePlan *plan;

        sd_event *event;
        UndoLog undo;
        int tree_fd, runtime_fd; /* the tree, or the file or disk that holds it */
        bool read_only;          /* nothing of tree_fd is ever written */
        Image image;
        MountStack stack;
        MachineLock *stack_locks; /* one for each of its entries */
        char runtime_directory[128];
        Temporaries temporaries;
        bool layered;             /* an ephemeral machine's changes go to a layer over the tree */
        char *layer_directory;    /* for that; NULL: in memory */
        char **mount_temporaries; /* for each of the configuration's mounts a path, or NULL if it needs none */
        MachineLock lock;
        LockFile users_lock;
        UserMapping users;
        Minder minder;
        MachineCgroup cgroup;
        bool cgroup_ready;
        ManagerBus *bus;
        MachinedLink *machined; /* NULL: over the bus, if at all */
        bool unmanaged;         /* this host has no systemd */
        Scope *scope;
        ScopeRequest scope_request;
        Notify *notify;
        JournalReceiver *journal;
        Console *console;
        ConsoleMode console_mode;
        unsigned n_listen_fds;

        Run run;
        bool stopping;   /* somebody wants it to end: no reboot is followed any more */
        int exit_status; /* of the whole program, once the loop has ended */
} Machine;

/* Starts the machine of this config, sees it through to its end, reboots included, and undoes all of it. Returns
 * the program's exit status. Everything is logged. */
int launch(const MachineConfig *config, const HostFacts *facts, const MachinePlan *plan, unsigned n_listen_fds);

/* source.c: opens what the machine runs on; takes it, which is locking or copying it; attaches it, if it is an image.
 * In this order; see there for what has to be between them. Errors are logged. */
int source_open(Machine *m) _must_check_;
int source_take(Machine *m) _must_check_;
int source_attach(Machine *m) _must_check_;

/* start.c: begins a run. Errors are logged; the run's state tells how far it came. */
int run_start(Machine *m) _must_check_;

/* start.c: the machine's cgroup exists now, or never will. */
int run_cgroup_ready(Machine *m) _must_check_;

/* start.c: handles what the stages have sent so far. */
void run_read_messages(Machine *m);

/* end.c: something has happened to the run; does what the lifecycle has for it. */
void run_event(Machine *m, LifecycleEvent event);

/* end.c: the run's last output has been shown: begins the next one, or ends the event loop. */
void run_finished(Machine *m);

/* end.c: kills and reaps what is left of a run, in whatever state it is. */
void run_abandon(Machine *m);
