/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Network links over rtnetlink: making, changing, finding and deleting them.
 *
 * Requests are queued and then sent together by netlink_flush(): one system call for the batch, and one per
 * answer. The kernel handles them in order and does not stop at one that fails. Queueing never fails by
 * itself: what went wrong is reported by the flush. */

#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>

#include "macros.h"

typedef struct Netlink Netlink;

/* A link to be made. Pointers are borrowed until the queueing function returns. */
typedef struct LinkSpec {
        const char *kind; /* "veth", "bridge", "macvlan" (in bridge mode) or "ipvlan" (in L2 mode) */
        const char *name;
        const struct ether_addr *address; /* NULL: the kernel's choice */
        int netns_fd;                     /* where it is born; 0 or less: the socket's namespace */
        int lower;                        /* macvlan, ipvlan: the ifindex of the link below */
        int master;                       /* ifindex of a bridge to be a port of; 0: none */
        bool up;
        const struct LinkSpec *peer; /* veth: the other end; its kind, master and peer are not looked at */
} LinkSpec;

/* What is to become of an existing link; zero members leave things as they are. */
typedef struct LinkChange {
        const char *name; /* the new one, or NULL */
        int netns_fd;     /* move there; 0 or less: stay. Moving also takes the link down */
        int master;       /* ifindex */
        bool up, down;
        bool localnet_on, localnet_off; /* net.ipv4.conf.NAME.route_localnet */
} LinkChange;

typedef struct LinkInfo {
        int ifindex;
        unsigned flags; /* IFF_* */
        char name[IFNAMSIZ];
        char kind[16]; /* "" for hardware */
        struct ether_addr address;
        int master;     /* ifindex; 0: none */
        int peer;       /* veth: the other end's ifindex in its namespace; macvlan: the link below. 0: none */
        bool peer_away; /* the peer is in another namespace, known here as peer_netnsid; -1: it is dead */
        int32_t peer_netnsid;
        bool localnet; /* net.ipv4.conf.NAME.route_localnet is set */
        char **altnames;
} LinkInfo;

void link_info_done(LinkInfo *info);
#define _cleanup_link_info_ _cleanup_(link_info_done)

/* Opens a socket in our network namespace. It is closed by netlink_close(), which accepts NULL. */
int netlink_open(Netlink **ret) _must_check_;
void netlink_close(Netlink *nl);
DEFINE_CLEANUP(Netlink *, netlink_close)
#define _cleanup_netlink_ _cleanup_(netlink_close_p)

/* Opens a socket that lives in another network namespace; netns_fd is borrowed. The calling thread enters
 * that namespace and returns at once, so the process must have a single thread, and needs CAP_SYS_ADMIN
 * over both. -ENOTRECOVERABLE: there was no way back; the process must end. */
int netlink_open_in(int netns_fd, Netlink **ret) _must_check_;

/* The same for any function: calls it while the thread is in that namespace. It is to open sockets, and nothing else:
 * what is mounted and who we are stays as it is. Returns what it returns. */
int netns_call(int netns_fd, int (*function)(void *userdata), void *userdata) _must_check_;

/* Queue a request. ifindex 0 in netlink_get() means "by name", which may be an alternative name of any
 * length; ret is filled by the flush, if that request succeeds, and must be passed to link_info_done() in
 * any case. */
void netlink_new(Netlink *nl, const LinkSpec *spec);
void netlink_change(Netlink *nl, int ifindex, const LinkChange *change);
void netlink_delete(Netlink *nl, int ifindex);
void netlink_add_altname(Netlink *nl, int ifindex, const char *altname);
void netlink_remove_altname(Netlink *nl, int ifindex, const char *altname);
void netlink_get(Netlink *nl, int ifindex, const char *name, LinkInfo *ret);

/* Sends what is queued and waits for all answers. Returns the first error in order of queueing, else 0. */
int netlink_flush(Netlink *nl) _must_check_;

/* After a flush: what the kernel said about the first error beyond its errno, or "". */
const char *netlink_message(const Netlink *nl);

/* Single requests: queue and flush in one. Nothing else may be queued. */
int netlink_find(Netlink *nl, int ifindex, const char *name, LinkInfo *ret) _must_check_;

/* The links of the socket's namespace; master > 0: only the ports of that one. The array is the caller's. */
int netlink_list(Netlink *nl, int master, int **ret, size_t *ret_n) _must_check_;

/* Whether the namespace of a link's peer still has users. 0: it is being torn down, or is gone, and the link
 * with it. Takes what netlink_get() returned. */
int netlink_peer_alive(Netlink *nl, const LinkInfo *info) _must_check_;
