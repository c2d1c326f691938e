/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection to the bus on which the service manager and machined live. Nothing here waits, except
 * manager_bus_close(). */

#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "macros.h"

typedef struct ManagerBus ManagerBus;

/* error is 0 once the connection has its own name, else a negative errno. */
typedef void (*manager_bus_ready_t)(int error, void *userdata);

/* Begins to connect to the system's bus, or to the caller's own with user_scope, and attaches the
 * connection to the loop. -ENOENT: this host has no systemd or no bus; that is found out without
 * connecting. Any other error means there is a bus that cannot be used. Logs nothing.
 *
 * A child that never execs must close the descriptors it inherits: while it holds the connection open, the
 * manager takes a dead supervisor for a living one. */
int manager_bus_open(sd_event *event, bool user_scope, ManagerBus **ret) _must_check_;

/* Gives the connection up, after waiting at most timeout_usec for the replies to manager_bus_farewell() calls. Returns
 * whether one of them was for a unit that the manager had no more. Takes NULL. Objects made on the connection (Scope,
 * Registration) are freed before. */
bool manager_bus_close(ManagerBus *b, uint64_t timeout_usec);

/* Calls ready once: from the event loop when the connection is up or has failed, or at once if it already is.
 * There is one such slot; NULL empties it if it holds this userdata. */
void manager_bus_when_ready(ManagerBus *b, manager_bus_ready_t ready, void *userdata);

/* 1: connected. 0: not yet. Negative errno: the connection has failed. */
int manager_bus_state(const ManagerBus *b);

/* Both borrowed, valid until manager_bus_close(). */
sd_bus *manager_bus_get(ManagerBus *b);
sd_event *manager_bus_event(ManagerBus *b);

/* Sends one of the calls that end a machine. Only manager_bus_close() waits for the reply, because a
 * service that checks who asked needs the asker to be on the bus still. A failure is a debug message: what
 * such a call removes may be gone already. */
int manager_bus_farewell(ManagerBus *b, sd_bus_message *call);

/* The manager's own words in an error reply, never NULL. */
const char *bus_reply_error(sd_bus_message *reply);
