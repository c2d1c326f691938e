/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all network interfaces that a machine gets have in common, on the host. */

#include "engine/undo.h"
#include "netlink.h"

/* Logs "cannot WHAT NAME" with what the kernel said about the request that failed. Returns error. */
int link_log_error(int error, const Netlink *nl, const char *what, const char *name);

/* A second name. A warning if it cannot have it. */
void link_add_altname(Netlink *nl, const LinkInfo *info, const char *altname);

/* Deletes it, or finds it gone. Silent. */
int link_delete(Netlink *nl, int ifindex) _must_check_;

/* A link that we made, as the function that deletes it in the end gets it, to free. */
typedef struct MadeLink {
        int ifindex;
        char name[IFNAMSIZ];
        struct ether_addr address;
} MadeLink;

int link_register_deletion(UndoLog *undo, const char *name, undo_function_t function,
                           const LinkInfo *info) _must_check_;

/* What has its index now, by a socket of its own: 1, or 0 if that is nothing or of another kind. An index may have
 * passed to another link since ours went away by itself, so the caller compares more. Silent. */
int link_find_made(const MadeLink *made, const char *kind, Netlink **ret_nl, LinkInfo *ret) _must_check_;
