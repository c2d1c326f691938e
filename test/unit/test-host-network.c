/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Setting up and undoing a machine's network between two network namespaces of the test's own. Needs root. */

#include "host/network.h"

#include <limits.h>
#include <sys/wait.h>

#include "fd.h"
#include "netlink.h"
#include "netns.h"
#include "strv.h"
#include "test.h"

TEST_MAIN_FOR_ROOT

static const NetworkFacts facts = {
        .machine_id = SD_ID128_MAKE(3d, 12, 19, c7, c4, c5, 40, 4a, aa, 1f, 6d, 2a, 48, ad, fd, a4),
        .naming_scheme = INT_MAX,
};

static bool exists(Netlink *nl, const char *name) {
        _cleanup_link_info_ LinkInfo info = {};

        return netlink_find(nl, 0, name, &info) >= 0;
}

static int set_up(NetworkConfig config, const char *machine, int netns_fd, UndoLog *undo, HostNetwork *ret) {
        NetworkPlan plan;
        int r;

        (void) host();
        config.private_network = true;
        ASSERT_OK(network_plan(&config, machine, &facts, &plan));
        r = network_setup(&plan, netns_fd, undo, ret);
        network_plan_done(&plan);
        return r;
}

static char *text(const char *s) {
        return (char *) s;
}

static void delete_link(const char *name) {
        _cleanup_link_info_ LinkInfo info = {};

        ASSERT_OK(netlink_find(host(), 0, name, &info));
        netlink_delete(host(), info.ifindex);
        ASSERT_OK(netlink_flush(host()));
}

/* Stands in for hardware: a link of the host that can be moved. Its other end is called PEER. */
static void make_link(const char *name, const char *peer) {
        netlink_new(host(), &(LinkSpec){ .kind = "veth", .name = name, .peer = &(LinkSpec){ .name = peer } });
        ASSERT_OK(netlink_flush(host()));
}

TEST(host_network) {
        HostNetwork result = { .n_interfaces = 7 };
        UndoLog undo = {};

        ASSERT_OK(network_setup(&(NetworkPlan){}, -EBADF, &undo, &result));
        ASSERT_EQ(result.n_interfaces, 0);
        ASSERT_EQ(undo.n_entries, 0);
}

TEST(private_network) {
        _cleanup_netlink_ Netlink *guest = NULL;
        _cleanup_link_info_ LinkInfo lo = {};
        HostNetwork result;
        UndoLog undo = {};
        int fd;

        (void) host();
        fd = new_netns();
        ASSERT_OK(set_up((NetworkConfig){}, "m", fd, &undo, &result));
        ASSERT_EQ(result.n_interfaces, 0);
        ASSERT_EQ(undo.n_entries, 0);
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_OK(netlink_find(guest, 0, "lo", &lo));
        ASSERT_TRUE(lo.flags & IFF_UP);
        close(fd);
}

TEST(veth) {
        _cleanup_netlink_ Netlink *guest = NULL;
        _cleanup_link_info_ LinkInfo ve = {}, host0 = {};
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "a-very-long-machine-name", fd, &undo, &result));
        ASSERT_OK(netlink_find(host(), 0, "ve-a-very-lm3p6", &ve));
        ASSERT_EQ(result.n_interfaces, 1);
        ASSERT_EQ(result.interfaces[0], ve.ifindex);
        ASSERT_TRUE(exists(host(), "ve-a-very-long-machine-name"));
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_OK(netlink_find(guest, 0, "host0", &host0));
        ASSERT_EQ(host0.ifindex, ve.peer);
        ASSERT_TRUE(!exists(host(), "host0"));
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "ve-a-very-lm3p6"));
        ASSERT_TRUE(!exists(guest, "host0"));
        undo_run(&undo);
        close(fd);
}

TEST(veth_is_gone_before_undo) {
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", fd, &undo, &result));
        delete_link("ve-m");
        undo_run(&undo);
        close(fd);
}

TEST(leftover_of_a_dead_machine) {
        HostNetwork result;
        UndoLog undo = {};

        /* Each start finds the pair of the one before, whose namespace has just died. */
        for (unsigned i = 0; i < 20; i++) {
                int fd = new_netns();
                UndoLog lost = {};

                ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", fd, &lost, &result));
                free(lost.entries[0].userdata);
                free(lost.entries);
                close(fd);
        }
        int fd = new_netns();
        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", fd, &undo, &result));
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "ve-m"));
        close(fd);
}

TEST(name_in_use) {
        int fd = new_netns(), other = new_netns();
        UndoLog first = {}, second = {};
        HostNetwork result;

        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", fd, &first, &result));
        ASSERT_ERR(set_up((NetworkConfig){ .veth = true }, "m", other, &second, &result), -EEXIST);
        undo_run(&second);
        ASSERT_TRUE(exists(host(), "ve-m"));
        undo_run(&first);
        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "ve-m" });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_ERR(set_up((NetworkConfig){ .veth = true }, "m", other, &second, &result), -EEXIST);
        undo_run(&second);
        delete_link("ve-m");
        close(fd);
        close(other);
}

TEST(machine_dies_while_the_next_one_starts) {
        int fd = new_netns(), other = new_netns();
        UndoLog lost = {}, undo = {};
        HostNetwork result;
        pid_t pid;

        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", fd, &lost, &result));
        free(lost.entries[0].userdata);
        free(lost.entries);
        pid = fork(); /* the last user of the old namespace, for another 100 ms */
        if (pid == 0) {
                usleep(100 * 1000);
                _exit(0);
        }
        close(fd);
        ASSERT_OK(set_up((NetworkConfig){ .veth = true }, "m", other, &undo, &result));
        undo_run(&undo);
        ASSERT_TRUE(waitpid(pid, NULL, 0) == pid);
        close(other);
}

TEST(bridge) {
        NetworkConfig config = { .veth = true, .bridge = text("br0") };
        _cleanup_link_info_ LinkInfo bridge = {}, port = {};
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        ASSERT_ERR(set_up(config, "m", fd, &undo, &result), -ENODEV);
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "vb-m"));
        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "br0" });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(set_up(config, "m", fd, &undo, &result));
        ASSERT_OK(netlink_find(host(), 0, "br0", &bridge));
        ASSERT_OK(netlink_find(host(), 0, "vb-m", &port));
        ASSERT_EQ(port.master, bridge.ifindex);
        ASSERT_TRUE(port.flags & IFF_UP);
        ASSERT_EQ(result.interfaces[0], bridge.ifindex);
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "vb-m"));
        delete_link("br0");
        config.bridge = text("lo");
        ASSERT_TRUE(set_up(config, "m", fd, &undo, &result) < 0);
        ASSERT_TRUE(!exists(host(), "vb-m"));
        undo_run(&undo);
        close(fd);
}

TEST(zone) {
        const NetworkConfig config = { .veth = true, .zone = text("z") };
        int fd = new_netns(), other = new_netns();
        UndoLog first = {}, second = {};
        HostNetwork result;

        ASSERT_OK(set_up(config, "m1", fd, &first, &result));
        ASSERT_OK(set_up(config, "m2", other, &second, &result));
        ASSERT_TRUE(access("/run/systemd/nspawn-network-zone", F_OK) < 0);
        undo_run(&first);
        ASSERT_TRUE(exists(host(), "vz-z"));
        ASSERT_TRUE(exists(host(), "vb-m2"));
        undo_run(&second);
        ASSERT_TRUE(!exists(host(), "vz-z"));
        ASSERT_TRUE(!exists(host(), "vb-m2"));
        ASSERT_TRUE(access("/run/systemd/nspawn-network-zone", F_OK) < 0);
        close(fd);
        close(other);
}

TEST(zone_of_a_failed_start) {
        const NetworkConfig config = { .veth = true, .zone = text("z") };
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        netlink_new(host(), &(LinkSpec){ .kind = "bridge", .name = "vb-m" });
        ASSERT_OK(netlink_flush(host()));
        ASSERT_ERR(set_up(config, "m", fd, &undo, &result), -EEXIST);
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "vz-z"));
        delete_link("vb-m");
        close(fd);
}

TEST(veth_extra) {
        InterfacePair pairs[] = { { text("vx0"), text("in0") }, { text("vx1"), text("vx1") } };
        _cleanup_netlink_ Netlink *guest = NULL;
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        ASSERT_OK(set_up((NetworkConfig){ .veth_extra = pairs, .n_veth_extra = 2 }, "m", fd, &undo, &result));
        ASSERT_EQ(result.n_interfaces, 0);
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_TRUE(exists(host(), "vx0") && exists(host(), "vx1"));
        ASSERT_TRUE(exists(guest, "in0") && exists(guest, "vx1"));
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "vx0") && !exists(host(), "vx1"));
        close(fd);
}

TEST(physical) {
        InterfacePair pair = { text("eth7"), text("phy0") };
        const NetworkConfig config = { .interfaces = &pair, .n_interfaces = 1 };
        _cleanup_link_info_ LinkInfo eth7 = {}, phy0 = {}, back = {};
        Netlink *guest = NULL;
        HostNetwork result;
        UndoLog undo = {};
        int fd;

        fd = new_netns();
        ASSERT_ERR(set_up(config, "m", fd, &undo, &result), -ENODEV);
        undo_run(&undo);
        make_link("eth7", "eth8");
        ASSERT_OK(netlink_find(host(), 0, "eth7", &eth7));
        netlink_add_altname(host(), eth7.ifindex, "enp7s0-alternative");
        ASSERT_OK(netlink_flush(host()));

        ASSERT_OK(set_up(config, "m", fd, &undo, &result));
        ASSERT_TRUE(!exists(host(), "eth7"));
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_OK(netlink_find(guest, 0, "phy0", &phy0));
        ASSERT_TRUE(exists(guest, "enp7s0-alternative"));
        ASSERT_TRUE(exists(guest, "eth7")); /* for the case that nobody lives to return it */

        /* What a hostile guest may do with it, before it dies: */
        netlink_change(guest, phy0.ifindex, &(LinkChange){ .name = "eth8" });
        netlink_add_altname(guest, phy0.ifindex, "ve-othermachine");
        netlink_remove_altname(guest, phy0.ifindex, "enp7s0-alternative");
        ASSERT_OK(netlink_flush(guest));
        netlink_close(guest);
        close(fd);

        undo_run(&undo);
        ASSERT_OK(netlink_find(host(), 0, "eth7", &back));
        ASSERT_STREQ(back.name, "eth7");
        ASSERT_TRUE(memcmp(&back.address, &eth7.address, sizeof(back.address)) == 0);
        ASSERT_TRUE(exists(host(), "enp7s0-alternative"));
        ASSERT_TRUE(!exists(host(), "ve-othermachine"));
        delete_link("eth7");
}

TEST(physical_by_altname) {
        InterfacePair pair = { text("enp7s0-alternative"), text("enp7s0-alternative") };
        const NetworkConfig config = { .interfaces = &pair, .n_interfaces = 1 };
        _cleanup_link_info_ LinkInfo eth7 = {}, inside = {};
        _cleanup_netlink_ Netlink *guest = NULL;
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        make_link("eth7", "eth8");
        ASSERT_OK(netlink_find(host(), 0, "eth7", &eth7));
        netlink_add_altname(host(), eth7.ifindex, "enp7s0-alternative");
        ASSERT_OK(netlink_flush(host()));
        ASSERT_OK(set_up(config, "m", fd, &undo, &result));
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_OK(netlink_find(guest, 0, "enp7s0-alternative", &inside));
        ASSERT_STREQ(inside.name, "eth7");
        undo_run(&undo);
        ASSERT_TRUE(exists(host(), "eth7"));
        delete_link("eth7");
        close(fd);
}

TEST(physical_replaced_or_displaced) {
        InterfacePair pair = { text("eth7"), text("eth7") };
        const NetworkConfig config = { .interfaces = &pair, .n_interfaces = 1 };
        _cleanup_link_info_ LinkInfo eth7 = {};
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};
        char name[IFNAMSIZ];

        /* Unplugged while lent. */
        make_link("eth7", "eth8");
        ASSERT_OK(set_up(config, "m", fd, &undo, &result));
        delete_link("eth8");
        undo_run(&undo);
        ASSERT_TRUE(!exists(host(), "eth7"));

        /* Its name taken by another link meanwhile. */
        make_link("eth7", "eth8");
        ASSERT_OK(netlink_find(host(), 0, "eth7", &eth7));
        ASSERT_OK(set_up(config, "m", fd, &undo, &result));
        make_link("eth7", "eth9");
        undo_run(&undo);
        (void) snprintf(name, sizeof(name), "dev%i", eth7.ifindex);
        ASSERT_TRUE(exists(host(), name));
        delete_link(name);
        ASSERT_TRUE(!exists(host(), "eth8"));
        delete_link("eth9");
        close(fd);
}

TEST(macvlan) {
        InterfacePair pairs[] = {
                { text("averylongphys0"), NULL },
                { text("averylongphys0"), text("foo0") },
        };
        _cleanup_netlink_ Netlink *guest = NULL;
        int fd = new_netns();
        HostNetwork result;
        UndoLog undo = {};

        make_link("averylongphys0", "eth8");
        ASSERT_OK(set_up((NetworkConfig){ .macvlan = pairs, .n_macvlan = 2 }, "m", fd, &undo, &result));
        ASSERT_OK(netlink_open_in(fd, &guest));
        ASSERT_TRUE(exists(guest, "mv-averylonQOMY"));
        ASSERT_TRUE(exists(guest, "mv-averylongphys0"));
        ASSERT_TRUE(exists(guest, "foo0"));
        undo_run(&undo);
        delete_link("eth8");
        close(fd);
}

TEST(ipvlan) {
        InterfacePair pair = { text("eth7"), NULL };
        _cleanup_netlink_ Netlink *guest = NULL;
        int fd = new_netns(), r;
        HostNetwork result;
        UndoLog undo = {};

        make_link("eth7", "eth8");
        r = set_up((NetworkConfig){ .ipvlan = &pair, .n_ipvlan = 1 }, "m", fd, &undo, &result);
        ASSERT_OK(netlink_open_in(fd, &guest));
        if (r >= 0)
                ASSERT_TRUE(exists(guest, "iv-eth7"));
        else
                ASSERT_ERR(r, -EOPNOTSUPP); /* a kernel without it */
        undo_run(&undo);
        delete_link("eth8");
        close(fd);
}
