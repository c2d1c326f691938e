/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a table for each machine, which is written anew as a whole whenever the machine's address
 * changes; connections that exist keep the translation that they began with. A table of its own, and not the one that
 * systemd-networkd and systemd-nspawn share: so one request removes all of it, also for somebody who finds nothing
 * but the machine's name, and nobody else's rules are ever touched.
 *
 * A connection comes in by "come" if it is from another computer or machine, or by "leave" if it is from the host
 * itself, and "forward" gives it its new destination. Only what is sent to an address of the host is meant. 127.0.0.1
 * is the host's own affair: what arrives for it on a link is somebody's attempt to get at it, and is not forwarded.
 *
 * "back" makes the answer come back this way, by giving the connection a source address of the host's where it would
 * otherwise go astray: from the host itself, whose source may be 127.0.0.1; and where the answer would take a direct
 * way, from the machine itself or a neighbor on its bridge. Other clients keep their address, and the machine sees
 * it.
 *
 * Three chains are for safety, since the machine says itself which address it has. "astray" and "home": what the
 * host's routes once had on the way to this machine and now, because they have changed, would send to somebody else,
 * or have the host itself receive, is dropped. "local": to forward 127.0.0.1, the kernel must permit loopback
 * addresses on the link (route_localnet), and would take them from the machine then as well, which could so reach
 * services that the host keeps to itself. They are dropped before anything else looks at them. True answers bear the
 * host's address on that link.
 *
 * Priorities are numbers, because the names of some of them cannot be used in all hooks. */

#include "plan/ports.h"

#include <arpa/inet.h>

#define BEFORE_CONNTRACK "-300"
#define BEFORE_ROUTING "-100"
#define BEFORE_SOURCE "-150"
#define SOURCE "100"

static const char *protocol_name(uint8_t protocol) {
        return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

static const char *ip_name(int family) {
        return family == AF_INET6 ? "ip6" : "ip";
}

/* Whether this port is to be had at addresses of that family. */
static bool applies(const PortForward *port, int family) {
        return port->address.family == AF_UNSPEC || port->address.family == family;
}

bool ports_use_loopback(const PortsState *state) {
        if (state->ipv4.address.family != AF_INET)
                return false;
        for (size_t i = 0; i < state->n_ports; i++) {
                const IpAddress *a = &state->ports[i].address;

                if (a->family == AF_UNSPEC ||
                    (a->family == AF_INET && (ip_address_is_any(a) || ip_address_is_loopback(a))))
                        return true;
        }
        return false;
}

static void write_links(FILE *f, const PortsState *state) {
        fputs("{ ", f);
        for (size_t i = 0; i < state->n_links; i++)
                fprintf(f, "%s%i", i == 0 ? "" : ", ", state->links[i]);
        fputs(" }", f);
}

static void write_local(FILE *f, const PortsState *state) {
        static const char *const fields[] = { "saddr", "daddr" };

        fputs("chain local {\ntype filter hook prerouting priority " BEFORE_CONNTRACK "\n", f);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fputs("iif ", f);
                write_links(f, state);
                fprintf(f, " ip %s 127.0.0.0/8 drop\n", fields[i]);
        }
        fputs("}\n", f);
}

/* Of 127.0.0.0/8, "all addresses" means 127.0.0.1 alone: others are what a resolver listens on, and such. */
static void write_entrances(FILE *f) {
        fputs("chain come {\ntype nat hook prerouting priority " BEFORE_ROUTING "\n"
              "ip daddr 127.0.0.0/8 return\n"
              "fib daddr type local jump forward\n}\n"
              "chain leave {\ntype nat hook output priority " BEFORE_ROUTING "\n"
              "ip6 daddr ::1 return\n"
              "fib daddr type local jump forward\n}\n",
              f);
}

static void write_forward(FILE *f, const PortForward *port, const PortTarget *target) {
        int family = target->address.family;
        char here[INET6_ADDRSTRLEN], there[INET6_ADDRSTRLEN];

        if (family == AF_UNSPEC || !applies(port, family))
                return;
        if (port->address.family != AF_UNSPEC && !ip_address_is_any(&port->address))
                fprintf(f, "%s daddr %s ", ip_name(family), ip_address_text(&port->address, here));
        else if (family == AF_INET)
                fputs("ip daddr != { 127.0.0.0, 127.0.0.2-127.255.255.255 } ", f);
        else
                fputs("meta nfproto ipv6 ", f);
        fprintf(f, family == AF_INET6 ? "%s dport %u dnat ip6 to [%s]:%u\n" : "%s dport %u dnat ip to %s:%u\n",
                protocol_name(port->protocol), port->host, ip_address_text(&target->address, there), port->guest);
}

static void write_back(FILE *f, const PortTarget *target) {
        static const char *const sources[] = { "fib saddr type local", "iif" };
        char there[INET6_ADDRSTRLEN];

        if (target->address.family == AF_UNSPEC)
                return;
        for (size_t i = 0; i < ELEMENTSOF(sources); i++) {
                fprintf(f, "oif %i ct status dnat %s daddr %s %s", target->link, ip_name(target->address.family),
                        ip_address_text(&target->address, there), sources[i]);
                if (i == 1)
                        fprintf(f, " %i", target->link);
                fputs(" masquerade\n", f);
        }
}

static void write_drop(FILE *f, const PortForward *port, const PortTarget *target, bool home) {
        char there[INET6_ADDRSTRLEN];

        if (target->address.family == AF_UNSPEC || !applies(port, target->address.family))
                return;
        if (!home)
                fprintf(f, "oif != %i ", target->link);
        fprintf(f, "ct status dnat %s daddr %s meta l4proto %s ct original proto-dst %u drop\n",
                ip_name(target->address.family), ip_address_text(&target->address, there),
                protocol_name(port->protocol), port->host);
}

static void write_drops(FILE *f, const PortsState *state, bool home) {
        fprintf(f, "chain %s {\ntype filter hook %s priority " BEFORE_SOURCE "\n", home ? "home" : "astray",
                home ? "input" : "postrouting");
        for (size_t i = 0; i < state->n_ports; i++) {
                write_drop(f, &state->ports[i], &state->ipv4, home);
                write_drop(f, &state->ports[i], &state->ipv6, home);
        }
        fputs("}\n", f);
}

static void write_table(FILE *f, const char *machine, const PortsState *state) {
        const PortTarget *const targets[] = { &state->ipv4, &state->ipv6 };

        fprintf(f,
                "add table inet " PORTS_TABLE_PREFIX "%s\ndelete table inet " PORTS_TABLE_PREFIX "%s\n"
                "table inet " PORTS_TABLE_PREFIX "%s {\n",
                machine, machine, machine);
        write_local(f, state);
        fputs("chain forward {\n", f);
        for (size_t i = 0; i < state->n_ports; i++)
                for (size_t k = 0; k < ELEMENTSOF(targets); k++)
                        write_forward(f, &state->ports[i], targets[k]);
        fputs("}\n", f);
        write_entrances(f);
        write_drops(f, state, false);
        write_drops(f, state, true);
        fputs("chain back {\ntype nat hook postrouting priority " SOURCE "\n", f);
        for (size_t k = 0; k < ELEMENTSOF(targets); k++)
                write_back(f, targets[k]);
        fputs("}\n}\n", f);
}

int ports_ruleset(const char *machine, const PortsState *state, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        write_table(f, machine, state);
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

void ports_print(const PortForward *ports, size_t n_ports, FILE *f) {
        for (size_t i = 0; i < n_ports; i++) {
                const PortForward *p = &ports[i];
                char address[INET6_ADDRSTRLEN];

                fprintf(f, "port %s ", protocol_name(p->protocol));
                if (p->address.family != AF_UNSPEC)
                        fprintf(f, p->address.family == AF_INET6 ? "[%s]:" : "%s:",
                                ip_address_text(&p->address, address));
                fprintf(f, "%u -> %u\n", p->host, p->guest);
        }
}
