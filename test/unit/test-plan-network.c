/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and addresses of a machine's links. The known answers were read off the links that systemd-nspawn 252
 * and 257 made on a host with the machine id below: both gave the same. */

#include "plan/network.h"

#include <limits.h>

#include "test.h"

TEST_MAIN

static const NetworkFacts facts = {
        .machine_id = SD_ID128_MAKE(3d, 12, 19, c7, c4, c5, 40, 4a, aa, 1f, 6d, 2a, 48, ad, fd, a4),
        .naming_scheme = INT_MAX,
};

static void check_scheme(NetworkConfig config, const char *machine, int naming_scheme, const char *expected) {
        NetworkFacts f = facts;
        NetworkPlan plan;
        char text[2048] = "";
        FILE *stream = fmemopen(text, sizeof(text), "w");

        f.naming_scheme = naming_scheme;
        config.private_network = true;
        ASSERT_OK(network_plan(&config, machine, &f, &plan));
        ASSERT_TRUE(stream);
        network_plan_print(&plan, stream);
        fclose(stream);
        ASSERT_STREQ(text, expected);
        network_plan_done(&plan);
}

static void check(NetworkConfig config, const char *machine, const char *expected) {
        check_scheme(config, machine, INT_MAX, expected);
}

static char *text(const char *s) {
        return (char *) s; /* config's strings are not const, but the planner does not change them */
}

TEST(host_network) {
        NetworkPlan plan = { .n_items = 7 };

        ASSERT_OK(network_plan(&(NetworkConfig){}, "somename", &facts, &plan));
        ASSERT_EQ(plan.n_items, 0);
        network_plan_done(&plan);
}

TEST(foreign_namespace) {
        NetworkConfig config = { .private_network = true, .namespace_path = text("/run/netns/x") };
        NetworkPlan plan = { .n_items = 7 };

        ASSERT_OK(network_plan(&config, "somename", &facts, &plan));
        ASSERT_EQ(plan.n_items, 0);
        network_plan_done(&plan);
}

TEST(private_network) {
        check((NetworkConfig){}, "somename", "loopback\n");
}

TEST(veth) {
        const NetworkConfig config = { .veth = true };

        check(config, "somename",
              "loopback\n"
              "veth ve-somename 2e:0c:15:3e:15:1c -> host0 6e:28:3d:3c:a5:05\n");
        check(config, "abcdefghijkl",
              "loopback\n"
              "veth ve-abcdefghijkl d2:d2:c3:79:a8:e5 -> host0 06:00:8e:54:18:13\n");
        check(config, "abcdefghijklm",
              "loopback\n"
              "veth ve-abcdefghyhe5 c6:59:30:a2:ec:22 -> host0 26:f4:a8:59:58:39 altname ve-abcdefghijklm\n");
        check(config, "a-very-long-machine-name",
              "loopback\n"
              "veth ve-a-very-lm3p6 16:f5:1b:7c:b0:16 -> host0 d2:f6:4b:64:43:27"
              " altname ve-a-very-long-machine-name\n");
}

TEST(old_naming_scheme) {
        check_scheme((NetworkConfig){ .veth = true }, "abcdefghijklm", 243,
                     "loopback\n"
                     "veth ve-abcdefghijkl c6:59:30:a2:ec:22 -> host0 26:f4:a8:59:58:39"
                     " altname ve-abcdefghijklm\n");
        ASSERT_EQ(network_naming_scheme("v243"), 243);
        ASSERT_EQ(network_naming_scheme(":v252"), 252);
        ASSERT_EQ(network_naming_scheme("latest"), INT_MAX);
        ASSERT_EQ(network_naming_scheme("v"), INT_MAX);
        ASSERT_EQ(network_naming_scheme("v24x"), INT_MAX);
        ASSERT_EQ(network_naming_scheme(NULL), INT_MAX);
}

TEST(bridge) {
        const NetworkConfig config = { .veth = true, .bridge = text("br0") };

        check(config, "somename",
              "loopback\n"
              "veth vb-somename 2e:0c:15:3e:15:1c -> host0 6e:28:3d:3c:a5:05 bridge br0 up\n");
        check(config, "a-very-long-machine-name",
              "loopback\n"
              "veth vb-a-very-lJlHy 16:f5:1b:7c:b0:16 -> host0 d2:f6:4b:64:43:27"
              " altname vb-a-very-long-machine-name bridge br0 up\n");
}

TEST(zone) {
        check((NetworkConfig){ .veth = true, .zone = text("myzone") }, "somename",
              "loopback\n"
              "veth vb-somename 2e:0c:15:3e:15:1c -> host0 6e:28:3d:3c:a5:05 zone vz-myzone up\n");
}

TEST(veth_extra) {
        InterfacePair pairs[] = { { text("vx0"), text("in0") }, { text("vx1"), text("vx1") } };
        const NetworkConfig config = { .veth_extra = pairs, .n_veth_extra = 2 };

        check(config, "somename",
              "loopback\n"
              "veth vx0 46:72:d2:5a:08:b8 -> in0 f2:59:2b:9e:e2:2b\n"
              "veth vx1 d2:e4:9a:f6:ab:b5 -> vx1 0a:de:a1:0a:bd:55\n");
}

TEST(physical) {
        InterfacePair pairs[] = { { text("eth7"), text("phy0") }, { text("enfoo7"), text("enfoo7") } };
        const NetworkConfig config = { .interfaces = pairs, .n_interfaces = 2 };

        check(config, "somename",
              "loopback\n"
              "physical eth7 -> phy0\n"
              "physical enfoo7 -> enfoo7\n");
}

TEST(macvlan) {
        InterfacePair pairs[] = {
                { text("eth7"), text("eth7") },
                { text("eth8"), NULL },
                { text("eth7"), text("foo0") },
                { text("averylongphys0"), NULL },
        };
        const NetworkConfig config = { .macvlan = pairs, .n_macvlan = 2 };

        check(config, "somename",
              "loopback\n"
              "macvlan eth7 -> mv-eth7 aa:d7:7e:3d:8d:04\n"
              "macvlan eth8 -> mv-eth8 3a:42:be:3c:39:c3\n");
        check((NetworkConfig){ .macvlan = pairs + 2, .n_macvlan = 1 }, "somename",
              "loopback\n"
              "macvlan eth7 -> foo0 aa:d7:7e:3d:8d:04\n");
        check((NetworkConfig){ .macvlan = pairs + 3, .n_macvlan = 1 }, "somename",
              "loopback\n"
              "macvlan averylongphys0 -> mv-averylonQOMY aa:d7:7e:3d:8d:04 altname mv-averylongphys0\n");
}

TEST(ipvlan) {
        InterfacePair pair = { text("eth7"), text("eth7") };

        check((NetworkConfig){ .ipvlan = &pair, .n_ipvlan = 1 }, "somename",
              "loopback\n"
              "ipvlan eth7 -> iv-eth7\n");
}

TEST(conflicting_names) {
        InterfacePair guest_side = { text("vx0"), text("host0") };
        InterfacePair host_side = { text("ve-somename"), text("a") };
        NetworkConfig config = { .private_network = true, .veth = true, .n_veth_extra = 1 };
        NetworkPlan plan;

        config.veth_extra = &guest_side;
        ASSERT_ERR(network_plan(&config, "somename", &facts, &plan), -EEXIST);
        config.veth_extra = &host_side;
        ASSERT_ERR(network_plan(&config, "somename", &facts, &plan), -EEXIST);
        ASSERT_ERR(network_plan(&config, "", &facts, &plan), -EINVAL);
}
