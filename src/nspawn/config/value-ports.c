/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: [PROTOCOL:][ADDRESS:]HOSTPORT[:CONTAINERPORT]. What begins a value tells what it is: a
 * protocol is a word of letters, an IPv4 address has dots, an IPv6 address brackets, and a port is digits alone. So
 * systemd-nspawn's own values, which have no address, mean here what they mean there. */

#include <netinet/in.h>

#include "config/value-types.h"
#include "parse.h"
#include "strv.h"

typedef struct PortList {
        PortForward *items;
        size_t n_items;
} PortList;
_Static_assert(offsetof(NetworkConfig, n_ports) == offsetof(NetworkConfig, ports) + offsetof(PortList, n_items),
               "PortList does not match config.h");

static void destroy_ports(void *field) {
        free(((PortList *) field)->items);
}

/* Takes the protocol and its colon off *text; it may be missing. */
static uint8_t take_protocol(const char **text) {
        static const struct {
                const char *prefix;
                uint8_t number;
        } protocols[] = {
                { "tcp:", IPPROTO_TCP },
                { "udp:", IPPROTO_UDP },
                { "sctp:", IPPROTO_SCTP },
        };

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                const char *rest = startswith(*text, protocols[i].prefix);

                if (rest) {
                        *text = rest;
                        return protocols[i].number;
                }
        }
        return IPPROTO_TCP;
}

/* The same for the address. */
static int take_address(const char **text, IpAddress *ret) {
        bool v6 = **text == '[';
        const char *start = *text + v6, *end = strchr(start, v6 ? ']' : ':');
        char address[INET6_ADDRSTRLEN] = "";
        int r;

        if (!v6 && (!end || !memchr(start, '.', (size_t) (end - start))))
                return 0;
        if (!end || (v6 && end[1] != ':') || (size_t) (end - start) >= sizeof(address))
                return -EINVAL;
        memcpy(address, start, (size_t) (end - start));
        r = ip_address_parse(v6 ? AF_INET6 : AF_INET, address, ret);
        *text = end + 1 + v6;
        return r;
}

static int parse_number(const char *text, uint16_t *ret) {
        uint64_t n;
        int r;

        r = parse_unsigned(text, UINT16_MAX, &n);
        if (r < 0 || n == 0)
                return -EINVAL;
        *ret = (uint16_t) n;
        return 0;
}

static int parse_one(const char *text, PortForward *ret) {
        PortForward p = { .protocol = take_protocol(&text) };
        _cleanup_free_ char *host = NULL;
        int r;

        r = take_address(&text, &p.address);
        if (r < 0)
                return r;
        if (split_field(&text, ':', &host) < 0 || !host || parse_number(host, &p.host) < 0 ||
            parse_number(text ?: host, &p.guest) < 0)
                return -EINVAL;
        if (p.address.family == AF_INET6 && ip_address_is_loopback(&p.address))
                return -EOPNOTSUPP;
        *ret = p;
        return 0;
}

/* Whether something that is sent to the host could be meant by either. */
static bool overlap(const PortForward *a, const PortForward *b) {
        if (a->protocol != b->protocol || a->host != b->host)
                return false;
        if (a->address.family == AF_UNSPEC || b->address.family == AF_UNSPEC)
                return true;
        return a->address.family == b->address.family &&
                (ip_address_is_any(&a->address) || ip_address_is_any(&b->address) ||
                 ip_address_equal(&a->address, &b->address));
}

static int parse_port(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        PortList *list = field;
        PortForward port, *bigger;
        int r;

        r = parse_one(text, &port);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list->n_items; i++)
                if (overlap(&list->items[i], &port))
                        return -EADDRINUSE;
        bigger = reallocarray(list->items, list->n_items + 1, sizeof(PortForward));
        if (!bigger)
                return -ENOMEM;
        list->items = bigger;
        list->items[list->n_items++] = port;
        return 0;
}

const ValueType value_ports = {
        .size = sizeof(PortList),
        .parse = parse_port,
        .destroy = destroy_ports,
        .expects =
                "a port [PROTOCOL:][ADDRESS:]HOSTPORT[:CONTAINERPORT], where PROTOCOL is tcp, udp or sctp, ports are "
                "1 to 65535, and an IPv6 address is in brackets",
        .unavailable = "cannot be: the kernel lets nothing leave [::1]; 127.0.0.1 is possible",
        .completion = COMPLETE_NOTHING,
};
