/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, in the host's namespaces, when the guest's network namespace
 * exists and nothing of the guest runs in it yet. Two rtnetlink sockets, one for each namespace, do
 * everything.
 *
 * A link for the guest is born in the guest's namespace, so it never shows up on the host under the guest's
 * name. What was made by name is looked up in the same batch, and from there on addressed by ifindex: udev or
 * an administrator may rename a link at any time.
 *
 * A veth pair needs no undoing in principle, because it goes with the guest's namespace. But that happens
 * some time after the last process, and the next start wants the name at once: so the undo log deletes the
 * host's end, and the set-up clears away, or for a moment waits for, what a killed supervisor left behind.
 *
 * A physical link is lent (lent-link.c). A zone's bridge is made with its first port and goes after its last
 * (zone-bridge.c). */

#include "host/network.h"

#include <time.h>

#include "clock.h"
#include "fd.h"
#include "host/lent-link.h"
#include "host/link.h"
#include "host/zone-bridge.h"
#include "log.h"

#define LOOPBACK_IFINDEX 1 /* in every network namespace */
#define LEFTOVER_PATIENCE_USEC 1000000
#define LEFTOVER_POLL_MSEC 2

typedef struct Setup {
        Netlink *host, *guest;
        int netns_fd;
        UndoLog *undo;
        HostNetwork result;
} Setup;

static int set_up_loopback(Setup *s, const LinkOperation *op _unused_) {
        int r;

        netlink_change(s->guest, LOOPBACK_IFINDEX, &(LinkChange){ .up = true });
        r = netlink_flush(s->guest);
        return r < 0 ? link_log_error(r, s->guest, "bring up network interface", "lo of the machine") : 0;
}

/* — virtual Ethernet — */

static int delete_veth(void *userdata) {
        _cleanup_free_ MadeLink *made = userdata;
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        int r;

        r = link_find_made(made, "veth", &nl, &info);
        if (r <= 0 || memcmp(&info.address, &made->address, sizeof(info.address)) != 0)
                return MIN(r, 0);
        return link_delete(nl, info.ifindex);
}

static int make_veth(Setup *s, const LinkOperation *op, int master, LinkInfo *ret) {
        const LinkSpec peer = {
                .name = op->guest,
                .address = &op->guest_address,
                .netns_fd = s->netns_fd,
        };
        int r;

        netlink_new(s->host,
                    &(LinkSpec){
                            .kind = "veth",
                            .name = op->host,
                            .address = &op->host_address,
                            .master = master,
                            .up = op->up,
                            .peer = &peer,
                    });
        netlink_get(s->host, 0, op->host, ret);
        r = netlink_flush(s->host);
        if (r < 0)
                return r;
        if (!streq(ret->kind, "veth") || memcmp(&ret->address, &op->host_address, sizeof(ret->address)) != 0)
                return -ESTALE; /* renamed within microseconds, and somebody else has the name */
        return 0;
}

/* Deals with the owner of a name that we want. 1: it is out of the way. 0: it may go away by itself soon.
 * -EEXIST: it will not. */
static int clear_leftover(Netlink *nl, const char *name) {
        _cleanup_link_info_ LinkInfo info = {};
        int r;

        r = netlink_find(nl, 0, name, &info);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        if (!streq(info.kind, "veth") || !info.peer_away)
                return -EEXIST;
        r = netlink_peer_alive(nl, &info);
        if (r != 0)
                return r < 0 ? r : 0;
        log_debug("deleting network interface %s, whose machine is dead", info.name);
        r = link_delete(nl, info.ifindex);
        return r < 0 ? r : 1;
}

static int log_name_taken(const LinkOperation *op) {
        return log_error_errno(-EEXIST,
                               "network interface %s exists already and is in use; stop the machine it "
                               "belongs to, or run \"ip link delete %s\"",
                               op->host, op->host);
}

static int make_veth_patiently(Setup *s, const LinkOperation *op, int master, LinkInfo *ret) {
        const uint64_t deadline = clock_usec() + LEFTOVER_PATIENCE_USEC;

        for (;;) {
                const struct timespec pause = { .tv_nsec = LEFTOVER_POLL_MSEC * 1000000L };
                int r;

                r = make_veth(s, op, master, ret);
                if (r >= 0)
                        return 0;
                link_info_done(ret);
                if (r != -EEXIST)
                        return link_log_error(r, s->host, "create virtual Ethernet interface", op->host);
                r = clear_leftover(s->host, op->host);
                if (r < 0 && r != -EEXIST)
                        return link_log_error(r, s->host, "clear away old network interface", op->host);
                if (r < 0 || clock_usec() >= deadline)
                        return log_name_taken(op);
                if (r == 0)
                        (void) nanosleep(&pause, NULL);
        }
}

static int get_bridge(Setup *s, const LinkOperation *op, LinkInfo *ret) {
        int r;

        if (op->zone)
                return zone_bridge_get(s->host, op->bridge, s->undo, ret);
        r = netlink_find(s->host, 0, op->bridge, ret);
        return r < 0 ? link_log_error(r, s->host, "find bridge", op->bridge) : 0;
}

static void note_link(HostNetwork *result, int ifindex, bool registered) {
        if (registered && result->n_interfaces < ELEMENTSOF(result->interfaces))
                result->interfaces[result->n_interfaces++] = ifindex;
        if (result->n_links < ELEMENTSOF(result->links))
                result->links[result->n_links++] = ifindex;
}

static int set_up_veth(Setup *s, const LinkOperation *op) {
        _cleanup_link_info_ LinkInfo bridge = {}, info = {};
        _cleanup_(zones_unlock) int lock = -EBADF;
        int r;

        if (op->zone) {
                lock = zones_lock();
                if (lock < 0)
                        return TAKE_FD(lock);
        }
        if (op->bridge) {
                r = get_bridge(s, op, &bridge);
                if (r < 0)
                        return r;
        }
        r = make_veth_patiently(s, op, bridge.ifindex, &info);
        if (r < 0)
                return r;
        r = link_register_deletion(s->undo, "delete the host's virtual Ethernet interface", delete_veth, &info);
        if (r < 0)
                return r;
        if (op->altname)
                link_add_altname(s->host, &info, op->altname);
        note_link(&s->result, op->bridge ? bridge.ifindex : info.ifindex, op->registered);
        return 0;
}

static int set_up_physical(Setup *s, const LinkOperation *op) {
        return link_lend(s->host, s->guest, s->netns_fd, op, s->undo);
}

/* — links on top of one of the host's — */

static int set_up_stacked(Setup *s, const LinkOperation *op) {
        static const char *const kinds[] = { [LINK_MACVLAN] = "macvlan", [LINK_IPVLAN] = "ipvlan" };
        _cleanup_link_info_ LinkInfo lower = {}, info = {};
        int r;

        r = netlink_find(s->host, 0, op->host, &lower);
        if (r < 0)
                return link_log_error(r, s->host, "find network interface", op->host);
        netlink_new(s->host,
                    &(LinkSpec){
                            .kind = kinds[op->kind],
                            .name = op->guest,
                            .address = op->has_address ? &op->guest_address : NULL,
                            .netns_fd = s->netns_fd,
                            .lower = lower.ifindex,
                    });
        r = netlink_flush(s->host);
        if (r == -EOPNOTSUPP)
                return log_error_errno(r, "the kernel cannot put a network interface of kind %s on %s",
                                       kinds[op->kind], op->host);
        if (r < 0)
                return link_log_error(r, s->host, "create for the machine network interface", op->guest);
        if (!op->altname)
                return 0;
        r = netlink_find(s->guest, 0, op->guest, &info);
        if (r < 0)
                return link_log_error(r, s->guest, "find in the machine network interface", op->guest);
        link_add_altname(s->guest, &info, op->altname);
        return 0;
}

int network_setup(const NetworkPlan *plan, int netns_fd, UndoLog *undo, HostNetwork *ret) {
        static int (*const steps[])(Setup * s, const LinkOperation *op) = {
                [LINK_LOOPBACK] = set_up_loopback, [LINK_PHYSICAL] = set_up_physical, [LINK_VETH] = set_up_veth,
                [LINK_MACVLAN] = set_up_stacked,   [LINK_IPVLAN] = set_up_stacked,
        };
        _cleanup_netlink_ Netlink *host = NULL, *guest = NULL;
        Setup s = { .netns_fd = netns_fd, .undo = undo };
        int r;

        if (plan->n_items == 0) {
                *ret = s.result;
                return 0;
        }
        r = netlink_open(&host);
        if (r < 0)
                return log_error_errno(r, "cannot open a routing socket: %m");
        r = netlink_open_in(netns_fd, &guest);
        if (r < 0)
                return log_error_errno(r, "cannot enter the machine's network namespace: %m");
        s.host = host;
        s.guest = guest;
        for (size_t i = 0; i < plan->n_items; i++) {
                r = steps[plan->items[i].kind](&s, plan->items + i);
                if (r < 0)
                        return r;
        }
        *ret = s.result;
        return 0;
}
