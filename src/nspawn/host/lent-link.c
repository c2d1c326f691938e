/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a physical link would be returned by the kernel, too, but to the initial namespace and under
 * the name the guest gave it. So the undo log holds the guest's namespace open and fetches the link from there. The
 * guest had full control over it: its name, its alternative names and its place may have changed, and something else
 * may be in its place. Should even that be prevented by SIGKILL, the link's old name has been left on it as an
 * alternative name, which is enough for the next start to find it. */

#include "host/lent-link.h"

#include <fcntl.h>
#include <stdio.h>

#include "fd.h"
#include "host/link.h"
#include "log.h"
#include "strv.h"

typedef struct LentLink {
        int netns_fd; /* the guest's namespace, ours to close */
        int ifindex;  /* in there */
        char name[IFNAMSIZ], kind[16];
        char **altnames;
} LentLink;

static void lent_link_free(LentLink *lent) {
        (void) safe_close(lent->netns_fd);
        strv_free(lent->altnames);
        free(lent);
}
DEFINE_CLEANUP(LentLink *, lent_link_free)

/* Names that came up inside must not come out: they could stand in for another link of the host. */
static void remove_foreign_altnames(Netlink *nl, const LinkInfo *info, char *const *own) {
        STRV_FOREACH(name, info->altnames) {
                int r;

                if (strv_find(own, *name))
                        continue;
                netlink_remove_altname(nl, info->ifindex, *name);
                r = netlink_flush(nl);
                if (r < 0)
                        (void) log_warning_errno(r, "cannot drop name %s of network interface %s: %m", *name,
                                                 info->name);
        }
}

/* Where altnames do not move with their link (kernels before 6.7, and fixed stable ones), or were removed. */
static void restore_altnames(Netlink *nl, const LinkInfo *info, char *const *altnames) {
        STRV_FOREACH(name, altnames)
        if (!strv_find(info->altnames, *name))
                link_add_altname(nl, info, *name);
}

/* Returns 1 if the link has its old name, 0 if it had to take another. */
static int bring_home(Netlink *guest, const LinkInfo *info, const LentLink *lent) {
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char name[IFNAMSIZ];
        int r;

        if (own < 0)
                return -errno;
        netlink_change(guest, info->ifindex, &(LinkChange){ .name = lent->name, .netns_fd = own });
        r = netlink_flush(guest);
        if (r != -EEXIST)
                return r < 0 ? r : 1;
        (void) snprintf(name, sizeof(name), "dev%i", info->ifindex); /* as the kernel does it */
        log_warning("network interface %s is taken: the one that was lent returns as %s", lent->name, name);
        netlink_change(guest, info->ifindex, &(LinkChange){ .name = name, .netns_fd = own });
        return netlink_flush(guest);
}

static int return_link(void *userdata) {
        _cleanup_(lent_link_free_p) LentLink *lent = userdata;
        _cleanup_netlink_ Netlink *guest = NULL, *host = NULL;
        _cleanup_link_info_ LinkInfo there = {}, here = {};
        int r;

        r = netlink_open_in(lent->netns_fd, &guest);
        if (r < 0)
                return r;
        r = netlink_find(guest, lent->ifindex, NULL, &there);
        if (r == -ENODEV || (r >= 0 && !streq(there.kind, lent->kind))) {
                log_warning("network interface %s is no longer in the machine it was lent to", lent->name);
                return 0;
        }
        if (r < 0)
                return r;
        remove_foreign_altnames(guest, &there, lent->altnames);
        r = bring_home(guest, &there, lent);
        if (r <= 0)
                return r;
        r = netlink_open(&host);
        if (r >= 0)
                r = netlink_find(host, 0, lent->name, &here);
        if (r >= 0)
                restore_altnames(host, &here, lent->altnames);
        return r == -ENODEV ? 0 : r;
}

static LentLink *lent_link_new(const LinkInfo *info, int netns_fd) {
        LentLink *lent = malloc(sizeof(LentLink));

        if (!lent)
                return NULL;
        *lent = (LentLink){
                .netns_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3),
                .ifindex = info->ifindex, /* kept by the kernel where it is free */
                .altnames = strv_copy(info->altnames),
        };
        memcpy(lent->name, info->name, sizeof(lent->name));
        memcpy(lent->kind, info->kind, sizeof(lent->kind));
        if (lent->netns_fd < 0 || (info->altnames && !lent->altnames)) {
                lent_link_free(lent);
                return NULL;
        }
        return lent;
}

/* Takes lent. */
static int move_link(Netlink *host, Netlink *guest, const LinkInfo *info, const char *name, int netns_fd,
                     UndoLog *undo, LentLink *lent) {
        _cleanup_link_info_ LinkInfo there = {};
        int r;

        netlink_change(host, info->ifindex, &(LinkChange){ .name = name, .netns_fd = netns_fd });
        r = netlink_flush(host);
        if (r < 0) {
                lent_link_free(lent);
                return link_log_error(r, host, "move to the machine network interface", info->name);
        }
        r = undo_add(undo, "return a network interface to the host", return_link, lent);
        if (r < 0)
                return r;
        r = netlink_find(guest, 0, name, &there);
        if (r < 0)
                return link_log_error(r, guest, "find in the machine network interface", name);
        lent->ifindex = there.ifindex;
        restore_altnames(guest, &there, lent->altnames);
        if (!streq(name, info->name))
                link_add_altname(guest, &there, info->name);
        return 0;
}

int link_lend(Netlink *host, Netlink *guest, int netns_fd, const LinkOperation *op, UndoLog *undo) {
        _cleanup_link_info_ LinkInfo info = {};
        LentLink *lent;
        int r;

        r = netlink_find(host, 0, op->host, &info);
        if (r < 0)
                return link_log_error(r, host, "find network interface", op->host);
        lent = lent_link_new(&info, netns_fd);
        if (!lent)
                return log_oom();
        return move_link(host, guest, &info, streq(op->host, op->guest) ? info.name : op->guest, netns_fd, undo, lent);
}
