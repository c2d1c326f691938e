/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the rules for a forwarded port come before any socket of the host is asked, so a service of
 * the host's that listens on such a port would get nothing any more and not be told, and of two machines with the
 * same one the second would get nothing. So the supervisor has a socket bound to each port: the kernel's own way of
 * having a port to oneself. Nobody listens on it, so as long as the machine has no address a connection is refused,
 * as it would be otherwise.
 *
 * A port on all addresses can be had although somebody uses it on an address that is not forwarded anyway, as
 * systemd-resolved does on 127.0.0.53. That is found out by asking for the others one by one. */

#include "host/port-claim.h"

#include <linux/rtnetlink.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "netlink-address.h"

#define ADDRESSES_MAX 1024u

typedef struct Claims {
        int *fds;
        size_t n;
} Claims;

static int release(void *userdata) {
        Claims *claims = userdata;

        for (size_t i = 0; i < claims->n; i++)
                (void) safe_close(claims->fds[i]);
        free(claims->fds);
        free(claims);
        return 0;
}

static int set_option(int fd, int level, int option, int value) {
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, const IpAddress *address, uint16_t port) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address->v4 };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address->v6 };

        if (address->family == AF_INET ? bind(fd, (struct sockaddr *) &v4, sizeof(v4)) < 0
                                       : bind(fd, (struct sockaddr *) &v6, sizeof(v6)) < 0)
                return -errno;
        return 0;
}

/* AF_UNSPEC: all addresses of both families. The fd, which is of no use but to be kept. */
static int claim(uint8_t protocol, const IpAddress *address, uint16_t port) {
        static const IpAddress all = { .family = AF_INET6 }; /* with its zeroes, [::] */
        const IpAddress *a = address->family == AF_UNSPEC ? &all : address;
        bool udp = protocol == IPPROTO_UDP;
        _cleanup_close_ int fd = socket(a->family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = set_option(fd, SOL_IP, IP_FREEBIND, true); /* the address may come later */
        if (r >= 0 && a->family == AF_INET6)
                r = set_option(fd, SOL_IPV6, IPV6_V6ONLY, a != &all);
        if (r >= 0 && udp)
                r = set_option(fd, SOL_SOCKET, SO_RCVBUF, 0); /* nobody reads it */
        if (r >= 0)
                r = bind_to(fd, a, port);
        /* Connections of a server that is gone linger for a minute, and do not count. */
        if (r == -EADDRINUSE && !udp) {
                r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, true);
                if (r >= 0)
                        r = bind_to(fd, a, port);
        }
        return r < 0 ? r : TAKE_FD(fd);
}

static int add(Claims *claims, int fd) {
        int *bigger = reallocarray(claims->fds, claims->n + 1, sizeof(int));

        if (!bigger) {
                (void) safe_close(fd);
                return -ENOMEM;
        }
        claims->fds = bigger;
        claims->fds[claims->n++] = fd;
        return 0;
}

static int log_taken(const PortForward *port, const IpAddress *address) {
        const char *protocol = port->protocol == IPPROTO_UDP ? "udp" : "tcp";
        char text[INET6_ADDRSTRLEN];

        return log_error_errno(-EADDRINUSE,
                               "--port=: another program or machine uses the host's %s port %u on %s; use another "
                               "port, or another address of the host: --port=%s:ADDRESS:%u:%u",
                               protocol, port->host, ip_address_text(address, text), protocol, port->host,
                               port->guest);
}

/* What plan/ports.c does not forward. */
static bool is_left_out(const AddressInfo *info) {
        const IpAddress *a = &info->address;

        if (a->family == AF_INET6)
                return ip_address_is_loopback(a) || info->scope == RT_SCOPE_LINK;
        return ip_address_is_loopback(a) && ntohl(a->v4.s_addr) != INADDR_LOOPBACK;
}

static int claim_one_by_one(Claims *claims, const PortForward *port) {
        _cleanup_(address_socket_close_p) AddressSocket *s = NULL;
        _cleanup_free_ AddressInfo *list = NULL;
        size_t n = 0;
        int r;

        r = address_socket_open(&s);
        if (r >= 0)
                r = address_list(s, ADDRESSES_MAX, &list, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                const IpAddress *a = &list[i].address;

                if (is_left_out(&list[i]) || (port->address.family != AF_UNSPEC && port->address.family != a->family))
                        continue;
                r = claim(port->protocol, a, port->host);
                if (r == -EADDRINUSE)
                        return log_taken(port, a);
                if (r >= 0)
                        r = add(claims, r);
        }
        return r;
}

static int claim_port(Claims *claims, const PortForward *port) {
        static const IpAddress all_of_v4 = { .family = AF_INET };
        bool all = port->address.family == AF_UNSPEC || ip_address_is_any(&port->address);
        int r;

        if (port->protocol == IPPROTO_SCTP)
                return 0; /* in modules of the kernel's that need not be there */
        r = claim(port->protocol, &port->address, port->host);
        if (r == -EAFNOSUPPORT && port->address.family == AF_UNSPEC)
                r = claim(port->protocol, &all_of_v4, port->host);
        if (r == -EADDRINUSE)
                return all ? claim_one_by_one(claims, port) : log_taken(port, &port->address);
        return r < 0 ? r : add(claims, r);
}

int port_claims_take(const NetworkConfig *config, UndoLog *undo) {
        Claims *claims;
        int r;

        if (config->n_ports == 0)
                return 0;
        claims = calloc(1, sizeof(Claims));
        if (!claims)
                return log_oom();
        r = undo_add(undo, "ports of the host", release, claims);
        for (size_t i = 0; i < config->n_ports && r >= 0; i++) {
                r = claim_port(claims, &config->ports[i]);
                if (r < 0 && r != -EADDRINUSE)
                        (void) log_error_errno(r, "--port=: cannot take port %u of the host: %m",
                                               config->ports[i].host);
        }
        return r;
}
