/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: as network.c, which is where the links come from. */

#include "host/link.h"

#include "log.h"

int link_log_error(int error, const Netlink *nl, const char *what, const char *name) {
        const char *message = netlink_message(nl);

        return log_error_errno(error, "cannot %s %s: %m%s%s", what, name, *message ? ": " : "", message);
}

void link_add_altname(Netlink *nl, const LinkInfo *info, const char *altname) {
        int r;

        netlink_add_altname(nl, info->ifindex, altname);
        r = netlink_flush(nl);
        if (r < 0)
                (void) log_warning_errno(r, "cannot call network interface %s %s, too: %m", info->name, altname);
}

int link_delete(Netlink *nl, int ifindex) {
        int r;

        netlink_delete(nl, ifindex);
        r = netlink_flush(nl);
        return r == -ENODEV ? 0 : r;
}

int link_register_deletion(UndoLog *undo, const char *name, undo_function_t function, const LinkInfo *info) {
        MadeLink *made = malloc(sizeof(MadeLink));

        if (!made)
                return log_oom();
        made->ifindex = info->ifindex;
        made->address = info->address;
        memcpy(made->name, info->name, sizeof(made->name));
        return undo_add(undo, name, function, made);
}

int link_find_made(const MadeLink *made, const char *kind, Netlink **ret_nl, LinkInfo *ret) {
        int r;

        r = netlink_open(ret_nl);
        if (r < 0)
                return r;
        r = netlink_find(*ret_nl, made->ifindex, NULL, ret);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        return streq(ret->kind, kind);
}
