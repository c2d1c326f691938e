/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's own network interfaces, while a machine has them. */

#include "engine/undo.h"
#include "netlink.h"
#include "plan/network.h"

/* Moves op->host into the guest's namespace (netns_fd, borrowed; guest is a socket in there) and calls it op->guest.
 * The undo log gets it back, with its names, from whatever the guest has made of it. Logs its errors. */
int link_lend(Netlink *host, Netlink *guest, int netns_fd, const LinkOperation *op, UndoLog *undo) _must_check_;
