/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ports of the host that lead to the machine. */

#include <systemd/sd-event.h>

#include "config/config.h"
#include "engine/undo.h"
#include "host/network.h"

typedef struct PortsRequest {
        const NetworkConfig *config;
        const char *machine;
        bool quiet;              /* nothing but warnings and errors */
        int runtime_fd;          /* of the machine's runtime directory */
        const HostNetwork *host; /* by what the machine is reached */
        int netns_fd;            /* of the machine */
} PortsRequest;

/* Before anything else is done for the machine: whether what forwarding takes is installed. Nothing is done, and no
 * time lost, for a machine without ports. Logs. */
int ports_check(const NetworkConfig *config) _must_check_;

/* Makes the machine's table, and from then on keeps it in line with the machine's addresses, until undo is run. What
 * the request points to must live that long, but for the two fds, of which runtime_fd must. Must run before anything
 * of the guest does, like network_setup(), whose changes must be undone after ours. Logs. */
int ports_start(const PortsRequest *request, sd_event *event, UndoLog *undo) _must_check_;

/* Removes what a killed machine left. Silent. */
int ports_remove_recorded(const char *machine, int runtime_fd);
