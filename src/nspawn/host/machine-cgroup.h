/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The machine's cgroups: payload/ for the guest (the root of its cgroup namespace, with its device rules) and
 * supervisor/ for processes of ours, side by side in a base. */

#include <sys/types.h>

#include "device-program.h"
#include "engine/undo.h"

typedef struct MachineCgroup {
        int base_fd;
        int payload_fd;      /* for CLONE_INTO_CGROUP */
        int supervisor_fd;   /* for CLONE_INTO_CGROUP */
        int program_fd;      /* of the device rules */
        char *record;        /* the cgroup2 path that the reversal removes */
        bool own_base;       /* the base is "nspawn-NAME", which nobody else has a say in */
        bool in_scope;       /* the base is the cgroup of a scope that was made for this machine */
        bool needs_settling; /* our own process sits in the base, see machine_cgroup_settle() */
        int device_error;    /* 0, or why the guest has no device rules: -EOPNOTSUPP, -EPERM */
} MachineCgroup;

#define MACHINE_CGROUP_NONE                                                                                           \
        ((MachineCgroup){ .base_fd = -EBADF, .payload_fd = -EBADF, .supervisor_fd = -EBADF, .program_fd = -EBADF })

/* Makes them. unit_path is the cgroup2 path of a scope that was made for this machine. NULL: our own cgroup
 * if the service manager has delegated it to us, else "nspawn-NAME" below it. Device rules are added to the
 * built-in ones. Takes some 0.3 ms; moves no process. The record goes to runtime_fd. Logs, but for
 * device_error. cgroup must be MACHINE_CGROUP_NONE at first and live until machine_cgroup_done(), which comes after the
 * undo log has run. */
int machine_cgroup_make(UndoLog *undo, MachineCgroup *cgroup, const char *machine, int runtime_fd,
                        const char *unit_path, const DeviceRule *rules, size_t n_rules) _must_check_;

/* Frees it, and removes what is left of a scope that the manager has no more. */
void machine_cgroup_done(MachineCgroup *cgroup, bool scope_is_gone);

/* Makes the controllers that the base has available to payload/ and supervisor/. For that no process may be
 * left in the base itself: ours is moved to supervisor/, and so are the pids given (the one that the scope
 * was made with). That can take ten milliseconds, so do it while the outer stage is at work; the guest may be
 * born before, but must not run before. Best effort: the number of controllers, or an error that nobody has
 * logged. */
int machine_cgroup_settle(MachineCgroup *cgroup, const pid_t *pids, size_t n_pids);

/* Writes limits, FILE=VALUE each. They are the base's where that is our own, out of the guest's reach; else they are
 * payload's: other bases belong to a manager, who would undo them. Logs. */
int machine_cgroup_limit(const MachineCgroup *cgroup, char *const *limits) _must_check_;

/* Hands payload/ to the guest's root user. Logs. */
int machine_cgroup_delegate(const MachineCgroup *cgroup, uid_t uid, gid_t gid) _must_check_;

/* Between two boots of one machine: kills what is left in payload/ and makes it anew. Logs. */
int machine_cgroup_renew(MachineCgroup *cgroup) _must_check_;

/* Kills everything in the cgroup of a record, payload/ first, and removes it. If we are in it ourselves, we
 * step out. Missing is success; -EBUSY or -ETIMEDOUT after some seconds. Silent. For residue.c. */
int machine_cgroup_remove(const char *record);
