/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules for forwarded ports: from ports and addresses to the text that nftables gets. What the kernel makes of it
 * is in smoke/80-ports. */

#include "plan/ports.h"

#include <arpa/inet.h>

#include "strv.h"
#include "test.h"

TEST_MAIN

static IpAddress address(const char *text) {
        IpAddress a = {};

        if (text)
                ASSERT_OK(ip_address_parse(strchr(text, ':') ? AF_INET6 : AF_INET, text, &a));
        return a;
}

typedef struct Row {
        uint8_t protocol;
        const char *at; /* NULL: everywhere */
        uint16_t host, guest;
        const char *ipv4, *ipv6; /* of the machine */
        const char *forward, *astray;
        bool loopback;
} Row;

#define OUT4 "oif != 7 ct status dnat ip daddr 10.0.0.2 meta l4proto "
#define OUT6 "oif != 8 ct status dnat ip6 daddr fd00::2 meta l4proto "
#define ALL4 "ip daddr != { 127.0.0.0, 127.0.0.2-127.255.255.255 } "
#define ALL6 "meta nfproto ipv6 "
#define V4 "10.0.0.2"
#define V6 "fd00::2"

static const Row rows[] = {
        { IPPROTO_TCP, NULL, 8080, 80, NULL, NULL, "", "", false },
        { IPPROTO_TCP, NULL, 8080, 80, V4, NULL, ALL4 "tcp dport 8080 dnat ip to 10.0.0.2:80\n",
          OUT4 "tcp ct original proto-dst 8080 drop\n", true },
        { IPPROTO_UDP, NULL, 53, 5353, NULL, V6, ALL6 "udp dport 53 dnat ip6 to [fd00::2]:5353\n",
          OUT6 "udp ct original proto-dst 53 drop\n", false },
        { IPPROTO_SCTP, NULL, 1, 65535, V4, V6,
          ALL4 "sctp dport 1 dnat ip to 10.0.0.2:65535\n" ALL6 "sctp dport 1 dnat ip6 to [fd00::2]:65535\n",
          OUT4 "sctp ct original proto-dst 1 drop\n" OUT6 "sctp ct original proto-dst 1 drop\n", true },
        /* at addresses: of one family, and for one that the machine has */
        { IPPROTO_TCP, "192.0.2.1", 80, 80, V4, V6, "ip daddr 192.0.2.1 tcp dport 80 dnat ip to 10.0.0.2:80\n",
          OUT4 "tcp ct original proto-dst 80 drop\n", false },
        { IPPROTO_TCP, "192.0.2.1", 80, 80, NULL, V6, "", "", false },
        { IPPROTO_TCP, "127.0.0.1", 80, 80, V4, V6, "ip daddr 127.0.0.1 tcp dport 80 dnat ip to 10.0.0.2:80\n",
          OUT4 "tcp ct original proto-dst 80 drop\n", true },
        { IPPROTO_TCP, "127.0.0.9", 80, 80, V4, V6, "ip daddr 127.0.0.9 tcp dport 80 dnat ip to 10.0.0.2:80\n",
          OUT4 "tcp ct original proto-dst 80 drop\n", true },
        { IPPROTO_TCP, "0.0.0.0", 80, 80, V4, V6, ALL4 "tcp dport 80 dnat ip to 10.0.0.2:80\n",
          OUT4 "tcp ct original proto-dst 80 drop\n", true },
        { IPPROTO_TCP, "2001:db8::1", 80, 80, V4, V6, "ip6 daddr 2001:db8::1 tcp dport 80 dnat ip6 to [fd00::2]:80\n",
          OUT6 "tcp ct original proto-dst 80 drop\n", false },
        { IPPROTO_TCP, "::", 80, 80, V4, V6, ALL6 "tcp dport 80 dnat ip6 to [fd00::2]:80\n",
          OUT6 "tcp ct original proto-dst 80 drop\n", false },
};

static char *ruleset(const PortForward *ports, size_t n_ports, const char *ipv4, const char *ipv6,
                     bool *ret_loopback) {
        static const int links[] = { 7, 8 };
        const PortsState state = {
                .ports = ports,
                .n_ports = n_ports,
                .links = links,
                .n_links = ELEMENTSOF(links),
                .ipv4 = { address(ipv4), ipv4 ? 7 : 0 },
                .ipv6 = { address(ipv6), ipv6 ? 8 : 0 },
        };
        char *text;

        ASSERT_OK(ports_ruleset("some.name-1", &state, &text));
        *ret_loopback = ports_use_loopback(&state);
        return text;
}

/* The chain of that name, without its first two lines and its last. */
static char *chain(const char *rules, const char *name) {
        char head[64];
        const char *start, *end;

        (void) snprintf(head, sizeof(head), "chain %s {\n", name);
        start = strstr(rules, head);
        ASSERT_TRUE(start);
        start += strlen(head);
        if (startswith(start, "type "))
                start = strchr(start, '\n') + 1;
        for (end = start; *end != '}'; end = strchr(end, '\n') + 1)
                ;
        return strndup(start, (size_t) (end - start));
}

TEST(rows) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Row *row = &rows[i];
                const PortForward port = { row->protocol, address(row->at), row->host, row->guest };
                _cleanup_free_ char *rules = NULL, *forward = NULL, *astray = NULL;
                bool loopback;

                rules = ruleset(&port, 1, row->ipv4, row->ipv6, &loopback);
                forward = chain(rules, "forward");
                astray = chain(rules, "astray");
                ASSERT_STREQ(forward, row->forward);
                ASSERT_STREQ(astray, row->astray);
                ASSERT_EQ(loopback, row->loopback);
        }
}

TEST(whole) {
        const PortForward ports[] = {
                { IPPROTO_TCP, {}, 8080, 80 },
                { IPPROTO_UDP, address("192.0.2.1"), 53, 53 },
        };
        _cleanup_free_ char *rules = NULL;
        bool loopback;

        rules = ruleset(ports, ELEMENTSOF(ports), V4, NULL, &loopback);
        ASSERT_TRUE(loopback);
        ASSERT_STREQ(rules,
                     "add table inet nspawn-some.name-1\n"
                     "delete table inet nspawn-some.name-1\n"
                     "table inet nspawn-some.name-1 {\n"
                     "chain local {\n"
                     "type filter hook prerouting priority -300\n"
                     "iif { 7, 8 } ip saddr 127.0.0.0/8 drop\n"
                     "iif { 7, 8 } ip daddr 127.0.0.0/8 drop\n"
                     "}\n"
                     "chain forward {\n" ALL4 "tcp dport 8080 dnat ip to 10.0.0.2:80\n"
                     "ip daddr 192.0.2.1 udp dport 53 dnat ip to 10.0.0.2:53\n"
                     "}\n"
                     "chain come {\n"
                     "type nat hook prerouting priority -100\n"
                     "ip daddr 127.0.0.0/8 return\n"
                     "fib daddr type local jump forward\n"
                     "}\n"
                     "chain leave {\n"
                     "type nat hook output priority -100\n"
                     "ip6 daddr ::1 return\n"
                     "fib daddr type local jump forward\n"
                     "}\n"
                     "chain astray {\n"
                     "type filter hook postrouting priority -150\n" OUT4 "tcp ct original proto-dst 8080 drop\n" OUT4
                     "udp ct original proto-dst 53 drop\n"
                     "}\n"
                     "chain home {\n"
                     "type filter hook input priority -150\n"
                     "ct status dnat ip daddr 10.0.0.2 meta l4proto tcp ct original proto-dst 8080 drop\n"
                     "ct status dnat ip daddr 10.0.0.2 meta l4proto udp ct original proto-dst 53 drop\n"
                     "}\n"
                     "chain back {\n"
                     "type nat hook postrouting priority 100\n"
                     "oif 7 ct status dnat ip daddr 10.0.0.2 fib saddr type local masquerade\n"
                     "oif 7 ct status dnat ip daddr 10.0.0.2 iif 7 masquerade\n"
                     "}\n"
                     "}\n");
}
