/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* net.ipv4.conf.LINK.route_localnet, which lets packets with loopback addresses out of and into a link, for as long
 * as a machine needs it there. */

#include "lock-file.h"

typedef struct Localnet {
        int ifindex;   /* 0: nothing is to be undone */
        LockFile lock; /* says that this machine needs it */
} Localnet;

#define LOCALNET_NONE ((Localnet){ .lock = LOCK_FILE_NONE })

/* Turns it on, unless the administrator has. Whoever calls this has seen to it that nobody behind the link can make
 * use of it. Silent. */
int localnet_enable(int runtime_fd, int ifindex, Localnet *ret) _must_check_;

/* Turns it off again, if no other machine needs it and the link is still there. Silent. */
int localnet_disable(Localnet *localnet);

/* The same for a dead machine, of whose runtime directory this is an fd. Silent. */
int localnet_remove_recorded(int runtime_fd);
