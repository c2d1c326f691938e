/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Links, made and unmade in network namespaces of the test's own. Needs root. */

#include "netlink.h"

#include <poll.h>
#include <sys/stat.h>

#include "netns.h"
#include "strv.h"
#include "test.h"

TEST_MAIN_FOR_ROOT

static const struct ether_addr address_a = { { 0x02, 0, 0, 0, 0, 0xa } };
static const struct ether_addr address_b = { { 0x02, 0, 0, 0, 0, 0xb } };

/* A pair a (here) and b (in netns_fd). */
static int make_pair(int netns_fd, LinkInfo *ret) {
        const LinkSpec peer = { .name = "b", .address = &address_b, .netns_fd = netns_fd };

        netlink_new(host(), &(LinkSpec){ .kind = "veth", .name = "a", .address = &address_a, .peer = &peer });
        netlink_get(host(), 0, "a", ret);
        return netlink_flush(host());
}

TEST(empty_flush) {
        ASSERT_OK(netlink_flush(host()));
}

TEST(loopback) {
        _cleanup_link_info_ LinkInfo info = {};

        ASSERT_OK(netlink_find(host(), 0, "lo", &info));
        ASSERT_EQ(info.ifindex, 1);
        ASSERT_STREQ(info.kind, "");
        ASSERT_TRUE(!(info.flags & IFF_UP));
        netlink_change(host(), 1, &(LinkChange){ .up = true });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(netlink_find(host(), 1, NULL, &info));
        ASSERT_TRUE(info.flags & IFF_UP);
        netlink_change(host(), 1, &(LinkChange){ .down = true });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(netlink_find(host(), 1, NULL, &info));
        ASSERT_TRUE(!(info.flags & IFF_UP));
}

TEST(missing_link) {
        LinkInfo info = {};

        ASSERT_ERR(netlink_find(host(), 0, "nowhere", &info), -ENODEV);
        ASSERT_ERR(netlink_find(host(), 0, "an-alternative-name-that-is-nowhere", &info), -ENODEV);
        ASSERT_ERR(netlink_find(host(), 4711, NULL, &info), -ENODEV);
        netlink_delete(host(), 4711);
        ASSERT_ERR(netlink_flush(host()), -ENODEV);
}

TEST(pair_across_namespaces) {
        _cleanup_netlink_ Netlink *guest = NULL;
        _cleanup_link_info_ LinkInfo a = {}, b = {};
        int fd = new_netns();

        ASSERT_OK(make_pair(fd, &a));
        ASSERT_STREQ(a.name, "a");
        ASSERT_STREQ(a.kind, "veth");
        ASSERT_TRUE(memcmp(&a.address, &address_a, sizeof(a.address)) == 0);
        ASSERT_TRUE(a.peer_away);
        ASSERT_EQ(netlink_peer_alive(host(), &a), 1);

        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_OK(netlink_find(guest, 0, "b", &b));
        ASSERT_EQ(a.peer, b.ifindex);
        ASSERT_TRUE(memcmp(&b.address, &address_b, sizeof(b.address)) == 0);
        ASSERT_ERR(netlink_find(host(), 0, "b", &b), -ENODEV);

        netlink_delete(host(), a.ifindex);
        ASSERT_OK(netlink_flush(host()));
        ASSERT_ERR(netlink_find(guest, 0, "b", &b), -ENODEV);
        close(fd);
}

TEST(open_in_comes_back) {
        int before = own_netns(), after, fd = new_netns();
        _cleanup_netlink_ Netlink *guest = NULL;
        struct stat a, b;

        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_ERR(netlink_open_in(0x7ffff, &guest), -EBADF);
        after = own_netns();
        ASSERT_TRUE(fstat(before, &a) >= 0 && fstat(after, &b) >= 0);
        ASSERT_EQ(a.st_ino, b.st_ino);
        close(before);
        close(after);
        close(fd);
}

TEST(batch_goes_on_after_an_error) {
        LinkInfo info = {};

        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "br0" });
        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "br0" });
        netlink_get(host(), 0, "br0", &info);
        ASSERT_ERR(netlink_flush(host()), -EEXIST);
        ASSERT_STREQ(info.kind, "bridge");
        link_info_done(&info);
        netlink_delete(host(), info.ifindex);
        ASSERT_OK(netlink_flush(host()));
}

TEST(batch_too_large) {
        char name[9000];

        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = 0;
        netlink_change(host(), 1, &(LinkChange){ .name = name });
        ASSERT_ERR(netlink_flush(host()), -E2BIG);
        for (unsigned i = 0; i < 200; i++)
                netlink_change(host(), 1, &(LinkChange){ .down = true });
        ASSERT_ERR(netlink_flush(host()), -E2BIG);
        netlink_change(host(), 1, &(LinkChange){ .down = true });
        ASSERT_OK(netlink_flush(host()));
}

TEST(kernel_message) {
        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "bad/name" });
        ASSERT_ERR(netlink_flush(host()), -EINVAL);
        netlink_new(host(), &(LinkSpec){ .kind = "macvlan", .name = "mv0", .lower = 4711 });
        ASSERT_TRUE(netlink_flush(host()) < 0);
        netlink_new(host(), &(LinkSpec){ .kind = "no-such-kind", .name = "x" });
        ASSERT_ERR(netlink_flush(host()), -EOPNOTSUPP);
        ASSERT_STREQ(netlink_message(host()), "Unknown device type");
        ASSERT_OK(netlink_flush(host()));
        netlink_change(host(), 1, &(LinkChange){ .down = true });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_STREQ(netlink_message(host()), "");
}

TEST(ports_of_a_bridge) {
        _cleanup_link_info_ LinkInfo bridge = {}, a = {};
        _cleanup_free_ int *ports = NULL, *all = NULL;
        int fd = new_netns();
        size_t n;

        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "br0" });
        netlink_get(host(), 0, "br0", &bridge);
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(netlink_list(host(), bridge.ifindex, &ports, &n));
        ASSERT_EQ(n, 0);
        ASSERT_OK(make_pair(fd, &a));
        netlink_change(host(), a.ifindex, &(LinkChange){ .master = bridge.ifindex, .up = true });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(netlink_list(host(), bridge.ifindex, &ports, &n));
        ASSERT_EQ(n, 1);
        ASSERT_EQ(ports[0], a.ifindex);
        ASSERT_OK(netlink_list(host(), 0, &all, &n));
        ASSERT_EQ(n, 3);
        netlink_delete(host(), a.ifindex);
        netlink_delete(host(), bridge.ifindex);
        ASSERT_OK(netlink_flush(host()));
        close(fd);
}

TEST(names) {
        const char *long_name = "a-name-that-is-longer-than-fifteen";
        _cleanup_link_info_ LinkInfo a = {}, found = {};
        LinkInfo full = {};
        int fd = new_netns();

        ASSERT_OK(make_pair(fd, &a));
        netlink_change(host(), a.ifindex, &(LinkChange){ .name = "c" });
        netlink_add_altname(host(), a.ifindex, long_name);
        netlink_add_altname(host(), a.ifindex, "short");
        netlink_get(host(), 0, long_name, &full);
        ASSERT_OK(netlink_flush(host()));
        ASSERT_EQ(full.ifindex, a.ifindex);
        ASSERT_STREQ(full.name, "c");
        ASSERT_EQ(strv_length(full.altnames), 2);
        ASSERT_TRUE(strv_find(full.altnames, long_name));
        link_info_done(&full);
        ASSERT_OK(netlink_find(host(), 0, "short", &found));
        netlink_add_altname(host(), a.ifindex, "lo");
        ASSERT_ERR(netlink_flush(host()), -EEXIST);
        netlink_remove_altname(host(), a.ifindex, "short");
        ASSERT_OK(netlink_flush(host()));
        ASSERT_ERR(netlink_find(host(), 0, "short", &found), -ENODEV);
        netlink_delete(host(), a.ifindex);
        ASSERT_OK(netlink_flush(host()));
        close(fd);
}

TEST(move) {
        _cleanup_netlink_ Netlink *guest = NULL;
        _cleanup_link_info_ LinkInfo a = {}, moved = {};
        int fd = new_netns(), other = new_netns();

        ASSERT_OK(make_pair(fd, &a));
        netlink_change(host(), a.ifindex, &(LinkChange){ .name = "inside", .netns_fd = other });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_ERR(netlink_find(host(), 0, "a", &moved), -ENODEV);
        ASSERT_OK(netlink_open_in(other, &guest));
        ASSERT_OK(netlink_find(guest, 0, "inside", &moved));
        close(fd);
        close(other);
}

TEST(macvlan) {
        _cleanup_netlink_ Netlink *guest = NULL;
        _cleanup_link_info_ LinkInfo a = {}, mv = {};
        int fd = new_netns(), other = new_netns();

        ASSERT_OK(make_pair(fd, &a));
        netlink_new(host(),
                    &(LinkSpec){
                            .kind = "macvlan",
                            .name = "mv-a",
                            .address = &address_b,
                            .netns_fd = other,
                            .lower = a.ifindex,
                    });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(netlink_open_in(other, &guest));
        ASSERT_OK(netlink_find(guest, 0, "mv-a", &mv));
        ASSERT_STREQ(mv.kind, "macvlan");
        ASSERT_EQ(mv.peer, a.ifindex);
        ASSERT_TRUE(memcmp(&mv.address, &address_b, sizeof(mv.address)) == 0);
        netlink_delete(host(), a.ifindex);
        ASSERT_OK(netlink_flush(host()));
        close(fd);
        close(other);
}

TEST(dead_peer) {
        _cleanup_link_info_ LinkInfo a = {};
        int fd = new_netns(), r = 0;

        ASSERT_OK(make_pair(fd, &a));
        ASSERT_EQ(netlink_peer_alive(host(), &a), 1);
        close(fd);
        ASSERT_EQ(netlink_peer_alive(host(), &a), 0);

        /* The link goes with the namespace, in the kernel's own time. */
        for (unsigned i = 0; i < 500 && r != -ENODEV; i++) {
                _cleanup_link_info_ LinkInfo again = {};

                r = netlink_find(host(), a.ifindex, NULL, &again);
                if (r >= 0)
                        ASSERT_EQ(netlink_peer_alive(host(), &again), 0);
                (void) poll(NULL, 0, 10);
        }
        ASSERT_ERR(r, -ENODEV);
}
