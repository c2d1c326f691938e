/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: one rtnetlink socket, a buffer of queued requests and one slot per request that says
 * where its answer goes. libmnl lays out the messages. The requests of a batch carry consecutive sequence
 * numbers, so an answer's number is its slot; each request asks for an acknowledgement and is settled by it
 * (a dump by its end mark). rtnetlink answers while sendmsg(2) runs, so receiving never waits for anybody,
 * and an answer lost for want of buffer space is reported as ENOBUFS.
 *
 * A socket belongs for good to the namespace it was made in. That is why another namespace needs no
 * process of its own: the single thread steps into it, opens the socket and steps back. */

#include "netlink.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>

#include "fd.h"
#include "log.h"
#include "strv.h"

typedef struct Slot {
        int result; /* 1 until settled */
        LinkInfo *info;
} Slot;

typedef struct IndexList {
        int *items;
        size_t n;
        int master;
} IndexList;

struct Netlink {
        struct mnl_socket *socket;
        unsigned first_sequence; /* of slot 0 */
        Slot slots[64];
        size_t n_slots;
        size_t used;
        int error;         /* of queueing */
        bool flushed;      /* the slots hold results; the next request starts a new batch */
        IndexList *list;   /* where a running dump goes */
        char message[256]; /* extended acknowledgement of the first error */
        _Alignas(struct nlmsghdr) char out[8 * 1024];
        _Alignas(struct nlmsghdr) char in[32 * 1024]; /* the kernel fills dump packets up to this size */
};

void link_info_done(LinkInfo *info) {
        strv_free(TAKE_PTR(info->altnames));
}

void netlink_close(Netlink *nl) {
        PROTECT_ERRNO;

        if (!nl)
                return;
        if (nl->socket)
                (void) mnl_socket_close(nl->socket);
        free(nl);
}

int netlink_open(Netlink **ret) {
        static const int options[] = { NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK };
        _cleanup_netlink_ Netlink *nl = malloc(sizeof(Netlink));
        int on = 1;

        if (!nl)
                return -ENOMEM;
        memset(nl, 0, offsetof(Netlink, out));
        nl->first_sequence = 1;
        nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
                return errno_or_eio();
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (mnl_socket_setsockopt(nl->socket, options[i], &on, sizeof(on)) < 0)
                        return errno_or_eio();
        *ret = TAKE_PTR(nl);
        return 0;
}

int netns_call(int netns_fd, int (*function)(void *userdata), void *userdata) {
        _cleanup_close_ int own = -EBADF;
        int r;

        own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (own < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
                return -errno;
        r = function(userdata);
        return setns(own, CLONE_NEWNET) < 0 ? -ENOTRECOVERABLE : r;
}

static int open_here(void *userdata) {
        return netlink_open(userdata);
}

int netlink_open_in(int netns_fd, Netlink **ret) {
        _cleanup_netlink_ Netlink *nl = NULL;
        int r;

        r = netns_call(netns_fd, open_here, &nl);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(nl);
        return 0;
}

/* Requests. A message that does not fit spoils the batch, which netlink_flush() then does not send. */

static struct nlmsghdr *begin(Netlink *nl, uint16_t type, uint16_t flags, int ifindex, LinkInfo *info) {
        struct nlmsghdr *m;
        struct ifinfomsg *i;

        if (nl->flushed) {
                nl->first_sequence += nl->n_slots;
                nl->n_slots = nl->used = 0;
                nl->message[0] = 0;
                nl->error = 0;
                nl->flushed = false;
        }
        if (nl->n_slots >= ELEMENTSOF(nl->slots) || sizeof(nl->out) - nl->used < 64) {
                nl->error = -E2BIG;
                nl->used = 0; /* nothing of this batch is going to be sent */
                nl->n_slots = 0;
        }
        m = mnl_nlmsg_put_header(nl->out + nl->used);
        m->nlmsg_type = type;
        m->nlmsg_flags = NLM_F_REQUEST | flags;
        m->nlmsg_seq = nl->first_sequence + (unsigned) nl->n_slots;
        i = mnl_nlmsg_put_extra_header(m, sizeof(*i));
        i->ifi_family = AF_UNSPEC;
        i->ifi_index = ifindex;
        nl->slots[nl->n_slots++] = (Slot){ .result = 1, .info = info };
        return m;
}

static void end(Netlink *nl, struct nlmsghdr *m) {
        nl->used += MNL_ALIGN(m->nlmsg_len);
}

static size_t space(const Netlink *nl) {
        return sizeof(nl->out) - nl->used;
}

static void put(Netlink *nl, struct nlmsghdr *m, uint16_t type, const void *data, size_t size) {
        if (size > UINT16_MAX / 2 || !mnl_attr_put_check(m, space(nl), type, size, data))
                nl->error = -E2BIG;
}

static void put_u32(Netlink *nl, struct nlmsghdr *m, uint16_t type, uint32_t value) {
        put(nl, m, type, &value, sizeof(value));
}

static void put_string(Netlink *nl, struct nlmsghdr *m, uint16_t type, const char *value) {
        put(nl, m, type, value, strlen(value) + 1);
}

static struct nlattr *nest(Netlink *nl, struct nlmsghdr *m, uint16_t type) {
        struct nlattr *a = mnl_attr_nest_start_check(m, space(nl), type);

        if (!a)
                nl->error = -E2BIG;
        return a;
}

static void unnest(struct nlmsghdr *m, struct nlattr *a) {
        if (a)
                mnl_attr_nest_end(m, a);
}

/* Ordinary and alternative names share one name space, but only the short ones fit the classic attribute. */
static void put_lookup_name(Netlink *nl, struct nlmsghdr *m, const char *name) {
        put_string(nl, m, strlen(name) < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
}

static void put_end_of_link(Netlink *nl, struct nlmsghdr *m, const LinkSpec *spec) {
        put_string(nl, m, IFLA_IFNAME, spec->name);
        if (spec->address)
                put(nl, m, IFLA_ADDRESS, spec->address, sizeof(*spec->address));
        if (spec->netns_fd > 0)
                put_u32(nl, m, IFLA_NET_NS_FD, (uint32_t) spec->netns_fd);
}

static void put_peer(Netlink *nl, struct nlmsghdr *m, const LinkSpec *peer) {
        const unsigned up = peer->up ? IFF_UP : 0;
        const struct ifinfomsg header = { .ifi_flags = up, .ifi_change = up };
        struct nlattr *a = nest(nl, m, VETH_INFO_PEER);

        /* The peer is described by a whole link message inside the attribute, header and all. */
        if (space(nl) - m->nlmsg_len < sizeof(header)) {
                nl->error = -E2BIG;
                return;
        }
        memcpy(mnl_nlmsg_put_extra_header(m, sizeof(header)), &header, sizeof(header));
        put_end_of_link(nl, m, peer);
        unnest(m, a);
}

static void put_kind(Netlink *nl, struct nlmsghdr *m, const LinkSpec *spec) {
        const uint16_t l2 = IPVLAN_MODE_L2;
        struct nlattr *info = nest(nl, m, IFLA_LINKINFO), *data;

        put_string(nl, m, IFLA_INFO_KIND, spec->kind);
        data = nest(nl, m, IFLA_INFO_DATA);
        if (spec->peer)
                put_peer(nl, m, spec->peer);
        else if (streq(spec->kind, "macvlan"))
                put_u32(nl, m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
        else if (streq(spec->kind, "ipvlan"))
                put(nl, m, IFLA_IPVLAN_MODE, &l2, sizeof(l2));
        unnest(m, data);
        unnest(m, info);
}

static void put_flags(struct nlmsghdr *m, bool up, bool down) {
        struct ifinfomsg *i = mnl_nlmsg_get_payload(m);

        i->ifi_flags = up ? IFF_UP : 0;
        i->ifi_change = up || down ? IFF_UP : 0;
}

void netlink_new(Netlink *nl, const LinkSpec *spec) {
        struct nlmsghdr *m = begin(nl, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0, NULL);

        put_flags(m, spec->up, false);
        put_end_of_link(nl, m, spec);
        if (spec->lower > 0)
                put_u32(nl, m, IFLA_LINK, (uint32_t) spec->lower);
        if (spec->master > 0)
                put_u32(nl, m, IFLA_MASTER, (uint32_t) spec->master);
        put_kind(nl, m, spec);
        end(nl, m);
}

/* By index, where /proc/sys would want a name, and to be writable. */
static void put_localnet(Netlink *nl, struct nlmsghdr *m, bool on) {
        struct nlattr *families = nest(nl, m, IFLA_AF_SPEC | NLA_F_NESTED);
        struct nlattr *ipv4 = nest(nl, m, AF_INET | NLA_F_NESTED);
        struct nlattr *conf = nest(nl, m, IFLA_INET_CONF | NLA_F_NESTED);

        put_u32(nl, m, IPV4_DEVCONF_ROUTE_LOCALNET, on);
        unnest(m, conf);
        unnest(m, ipv4);
        unnest(m, families);
}

void netlink_change(Netlink *nl, int ifindex, const LinkChange *change) {
        struct nlmsghdr *m = begin(nl, RTM_NEWLINK, NLM_F_ACK, ifindex, NULL);

        put_flags(m, change->up, change->down);
        if (change->name)
                put_string(nl, m, IFLA_IFNAME, change->name);
        if (change->netns_fd > 0)
                put_u32(nl, m, IFLA_NET_NS_FD, (uint32_t) change->netns_fd);
        if (change->master > 0)
                put_u32(nl, m, IFLA_MASTER, (uint32_t) change->master);
        if (change->localnet_on || change->localnet_off)
                put_localnet(nl, m, change->localnet_on);
        end(nl, m);
}

void netlink_delete(Netlink *nl, int ifindex) {
        end(nl, begin(nl, RTM_DELLINK, NLM_F_ACK, ifindex, NULL));
}

static void queue_altname(Netlink *nl, uint16_t type, uint16_t flags, int ifindex, const char *altname) {
        struct nlmsghdr *m = begin(nl, type, NLM_F_ACK | flags, ifindex, NULL);
        struct nlattr *a = nest(nl, m, IFLA_PROP_LIST | NLA_F_NESTED);

        put_string(nl, m, IFLA_ALT_IFNAME, altname);
        unnest(m, a);
        end(nl, m);
}

void netlink_add_altname(Netlink *nl, int ifindex, const char *altname) {
        queue_altname(nl, RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, ifindex, altname);
}

void netlink_remove_altname(Netlink *nl, int ifindex, const char *altname) {
        queue_altname(nl, RTM_DELLINKPROP, 0, ifindex, altname);
}

void netlink_get(Netlink *nl, int ifindex, const char *name, LinkInfo *ret) {
        struct nlmsghdr *m = begin(nl, RTM_GETLINK, NLM_F_ACK, ifindex, ret);

        *ret = (LinkInfo){};
        if (ifindex <= 0)
                put_lookup_name(nl, m, name);
        put_u32(nl, m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        end(nl, m);
}

/* Answers. */

static int parse_altnames(const struct nlattr *list, char ***ret) {
        const struct nlattr *a;

        mnl_attr_for_each_nested(a, list) {
                int r;

                if (mnl_attr_get_type(a) != IFLA_ALT_IFNAME || mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
                        continue;
                r = strv_append(ret, mnl_attr_get_str(a));
                if (r < 0)
                        return r;
        }
        return 0;
}

static void copy_string(char *to, size_t size, const struct nlattr *a) {
        size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

        n = MIN(n, size - 1);
        memcpy(to, mnl_attr_get_payload(a), n);
        to[n] = 0;
}

static void parse_kind(const struct nlattr *nested, LinkInfo *info) {
        const struct nlattr *a;

        mnl_attr_for_each_nested(a, nested) if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
                copy_string(info->kind, sizeof(info->kind), a);
}

/* All settings of IPv4 in a row, the first one being number 1. */
static void parse_conf(const struct nlattr *conf, LinkInfo *info) {
        const size_t offset = (IPV4_DEVCONF_ROUTE_LOCALNET - 1) * sizeof(uint32_t);
        uint32_t value;

        if (mnl_attr_get_payload_len(conf) < offset + sizeof(value))
                return;
        memcpy(&value, (const char *) mnl_attr_get_payload(conf) + offset, sizeof(value));
        info->localnet = value != 0;
}

static void parse_families(const struct nlattr *families, LinkInfo *info) {
        const struct nlattr *family, *a;

        mnl_attr_for_each_nested(family, families) if (mnl_attr_get_type(family) == AF_INET)
                mnl_attr_for_each_nested(a, family) if (mnl_attr_get_type(a) == IFLA_INET_CONF) parse_conf(a, info);
}

static int parse_attribute(const struct nlattr *a, LinkInfo *info) {
        size_t size = mnl_attr_get_payload_len(a);
        const void *data = mnl_attr_get_payload(a);

        switch (mnl_attr_get_type(a)) {
        case IFLA_IFNAME:
                copy_string(info->name, sizeof(info->name), a);
                return 0;
        case IFLA_LINKINFO:
                parse_kind(a, info);
                return 0;
        case IFLA_AF_SPEC:
                parse_families(a, info);
                return 0;
        case IFLA_PROP_LIST:
                return parse_altnames(a, &info->altnames);
        case IFLA_ADDRESS:
                if (size == sizeof(info->address))
                        memcpy(&info->address, data, size);
                return 0;
        case IFLA_MASTER:
                if (size == sizeof(info->master))
                        memcpy(&info->master, data, size);
                return 0;
        case IFLA_LINK:
                if (size == sizeof(info->peer))
                        memcpy(&info->peer, data, size);
                return 0;
        case IFLA_LINK_NETNSID:
                info->peer_away = size == sizeof(info->peer_netnsid);
                if (info->peer_away)
                        memcpy(&info->peer_netnsid, data, size);
                return 0;
        default:
                return 0;
        }
}

static int parse_link(const struct nlmsghdr *m, LinkInfo *info) {
        const struct ifinfomsg *i = mnl_nlmsg_get_payload(m);
        const struct nlattr *a;

        info->ifindex = i->ifi_index;
        info->flags = i->ifi_flags;
        mnl_attr_for_each(a, m, sizeof(*i)) {
                int r = parse_attribute(a, info);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int list_link(const struct nlmsghdr *m, IndexList *list) {
        _cleanup_link_info_ LinkInfo info = {};
        int *bigger, r;

        r = parse_link(m, &info);
        if (r < 0)
                return r;
        if (list->master > 0 && info.master != list->master)
                return 0;
        bigger = reallocarray(list->items, list->n + 1, sizeof(int));
        if (!bigger)
                return -ENOMEM;
        list->items = bigger;
        list->items[list->n++] = info.ifindex;
        return 0;
}

/* Keeps the kernel's text on the first request that failed. Its position follows the request's own header,
 * and the rest of the request where that is sent back. */
static void keep_message(Netlink *nl, const struct nlmsghdr *m, const struct nlmsgerr *e) {
        size_t offset = sizeof(*e);
        const struct nlattr *a;

        if (!(m->nlmsg_flags & NLM_F_ACK_TLVS) || e->error == 0 || nl->message[0])
                return;
        if (!(m->nlmsg_flags & NLM_F_CAPPED))
                offset += MNL_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
        if (offset >= mnl_nlmsg_get_payload_len(m))
                return;
        mnl_attr_for_each(a, m, (unsigned) offset) if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
                copy_string(nl->message, sizeof(nl->message), a);
        log_debug("rtnetlink: request %u: %s: %s", m->nlmsg_seq, strerror(-e->error), nl->message);
}

static int error_of(const struct nlmsghdr *m) {
        int error;

        /* Both an acknowledgement and the end of a dump begin with the result. */
        if (mnl_nlmsg_get_payload_len(m) < sizeof(error))
                return -EBADMSG;
        memcpy(&error, mnl_nlmsg_get_payload(m), sizeof(error));
        return error;
}

/* Handles one message. Returns 1 if it settles its request. */
static int handle(Netlink *nl, const struct nlmsghdr *m) {
        size_t n = m->nlmsg_seq - nl->first_sequence;
        Slot *slot;
        int r = 0;

        if (n >= nl->n_slots || nl->slots[n].result <= 0)
                return 0;
        slot = nl->slots + n;
        if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
                slot->result = MIN(error_of(m), 0);
                if (m->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(m) >= sizeof(struct nlmsgerr))
                        keep_message(nl, m, mnl_nlmsg_get_payload(m));
                return 1;
        }
        if (m->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(m) < sizeof(struct ifinfomsg))
                return 0;
        if (nl->list)
                r = list_link(m, nl->list);
        else if (slot->info)
                r = parse_link(m, slot->info);
        return r;
}

static int receive(Netlink *nl, size_t *pending) {
        const struct nlmsghdr *m = (const void *) nl->in;
        ssize_t n = mnl_socket_recvfrom(nl->socket, nl->in, sizeof(nl->in));
        int left = (int) n;

        if (n < 0)
                return errno == EINTR ? 0 : errno_or_eio();
        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
                int r;

                if (!mnl_nlmsg_portid_ok(m, mnl_socket_get_portid(nl->socket)))
                        continue;
                r = handle(nl, m);
                if (r < 0)
                        return r;
                *pending -= (size_t) r;
        }
        return 0;
}

int netlink_flush(Netlink *nl) {
        size_t pending = nl->n_slots;

        if (nl->flushed || pending == 0)
                return 0;
        nl->flushed = true;
        if (nl->error < 0)
                return nl->error;
        if (mnl_socket_sendto(nl->socket, nl->out, nl->used) < 0)
                return nl->error = errno_or_eio();
        while (pending > 0) {
                int r = receive(nl, &pending);

                if (r < 0)
                        return nl->error = r;
        }
        for (size_t i = 0; i < nl->n_slots; i++)
                if (nl->slots[i].result < 0)
                        return nl->slots[i].result;
        return 0;
}

const char *netlink_message(const Netlink *nl) {
        return nl->message;
}

int netlink_find(Netlink *nl, int ifindex, const char *name, LinkInfo *ret) {
        _cleanup_link_info_ LinkInfo info = {};
        int r;

        netlink_get(nl, ifindex, name, &info);
        r = netlink_flush(nl);
        if (r < 0)
                return r;
        *ret = info;
        info.altnames = NULL;
        return 0;
}

int netlink_list(Netlink *nl, int master, int **ret, size_t *ret_n) {
        IndexList list = { .master = master };
        struct nlmsghdr *m = begin(nl, RTM_GETLINK, NLM_F_DUMP, 0, NULL);
        int r;

        put_u32(nl, m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        if (master > 0)
                put_u32(nl, m, IFLA_MASTER, (uint32_t) master);
        end(nl, m);
        nl->list = &list;
        r = netlink_flush(nl);
        nl->list = NULL;
        if (r < 0) {
                free(list.items);
                return r;
        }
        *ret = list.items;
        *ret_n = list.n;
        return 0;
}

int netlink_peer_alive(Netlink *nl, const LinkInfo *info) {
        _cleanup_link_info_ LinkInfo peer = {};
        struct nlmsghdr *m;
        int r;

        if (!info->peer_away)
                return 1;
        if (info->peer_netnsid < 0)
                return 0;

        /* A namespace without users keeps its number until the kernel comes round to it, but is no longer
         * accepted as the target of a request: that, and not a bad message, is what EINVAL means here. */
        m = begin(nl, RTM_GETLINK, NLM_F_ACK, info->peer, &peer);
        put_u32(nl, m, IFLA_TARGET_NETNSID, (uint32_t) info->peer_netnsid);
        put_u32(nl, m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        end(nl, m);
        r = netlink_flush(nl);
        return r == -EINVAL || r == -ENODEV ? 0 : 1;
}
