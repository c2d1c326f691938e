/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What forwarded ports change on the host, in a network namespace and a /run of the test's own. Needs root, and a
 * kernel with nf_tables. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fd.h"
#include "host/localnet.h"
#include "host/nftables.h"
#include "host/port-claim.h"
#include "host/runtime-directory.h"
#include "ip-address.h"
#include "log.h"
#include "netlink.h"
#include "netns.h"

TEST_MAIN_FOR_ROOT

static char logged[4096];

static void keep_log(int level, const char *text, void *userdata) {
        size_t n = strlen(logged);

        (void) level, (void) userdata;
        (void) snprintf(logged + n, sizeof(logged) - n, "%s\n", text);
}

static void run(const char *command) {
        if (system(command) != 0)
                TEST_FAIL("%s", command);
}

static void enter(void) {
        static bool done;

        if (done)
                return;
        enter_test_host();
        run("ip link set lo up && ip link add br0 type bridge && ip address add 10.0.0.1/24 dev br0");
        log_set_sink(keep_log, NULL);
        done = true;
}

/* — route_localnet — */

static int machine_directory(const char *name) {
        char path[64];

        (void) mkdir(RUNTIME_ROOT, 0755);
        (void) snprintf(path, sizeof(path), RUNTIME_ROOT "/%s", name);
        (void) mkdir(path, 0755);
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool localnet_is_on(void) {
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};

        ASSERT_OK(netlink_open(&nl));
        ASSERT_OK(netlink_find(nl, 0, "br0", &info));
        return info.localnet;
}

static void set_localnet(bool on) {
        _cleanup_netlink_ Netlink *nl = NULL;

        ASSERT_OK(netlink_open(&nl));
        netlink_change(nl, (int) if_nametoindex("br0"), &(LinkChange){ .localnet_on = on, .localnet_off = !on });
        ASSERT_OK(netlink_flush(nl));
}

TEST(two_machines) {
        _cleanup_close_ int a_fd = -EBADF, b_fd = -EBADF;
        Localnet a = LOCALNET_NONE, b = LOCALNET_NONE;
        int br0;

        enter();
        br0 = (int) if_nametoindex("br0");
        a_fd = machine_directory("a");
        b_fd = machine_directory("b");
        ASSERT_OK(localnet_enable(a_fd, br0, &a));
        ASSERT_TRUE(localnet_is_on());
        ASSERT_OK(localnet_enable(b_fd, br0, &b));
        ASSERT_OK(localnet_disable(&a));
        ASSERT_TRUE(localnet_is_on());
        ASSERT_OK(localnet_disable(&a)); /* once is enough */
        ASSERT_OK(localnet_disable(&b));
        ASSERT_TRUE(!localnet_is_on());
}

TEST(the_administrators) {
        _cleanup_close_ int a_fd = -EBADF;
        Localnet a = LOCALNET_NONE;

        enter();
        a_fd = machine_directory("a");
        set_localnet(true);
        ASSERT_OK(localnet_enable(a_fd, (int) if_nametoindex("br0"), &a));
        ASSERT_OK(localnet_disable(&a));
        ASSERT_TRUE(localnet_is_on());
        set_localnet(false);
}

/* A machine that was killed: closing its lock is all that happens. */
TEST(dead_machines) {
        _cleanup_close_ int a_fd = -EBADF, b_fd = -EBADF;
        Localnet a = LOCALNET_NONE, b = LOCALNET_NONE;
        int br0;

        enter();
        br0 = (int) if_nametoindex("br0");
        a_fd = machine_directory("a");
        b_fd = machine_directory("b");
        ASSERT_OK(localnet_enable(a_fd, br0, &a));
        lock_file_forget(&a.lock);
        ASSERT_TRUE(localnet_is_on());
        ASSERT_OK(localnet_enable(b_fd, br0, &b)); /* the heir */
        ASSERT_OK(localnet_remove_recorded(a_fd));
        ASSERT_TRUE(localnet_is_on());
        ASSERT_OK(localnet_disable(&b));
        ASSERT_TRUE(!localnet_is_on());

        ASSERT_OK(localnet_enable(a_fd, br0, &a));
        lock_file_forget(&a.lock);
        ASSERT_OK(localnet_remove_recorded(a_fd));
        ASSERT_TRUE(!localnet_is_on());
        ASSERT_OK(localnet_remove_recorded(a_fd));
        ASSERT_EQ(access(RUNTIME_ROOT "/.localnet", F_OK), -1);
}

TEST(link_is_gone) {
        _cleanup_close_ int a_fd = -EBADF;
        Localnet a = LOCALNET_NONE;

        enter();
        a_fd = machine_directory("a");
        run("ip link add br1 type bridge");
        ASSERT_OK(localnet_enable(a_fd, (int) if_nametoindex("br1"), &a));
        run("ip link del br1");
        ASSERT_OK(localnet_disable(&a));
        run("test -z \"$(find " RUNTIME_ROOT " -name '.localnet*')\"");
}

/* — nftables — */

TEST(tables) {
        char reason[160];

        enter();
        ASSERT_OK(nftables_load());
        ASSERT_OK(nftables_run("table inet t { chain c { type nat hook prerouting priority -100\n }\n }\n", reason,
                               sizeof(reason)));
        run("nft list table inet t >/dev/null");
        ASSERT_EQ(nftables_has_table("t"), 1);
        ASSERT_EQ(nftables_has_table("tt"), 0);
        ASSERT_OK(nftables_delete_table("t"));
        ASSERT_EQ(nftables_has_table("t"), 0);
        run("! nft list table inet t 2>/dev/null");
        ASSERT_OK(nftables_delete_table("t"));
}

/* All or nothing, and a reason in one line. */
TEST(wrong_rules) {
        char reason[160];

        enter();
        ASSERT_OK(nftables_load());
        ASSERT_ERR(nftables_run("table inet t { chain c { ", reason, sizeof(reason)), -EIO);
        ASSERT_TRUE(startswith(reason, "syntax error"));
        ASSERT_TRUE(!strchr(reason, '\n'));
        ASSERT_ERR(nftables_run("add table inet t\nadd rule inet t nowhere accept\n", reason, sizeof(reason)), -EIO);
        ASSERT_TRUE(strstr(reason, "No such file or directory"));
        run("! nft list table inet t 2>/dev/null");
}

/* — claims — */

static IpAddress address(const char *text) {
        IpAddress a = {};

        if (text)
                ASSERT_OK(ip_address_parse(strchr(text, ':') ? AF_INET6 : AF_INET, text, &a));
        return a;
}

static int claim(UndoLog *undo, uint8_t protocol, const char *at, uint16_t port) {
        PortForward p = { protocol, address(at), port, 80 };

        logged[0] = 0;
        return port_claims_take(&(NetworkConfig){ .ports = &p, .n_ports = 1 }, undo);
}

static int listen_on(const char *at, uint16_t port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address(at).v4 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
        if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 1) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

TEST(claims) {
        UndoLog first = {}, second = {};
        int fd;

        enter();
        ASSERT_OK(claim(&first, IPPROTO_TCP, NULL, 8080));
        ASSERT_ERR(claim(&second, IPPROTO_TCP, NULL, 8080), -EADDRINUSE);
        ASSERT_TRUE(strstr(logged, "--port=: another program or machine uses the host's tcp port 8080 on"));
        ASSERT_ERR(claim(&second, IPPROTO_TCP, "10.0.0.1", 8080), -EADDRINUSE);
        ASSERT_ERR(listen_on("10.0.0.1", 8080), -EADDRINUSE);
        ASSERT_OK(claim(&second, IPPROTO_UDP, NULL, 8080));
        ASSERT_ERR(claim(&second, IPPROTO_UDP, "10.0.0.1", 8080), -EADDRINUSE);
        undo_run(&first);
        undo_run(&second);
        ASSERT_OK(fd = listen_on("10.0.0.1", 8080));
        ASSERT_ERR(claim(&first, IPPROTO_TCP, NULL, 8080), -EADDRINUSE);
        ASSERT_TRUE(strstr(logged, "tcp port 8080 on 10.0.0.1"));
        undo_run(&first);
        ASSERT_OK(claim(&first, IPPROTO_TCP, "127.0.0.1", 8080));
        ASSERT_OK(claim(&first, IPPROTO_TCP, "2001:db8::1", 8080)); /* which this host has not, yet */
        undo_run(&first);
        close(fd);
}

/* What is not forwarded does not count; and all others are then claimed each. */
TEST(resolver) {
        UndoLog undo = {};
        int fd;

        enter();
        ASSERT_OK(fd = listen_on("127.0.0.53", 53));
        ASSERT_OK(claim(&undo, IPPROTO_TCP, NULL, 53));
        ASSERT_ERR(listen_on("10.0.0.1", 53), -EADDRINUSE);
        ASSERT_ERR(listen_on("127.0.0.1", 53), -EADDRINUSE);
        undo_run(&undo);
        close(fd);
}
