/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The minder: the process whose death takes the guest along. */

#include <sys/types.h>

#include "macros.h"

typedef struct Minder {
        pid_t pid;
        int pidfd;
} Minder;

#define MINDER_NONE ((Minder){ .pidfd = -EBADF })

/* Forks it, and makes every later child of this process, the guest included, live below its PID namespace.
 * orphaned() runs in the minder once the supervisor has died without minder_end(): to remove what it left. It
 * must be called before descriptors are opened that have to close with the supervisor, bus connections above
 * all. moved_soon: the service manager is about to be asked to move the minder into a scope. Logs. */
int minder_start(bool moved_soon, void (*orphaned)(void *userdata), void *userdata, Minder *ret) _must_check_;

/* Children that are born between these two are of our own PID namespace, and nothing to the minder. Stepping back in
 * fails where the minder is dead: then nothing is born there any more. Logs. */
int minder_step_out(void) _must_check_;
void minder_step_in(const Minder *minder);

/* Kills it, and with it whatever still lives below it, and does not wait: its death takes the kernel a moment, for
 * which there is other work. */
void minder_kill(const Minder *minder);

/* Kills and reaps it. */
void minder_end(Minder *minder);
