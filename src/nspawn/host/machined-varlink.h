/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The varlink interface of machined (systemd 257 and newer): no bus in between, and the leader goes over by the
 * inode number of its pidfd. */

#include <systemd/sd-event.h>

#include "host/registration-request.h"
#include "macros.h"

typedef struct MachinedLink MachinedLink;

/* Begins to connect, which also starts a machined that is not running. -EOPNOTSUPP: this host's machined or this
 * host's libsystemd is too old; nothing has been tried then. Logs nothing. */
int machined_link_open(sd_event *event, MachinedLink **ret) _must_check_;

/* Registers the machine, as machined_register() does; registered() is never called from within. -EOPNOTSUPP, also
 * to registered(): this machined does not understand the request, or it has ended. */
int machined_link_register(MachinedLink *l, const RegistrationRequest *request, registered_t registered,
                           void *userdata) _must_check_;

/* Removes the entry of a machine, which was made over a link, and waits for the reply, but two seconds at most. */
void machined_link_unregister(const char *machine);

/* Takes NULL. */
void machined_link_close(MachinedLink *l);
