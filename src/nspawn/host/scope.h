/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The transient unit NAME.scope of the host's service manager, which holds the processes of one machine. */

#include "host/manager-bus.h"
#include "host/scope-request.h"
#include "macros.h"

typedef struct Scope Scope;

typedef struct ScopeEvents {
        /* Called once. error 0: the processes are in the scope's cgroup and the manager has left them alone
         * since. Else a negative errno and one line that says why, the manager's words included. */
        void (*started)(int error, const char *why, void *userdata);
        /* "systemctl stop", a stop of the slice or a shutdown of the host: the manager wants the machine
         * to end and waits stop_timeout_usec and a little more before it kills. May come more than once. */
        void (*stop_requested)(void *userdata);
        void *userdata;
} ScopeEvents;

/* Asks for the scope and returns; started() tells the rest, never from within this call. What request
 * points to must live until then. A --property= that cannot be translated is logged and returned as
 * -EINVAL at once.
 *
 * A scope of that name that a dead supervisor left is removed first; one that somebody controls is not
 * touched (-EEXIST).
 *
 * Device access is not restricted here, the machine's own cgroup has a device program; with DevicePolicy=
 * or DeviceAllow= among the properties, the scope is restricted too: to the devices every machine has,
 * those in request->devices, and the user's. */
int scope_start(ManagerBus *bus, const ScopeRequest *request, const ScopeEvents *events, Scope **ret) _must_check_;

/* Sends what ends the scope, once: the manager shall no longer ask us, and kill whatever is left in it. The replies
 * are waited for by manager_bus_close(). */
void scope_end(Scope *s);

/* Frees; the scope itself stays. Takes NULL. */
void scope_free(Scope *s);
