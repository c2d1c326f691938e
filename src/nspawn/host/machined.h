/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The entry of a machine in machined, the host's list of machines. */

#include <sys/signalfd.h>

#include "host/machined-varlink.h"
#include "host/manager-bus.h"
#include "host/registration-request.h"
#include "macros.h"

typedef struct Registration Registration;

/* Makes the bus start machined if it is not running, so that it is there when it is needed. No reply. */
void machined_wake(ManagerBus *bus);

/* Registers the machine, over the link if there is one, else over the bus; one of the two may be NULL. The leader
 * must be in its final cgroup. What request points to must live until
 * registered() is called, which never happens from within this call. An entry whose leader is dead is
 * replaced; a living one is -EEXIST. */
int machined_register(ManagerBus *bus, MachinedLink *link, const RegistrationRequest *request, registered_t registered,
                      void *userdata, Registration **ret) _must_check_;

/* Removes the entry, if it was made. The reply of the bus is waited for by manager_bus_close(). */
void machined_unregister(Registration *g);

/* Newer versions take the caller for the machine's supervisor, and send it SIGTERM both for "machinectl
 * terminate" and when they see the leader end. True for the second: the signal comes from machined, and g
 * (or NULL) is not registered or its leader has ended. Such a signal is not a request. It may arrive while
 * the machine is started again, or when the program is about to exit, so SIGTERM has to stay blocked or
 * handled to the end, with a higher priority than the bus, so that it is seen before the reply to the next
 * registration. */
bool machined_signal_is_stale(const Registration *g, const struct signalfd_siginfo *si);

/* Frees; the entry stays. Takes NULL. */
void machined_registration_free(Registration *g);
