/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what is to be known is asked for, and a watching socket only says when to ask again. So it
 * does not matter whether the kernel had room for all its messages. Which routes change on a host is mostly none of
 * our business: a filter in the kernel keeps those away, and they wake nobody.
 *
 * The namespace may belong to somebody hostile, who as its root can send messages to our sockets in it, as many as
 * they like, and have any number of addresses. So only what the kernel itself sends counts, and nothing is read
 * without end. */

#include "netlink-address.h"

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "fd.h"

#define RECEIVE_SIZE (32 * 1024) /* the kernel fills packets up to that */
#define INTERRUPTED_TRIES 3u
#define PACKETS_MAX 16u /* of some 300 addresses each */
#define STRANGERS_MAX 1024u
#define DRAINED_MAX 64u

struct AddressSocket {
        struct mnl_socket *socket;
        unsigned sequence;
        _Alignas(struct nlmsghdr) char in[RECEIVE_SIZE];
};

void address_socket_close(AddressSocket *s) {
        PROTECT_ERRNO;

        if (!s)
                return;
        if (s->socket)
                (void) mnl_socket_close(s->socket);
        free(s);
}

int address_socket_open(AddressSocket **ret) {
        _cleanup_(address_socket_close_p) AddressSocket *s = malloc(sizeof(AddressSocket));
        const struct timeval patience = { .tv_sec = 1 }; /* the kernel needs none */
        int on = 1;

        if (!s)
                return -ENOMEM;
        s->sequence = 0;
        s->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        if (!s->socket || mnl_socket_bind(s->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
            mnl_socket_setsockopt(s->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0 ||
            setsockopt(mnl_socket_get_fd(s->socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return errno_or_eio();
        *ret = TAKE_PTR(s);
        return 0;
}

/* One packet of the kernel's. */
static ssize_t receive(AddressSocket *s) {
        for (unsigned strangers = 0; strangers < STRANGERS_MAX;) { /* or signals */
                struct sockaddr_nl sender = {};
                socklen_t size = sizeof(sender);
                ssize_t n = recvfrom(mnl_socket_get_fd(s->socket), s->in, sizeof(s->in), MSG_TRUNC,
                                     (struct sockaddr *) &sender, &size);

                /* What is lost for want of room is not the answer to a dump, of which the kernel sends what fits. */
                if (n < 0 && errno != EINTR && errno != ENOBUFS)
                        return -errno;
                if (n > (ssize_t) sizeof(s->in))
                        return -EMSGSIZE;
                if (n >= 0 && size == sizeof(sender) && sender.nl_pid == 0)
                        return n;
                strangers++;
        }
        return -EBUSY;
}

/* Sends a request and has all answers handled. After -E2BIG the socket is of no use any more. */
static int converse(AddressSocket *s, struct nlmsghdr *m, mnl_cb_t handle, void *userdata) {
        unsigned port = mnl_socket_get_portid(s->socket), packets = 0;
        int r;

        m->nlmsg_seq = ++s->sequence;
        if (mnl_socket_sendto(s->socket, m, m->nlmsg_len) < 0)
                return errno_or_eio();
        do {
                ssize_t n = packets++ < PACKETS_MAX ? receive(s) : -E2BIG;

                if (n < 0)
                        return (int) n;
                r = mnl_cb_run(s->in, (size_t) n, m->nlmsg_seq, port, handle, userdata);
                /* of an earlier request that was given up */
                if (r < 0 && (errno == EPROTO || errno == ESRCH))
                        r = MNL_CB_OK;
        } while (r > MNL_CB_STOP);
        return r < 0 ? errno_or_eio() : 0;
}

static void copy_address(const struct nlattr *a, IpAddress *address) {
        if (mnl_attr_get_payload_len(a) == ip_address_size(address))
                memcpy(&address->v6, mnl_attr_get_payload(a), ip_address_size(address));
}

/* — addresses — */

typedef struct AddressList {
        AddressInfo *items;
        size_t n, max;
} AddressList;

/* Of a point-to-point link, IFA_ADDRESS is the other end's, and IFA_LOCAL, which comes later, ours. */
static int keep_address(const struct nlmsghdr *m, void *userdata) {
        const struct ifaddrmsg *i = mnl_nlmsg_get_payload(m);
        AddressInfo info = { .address.family = i->ifa_family, .scope = i->ifa_scope, .flags = i->ifa_flags };
        AddressList *list = userdata;
        const struct nlattr *a;
        AddressInfo *bigger;

        if (m->nlmsg_type != RTM_NEWADDR || list->n >= list->max || ip_address_size(&info.address) == 0)
                return MNL_CB_OK;
        mnl_attr_for_each(a, m, sizeof(*i)) {
                int type = mnl_attr_get_type(a);

                if (type == IFA_ADDRESS || type == IFA_LOCAL)
                        copy_address(a, &info.address);
                else if (type == IFA_FLAGS && mnl_attr_get_payload_len(a) == sizeof(info.flags))
                        info.flags = mnl_attr_get_u32(a);
        }
        bigger = reallocarray(list->items, list->n + 1, sizeof(AddressInfo));
        if (!bigger) {
                errno = ENOMEM;
                return MNL_CB_ERROR;
        }
        list->items = bigger;
        list->items[list->n++] = info;
        return MNL_CB_OK;
}

static int dump_addresses(AddressSocket *s, AddressList *list) {
        _Alignas(struct nlmsghdr) char out[64];
        struct nlmsghdr *m = mnl_nlmsg_put_header(out);

        m->nlmsg_type = RTM_GETADDR;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        (void) mnl_nlmsg_put_extra_header(m, sizeof(struct ifaddrmsg));
        list->n = 0;
        return converse(s, m, keep_address, list);
}

int address_list(AddressSocket *s, size_t max, AddressInfo **ret, size_t *ret_n) {
        AddressList list = { .max = max };
        int r = -EINTR;

        /* That it changed meanwhile is reported as EINTR. */
        for (unsigned i = 0; r == -EINTR && i < INTERRUPTED_TRIES; i++)
                r = dump_addresses(s, &list);
        if (r < 0) {
                free(list.items);
                return r;
        }
        *ret = list.items;
        *ret_n = list.n;
        return 0;
}

/* — routes — */

static int keep_route(const struct nlmsghdr *m, void *userdata) {
        const struct rtmsg *t = mnl_nlmsg_get_payload(m);
        RouteInfo *info = userdata;
        const struct nlattr *a;

        if (m->nlmsg_type != RTM_NEWROUTE)
                return MNL_CB_OK;
        info->type = t->rtm_type;
        mnl_attr_for_each(a, m, sizeof(*t)) {
                int type = mnl_attr_get_type(a);

                if (type == RTA_OIF && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
                        info->link = (int) mnl_attr_get_u32(a);
                else if (type == RTA_GATEWAY || type == RTA_VIA)
                        info->gateway = true;
        }
        return MNL_CB_STOP;
}

int route_find(AddressSocket *s, const IpAddress *address, RouteInfo *ret) {
        _Alignas(struct nlmsghdr) char out[64];
        struct nlmsghdr *m = mnl_nlmsg_put_header(out);
        RouteInfo info = {};
        struct rtmsg *t;
        int r;

        m->nlmsg_type = RTM_GETROUTE;
        m->nlmsg_flags = NLM_F_REQUEST;
        t = mnl_nlmsg_put_extra_header(m, sizeof(*t));
        t->rtm_family = (unsigned char) address->family;
        t->rtm_dst_len = (unsigned char) (ip_address_size(address) * 8);
        mnl_attr_put(m, RTA_DST, ip_address_size(address), &address->v6);
        r = converse(s, m, keep_route, &info);
        if (r >= 0)
                *ret = info;
        return r;
}

/* — watching — */

static int watch(const unsigned groups[], size_t n_groups, const struct sock_fprog *filter) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };

        if (fd < 0)
                return -errno;
        if (filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        for (size_t i = 0; i < n_groups; i++)
                if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
                        return -errno;
        return TAKE_FD(fd);
}

int address_watch_open(void) {
        static const unsigned groups[] = { RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };

        return watch(groups, ELEMENTSOF(groups), NULL);
}

/* The attributes of a message are in the machine's byte order, and the filter reads in the network's. */
int route_watch_open(int link) {
        static const unsigned groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_IMM, sizeof(struct nlmsghdr) + sizeof(struct rtmsg)),
                BPF_STMT(BPF_LDX | BPF_IMM, RTA_OIF),
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t) (SKF_AD_OFF + SKF_AD_NLATTR)), /* where it is, or 0 */
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
                BPF_STMT(BPF_MISC | BPF_TAX, 0),
                BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t) link), 0, 1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };

        return watch(groups, ELEMENTSOF(groups), &(struct sock_fprog){ .len = ELEMENTSOF(filter), .filter = filter });
}

int watch_drain(int fd) {
        char buffer[1024];

        for (unsigned i = 0; i < DRAINED_MAX; i++)
                if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno != ENOBUFS && errno != EINTR)
                        return errno == EAGAIN ? 0 : -errno;
        return 0;
}
