/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's side of the machine's network: making the planned links and taking them away again. */

#include "engine/undo.h"
#include "plan/network.h"

/* By what the host reaches the machine: ends of pairs, or the bridges they are ports of. */
typedef struct HostNetwork {
        int interfaces[1]; /* ifindices; what the machine registry is told */
        size_t n_interfaces;
        int links[8]; /* all of them, or the first ones */
        size_t n_links;
} HostNetwork;

/* Makes the links of the plan between our network namespace and the guest's (netns_fd, borrowed) and
 * brings up the guest's loopback. Must run before anything of the guest runs in there, in a process of one
 * thread, with CAP_NET_ADMIN and CAP_SYS_ADMIN over both namespaces. The reversals go to undo and work
 * whether or not the guest's namespace still has processes; while a physical link is lent, the log keeps
 * that namespace alive. Errors are logged; what was done until then is in the log. May wait up to a second
 * for the remains of a dead machine of the same name. -ENOTRECOVERABLE: we are stuck in the guest's
 * namespace; the process must end. */
int network_setup(const NetworkPlan *plan, int netns_fd, UndoLog *undo, HostNetwork *ret) _must_check_;
