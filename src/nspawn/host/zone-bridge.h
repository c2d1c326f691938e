/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The bridges of network zones, which machines have in common. */

#include "engine/undo.h"
#include "netlink.h"

/* Keeps everybody else's hands off all zones while a bridge gets a port. An fd for zones_unlock(), for which -EBADF is
 * fine. Logs its errors. */
int zones_lock(void) _must_check_;
void zones_unlock(int *fd);

/* Finds the zone's bridge by its name, or makes it and has it deleted in the end if it is without ports then. The
 * caller holds the lock. Logs its errors. */
int zone_bridge_get(Netlink *host, const char *name, UndoLog *undo, LinkInfo *ret) _must_check_;
