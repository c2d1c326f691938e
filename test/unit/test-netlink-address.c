/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses and routes of a network namespace of the test's own, and what wakes who watches them. Needs root. */

#include "netlink-address.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>

#include "fd.h"
#include "netlink.h"
#include "netns.h"

TEST_MAIN_FOR_ROOT

static void ip(const char *arguments) {
        char command[256];

        (void) snprintf(command, sizeof(command), "ip %s", arguments);
        if (system(command) != 0)
                TEST_FAIL("%s", command);
}

static int link_number(const char *name) {
        unsigned n = if_nametoindex(name);

        ASSERT_TRUE(n > 0);
        return (int) n;
}

static void enter(void) {
        static bool done;

        if (done)
                return;
        enter_test_host();
        ip("link set lo up");
        ip("link add a0 type veth peer name a1");
        ip("link add b0 type veth peer name b1");
        for (const char *const *name = (const char *const[]){ "a0", "a1", "b0", "b1", NULL }; *name; name++) {
                char command[64];

                /* without addresses of the kernel's own, which come when they like */
                (void) snprintf(command, sizeof(command), "link set %s up addrgenmode none", *name);
                ip(command);
        }
        ip("address add 10.0.0.1/24 dev a0");
        ip("-6 address add fd00::1/64 dev a0 nodad");
        ip("address add 10.1.0.1/24 dev b0");
        ASSERT_EQ(system("until ip -6 route show table local | grep -q fd00::1; do sleep 0.01; done"), 0); /* soon */
        ip("route add 198.51.100.0/24 via 10.0.0.9");
        ip("route add blackhole 203.0.113.0/24");
        done = true;
}

static IpAddress address(const char *text) {
        IpAddress a;

        ASSERT_OK(ip_address_parse(strchr(text, ':') ? AF_INET6 : AF_INET, text, &a));
        return a;
}

TEST(texts) {
        char text[INET6_ADDRSTRLEN];
        IpAddress a;

        ASSERT_ERR(ip_address_parse(AF_INET, "10.0.0", &a), -EINVAL);
        ASSERT_ERR(ip_address_parse(AF_INET, "::1", &a), -EINVAL);
        ASSERT_ERR(ip_address_parse(AF_INET6, "10.0.0.1", &a), -EINVAL);
        ASSERT_ERR(ip_address_parse(AF_INET6, "::ffff:10.0.0.1", &a), -EINVAL);
        a = address("2001:DB8:0::1");
        ASSERT_STREQ(ip_address_text(&a, text), "2001:db8::1");
        ASSERT_TRUE(ip_address_equal(&a, &a) && !ip_address_is_any(&a) && !ip_address_is_loopback(&a));
        a = address("127.1.2.3");
        ASSERT_TRUE(ip_address_is_loopback(&a) && !ip_address_is_any(&a));
        a = address("0.0.0.0");
        ASSERT_TRUE(ip_address_is_any(&a) && !ip_address_is_loopback(&a));
        a = address("::");
        ASSERT_TRUE(ip_address_is_any(&a));
        a = address("::1");
        ASSERT_TRUE(ip_address_is_loopback(&a));
        ASSERT_TRUE(!ip_address_equal(&a, &(IpAddress){}));
}

TEST(addresses) {
        _cleanup_(address_socket_close_p) AddressSocket *s = NULL;
        _cleanup_free_ AddressInfo *list = NULL;
        const IpAddress v4 = address("10.0.0.1"), v6 = address("fd00::1"), lo = address("127.0.0.1");
        unsigned found = 0;
        size_t n;

        enter();
        ASSERT_OK(address_socket_open(&s));
        ASSERT_OK(address_list(s, 100, &list, &n));
        for (size_t i = 0; i < n; i++) {
                const AddressInfo *a = &list[i];

                found += ip_address_equal(&a->address, &v4) && a->scope == RT_SCOPE_UNIVERSE;
                found += ip_address_equal(&a->address, &v6) && a->scope == RT_SCOPE_UNIVERSE;
                found += ip_address_equal(&a->address, &lo) && a->scope == RT_SCOPE_HOST;
        }
        ASSERT_EQ(found, 3);
        free(list);
        ASSERT_OK(address_list(s, 1, &list, &n));
        ASSERT_EQ(n, 1);
}

TEST(routes) {
        static const struct {
                const char *to, *link;
                uint8_t type;
                bool gateway;
        } rows[] = {
                { "10.0.0.2", "a0", RTN_UNICAST, false }, { "fd00::2", "a0", RTN_UNICAST, false },
                { "10.1.0.7", "b0", RTN_UNICAST, false }, { "198.51.100.1", "a0", RTN_UNICAST, true },
                { "10.0.0.1", "lo", RTN_LOCAL, false },   { "fd00::1", "lo", RTN_LOCAL, false },
                { "127.0.0.99", "lo", RTN_LOCAL, false }, { "10.0.0.255", "a0", RTN_BROADCAST, false },
        };
        _cleanup_(address_socket_close_p) AddressSocket *s = NULL;
        IpAddress a;

        enter();
        ASSERT_OK(address_socket_open(&s));
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                RouteInfo route = {};

                a = address(rows[i].to);
                ASSERT_OK(route_find(s, &a, &route));
                ASSERT_EQ(route.type, rows[i].type);
                ASSERT_EQ(route.gateway, rows[i].gateway);
                if (rows[i].type != RTN_LOCAL)
                        ASSERT_EQ(route.link, link_number(rows[i].link));
        }
        a = address("192.0.2.1");
        ASSERT_ERR(route_find(s, &a, &(RouteInfo){}), -ENETUNREACH);
        a = address("203.0.113.1");
        ASSERT_ERR(route_find(s, &a, &(RouteInfo){}), -EINVAL); /* a black hole */
}

static bool woken(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int n = poll(&p, 1, 50);

        ASSERT_OK(watch_drain(fd));
        return n > 0;
}

TEST(watches) {
        _cleanup_close_ int addresses = -EBADF, routes = -EBADF;

        enter();
        ASSERT_OK(addresses = address_watch_open());
        ASSERT_OK(routes = route_watch_open(link_number("a0")));
        ip("route add 192.0.2.0/24 dev b0");
        ip("-6 route add fd99::/64 dev b0");
        ip("route add blackhole 192.0.3.0/24");
        ASSERT_TRUE(!woken(routes) && !woken(addresses));
        ip("route add 192.0.4.0/24 dev a0");
        ASSERT_TRUE(woken(routes) && !woken(routes) && !woken(addresses));
        ip("-6 route add fd98::/64 dev a0");
        ASSERT_TRUE(woken(routes));
        ip("route del 192.0.4.0/24 dev a0");
        ASSERT_TRUE(woken(routes));
        ip("address add 10.9.9.9/32 dev b0");
        ASSERT_TRUE(!woken(routes) && woken(addresses) && !woken(addresses));
        ip("-6 address add fd09::9/128 dev b0 nodad");
        ASSERT_TRUE(woken(addresses));
        ip("address del 10.9.9.9/32 dev b0");
        ASSERT_TRUE(woken(addresses));
}

static void add_many(unsigned from, unsigned to) {
        char command[192];

        (void) snprintf(command, sizeof(command),
                        "-batch - <<E\n$(for i in $(seq %u %u); do echo address add "
                        "10.$((50 + i / 250)).0.$((1 + i %% 250))/32 dev b0; done)\nE",
                        from, to - 1);
        ip(command);
}

/* More than there is room for: the next look is due all the same, and no error. */
TEST(overrun) {
        _cleanup_close_ int fd = -EBADF;

        enter();
        ASSERT_OK(fd = address_watch_open());
        for (unsigned i = 0; i < 4000; i += 200)
                add_many(i, i + 200);
        ASSERT_TRUE(woken(fd));
        for (unsigned i = 0; i < 100 && woken(fd); i++) /* not all at once */
                ;
        ASSERT_TRUE(!woken(fd));
}

TEST(too_many) {
        _cleanup_(address_socket_close_p) AddressSocket *s = NULL;
        _cleanup_free_ AddressInfo *list = NULL;
        size_t n;

        enter();
        ASSERT_OK(address_socket_open(&s));
        ASSERT_OK(address_list(s, 100, &list, &n));
        ASSERT_EQ(n, 100);
        for (unsigned i = 4000; i < 8000; i += 200)
                add_many(i, i + 200);
        free(TAKE_PTR(list));
        ASSERT_ERR(address_list(s, 100, &list, &n), -E2BIG);
        ip("address flush dev b0");
}

/* What somebody in the namespace sends us, as if it came from the kernel. */
static void forge(unsigned count) {
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg address;
                struct nlattr attribute;
                struct in_addr value;
        } m = {
                .header = { sizeof(m), RTM_NEWADDR, NLM_F_MULTI, 1, (uint32_t) getpid() },
                .address = { .ifa_family = AF_INET, .ifa_prefixlen = 32 },
                .attribute = { sizeof(m.attribute) + sizeof(m.value), IFA_ADDRESS },
                .value = address("6.6.6.6").v4,
        };
        struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = (uint32_t) getpid() };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

        for (unsigned i = 0; i < count; i++)
                if (sendto(fd, &m, sizeof(m), 0, (struct sockaddr *) &to, sizeof(to)) < 0) {
                        ASSERT_TRUE(i > 0 && errno == EAGAIN); /* no more than fits */
                        break;
                }
}

TEST(forged) {
        const IpAddress forged = address("6.6.6.6"), real = address("10.0.0.1");

        enter();
        for (unsigned count = 1; count <= 100000; count *= 100) {
                _cleanup_(address_socket_close_p) AddressSocket *s = NULL;
                _cleanup_free_ AddressInfo *list = NULL;
                bool found = false;
                size_t n;

                ASSERT_OK(address_socket_open(&s)); /* its number is our PID, since it is the only one */
                forge(count);
                ASSERT_OK(address_list(s, 10000, &list, &n));
                for (size_t i = 0; i < n; i++) {
                        ASSERT_TRUE(!ip_address_equal(&list[i].address, &forged));
                        found = found || ip_address_equal(&list[i].address, &real);
                }
                ASSERT_TRUE(found);
        }
}

TEST(localnet) {
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo before = {}, on = {}, off = {};

        enter();
        ASSERT_OK(netlink_open(&nl));
        ASSERT_OK(netlink_find(nl, 0, "a0", &before));
        netlink_change(nl, before.ifindex, &(LinkChange){ .localnet_on = true });
        ASSERT_OK(netlink_flush(nl));
        ASSERT_OK(netlink_find(nl, 0, "a0", &on));
        netlink_change(nl, before.ifindex, &(LinkChange){ .localnet_off = true });
        ASSERT_OK(netlink_flush(nl));
        ASSERT_OK(netlink_find(nl, 0, "a0", &off));
        ASSERT_TRUE(!before.localnet && on.localnet && !off.localnet);
        ASSERT_TRUE(on.flags & IFF_UP);
}
