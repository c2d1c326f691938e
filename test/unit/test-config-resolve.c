/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>
#include <sys/un.h>

#include "config-resolve-test.h"

TEST(command_line_beats_file) {
        _cleanup_config_ MachineConfig c = {};
        static const char file[] = "[Exec]\nHostname=file\nUser=joe\nEnvironment=A=file\nEnvironment=B=file\n"
                                   "LimitNOFILE=1:2\nLimitCORE=3\nTimezone=off\n";

        ASSERT_OK(resolve_line("--hostname=cli -E A=cli --rlimit=NOFILE=5", file, &c));
        ASSERT_STREQ(c.identity.hostname, "cli");
        ASSERT_STREQ(c.payload.user, "joe");
        assert_strv(c.payload.environment, "A=cli");
        ASSERT_EQ(c.security.rlimit[RLIMIT_NOFILE].soft, 5);
        ASSERT_EQ(c.security.rlimit[RLIMIT_CORE].soft, 3);
        ASSERT_EQ(c.integration.timezone, TIMEZONE_OFF);

        ASSERT_OK(resolve_line("--settings=override --hostname=cli -E A=cli --rlimit=NOFILE=5 --rlimit=CPU=1", file,
                               &c));
        ASSERT_STREQ(c.identity.hostname, "file");
        assert_strv(c.payload.environment, "A=file|B=file");
        ASSERT_EQ(c.security.rlimit[RLIMIT_NOFILE].soft, 1);
        ASSERT_EQ(c.security.rlimit[RLIMIT_CPU].soft, 1);
}

TEST(masks) {
        _cleanup_config_ MachineConfig c = {};
        static const char mounts[] = "[Files]\nBind=/a\nTemporaryFileSystem=/b\nReadOnly=yes\n";
        static const char network[] = "[Network]\nZone=work\nMACVLAN=eth0\n";

        ASSERT_OK(resolve_line("", mounts, &c));
        ASSERT_EQ(c.mounts.n_items, 2);
        ASSERT_OK(resolve_line("--inaccessible=/c", mounts, &c));
        ASSERT_EQ(c.mounts.n_items, 1);
        ASSERT_TRUE(c.source.read_only);

        ASSERT_OK(resolve_line("", network, &c));
        ASSERT_TRUE(c.network.private_network && c.network.veth && c.network.n_macvlan == 1);
        ASSERT_OK(resolve_line("--network-bridge=br0", network, &c));
        ASSERT_TRUE(c.network.bridge && !c.network.zone && c.network.n_macvlan == 0);
        ASSERT_OK(resolve_line("--private-network=no", network, &c));
        ASSERT_TRUE(!c.network.private_network && !c.network.veth);

        /* The unit's --network-veth against a file that wants none. */
        ASSERT_OK(resolve_line("--settings=override -n", "[Network]\nVirtualEthernet=no\n", &c));
        ASSERT_TRUE(!c.network.veth && !c.network.private_network);
        ASSERT_OK(resolve_line("--settings=override -n", "[Network]\nInterface=eth0\n", &c));
        ASSERT_TRUE(!c.network.veth && c.network.n_interfaces == 1);
        ASSERT_OK(resolve_line("--settings=override -n", "[Exec]\nBoot=no\n", &c));
        ASSERT_TRUE(c.network.veth && c.network.private_network);

        ASSERT_OK(resolve_line("--drop-capability=cap_chown", "[Exec]\nCapability=all\nNoNewPrivileges=1\n", &c));
        ASSERT_TRUE(c.security.capability_add == 0 && c.security.no_new_privileges);
}

TEST(start) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(resolve_line("", "[Exec]\nBoot=yes\nParameters=3\n", &c));
        ASSERT_EQ(c.payload.mode, START_BOOT);
        assert_strv(c.payload.argv, "3");
        ASSERT_OK(resolve_line("ls", "[Exec]\nBoot=yes\nParameters=3\n", &c));
        ASSERT_EQ(c.payload.mode, START_COMMAND);
        assert_strv(c.payload.argv, "ls");
        ASSERT_OK(resolve_line("-a", "[Exec]\nBoot=yes\n", &c));
        ASSERT_EQ(c.payload.mode, START_STUB);
        ASSERT_OK(resolve_line("", "[Exec]\nBoot=no\nProcessTwo=yes\nParameters=ls\n", &c));
        ASSERT_EQ(c.payload.mode, START_STUB);
        ASSERT_OK(resolve_line("-b", NULL, &c));
        ASSERT_EQ(c.payload.mode, START_BOOT);
}

TEST(boot_arguments) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(resolve_line("-b -E A=0 -- 3 systemd.unit=x.target A=1 foo-bar=2 =x 1=2 quiet rd.break", NULL, &c));
        assert_strv(c.payload.argv, "3|systemd.unit=x.target|=x|1=2|quiet|rd.break");
        assert_strv(c.payload.environment, "A=1|foo_bar=2");
        ASSERT_OK(resolve_line("-a -- env A=1", NULL, &c));
        assert_strv(c.payload.argv, "env|A=1");
}

TEST(forwarded_journal) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(resolve_line("-b --forward-journal=/j --set-credential=a:b", NULL, &c));
        ASSERT_EQ(c.credentials.n_items, 2);
        ASSERT_STREQ(c.credentials.items[1].id, "journal.forward_to_socket");
        ASSERT_EQ(c.credentials.items[1].size, strlen("/run/host/journal/socket"));
        ASSERT_EQ(memcmp(c.credentials.items[1].data, "/run/host/journal/socket", c.credentials.items[1].size), 0);
        ASSERT_OK(resolve_line("-b", NULL, &c));
        ASSERT_EQ(c.credentials.n_items, 0);
}

TEST(refusals) {
        static const struct {
                const char *line, *message, *variable;
        } cases[] = {
                { "-a -b", "--boot and --as-pid2" },
                { "--user", "--user needs --private-users=managed" },
                { "--share-system", "cannot share the host's processes" },
                { "", "cannot share the host's processes", .variable = "SYSTEMD_NSPAWN_SHARE_NS_PID=1" },
                { "", "cannot share the host's processes", .variable = "SYSTEMD_NSPAWN_SHARE_SYSTEM=1" },
                { "-b", "unset $SYSTEMD_NSPAWN_SHARE_NS_UTS", .variable = "SYSTEMD_NSPAWN_SHARE_NS_UTS=1" },
                { "--hostname=x", "unset $SYSTEMD_NSPAWN_SHARE_NS_UTS", .variable = "SYSTEMD_NSPAWN_SHARE_NS_UTS=1" },
                { "-D /", "the host's own root directory" },
                { "-D / --volatile=overlay", "the host's own root directory" },
                { "-x --link-journal=host", "--ephemeral cannot be used with --link-journal=" },
                { "-x --link-journal=guest", "--ephemeral cannot be used with --link-journal=" },
                { "--forward-journal-max-use=1G", "of no use without --forward-journal=" },
                { "--forward-journal-keep-free=0", "of no use without --forward-journal=" },
                { "--forward-journal=/j --set-credential=journal.forward_to_socket:x",
                  "sets the credential journal." },
                { "--root-hash=00112233445566778899aabbccddeeff", "are for disk images only" },
                { "--image-key-file=/key", "are for disk images only" },
                { "--network-bridge=a --network-zone=b", "--network-bridge= and --network-zone=" },
                { "--network-namespace-path=/x -n", "--network-namespace-path=" },
                { "--network-namespace-path=/x --network-macvlan=e", "--network-namespace-path=" },
                { "-b --ambient-capability=cap_chown", "--ambient-capability= is of no use when booting" },
                { "--ambient-capability=cap_sys_time", "a capability that the machine does not have" },
                { "--ambient-capability=cap_chown --drop-capability=cap_chown", "the machine does not have" },
                { "-U", "cannot be used with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes",
                  .variable = "SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes" },
                { "--private-users=identity -n", "cannot be used with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes",
                  .variable = "SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes" },
                { "-U", "needs --private-network or another", .variable = "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network" },
                { "--bind-user-shell=yes", "of no use without --bind-user=" },
                { "--bind-user-group=wheel", "of no use without --bind-user=" },
                { "-U --private-users-chown --read-only", "--private-users-ownership=chown writes to the tree" },
                { "-U --private-users-chown --volatile", "--private-users-ownership=chown writes to the tree" },
                { "-Ux --private-users-ownership=chown", "--private-users-ownership=chown writes to the tree" },
        };
        static const char *const good[] = {
                "-xD /",
                "-D / --volatile",
                "-D / --volatile=state",
                "-x --link-journal=try-host",
                "-x -j",
                "-x --forward-journal=/j --set-credential=journal.storage:volatile -j",
                "-Ux --private-users-ownership=auto",
                "-U --private-users-chown",
                "--bind-user=joe --bind-user-shell=no --bind-user-group=wheel",
                "--bind-user-shell=no",
                "--network-namespace-path=/x --private-network",
                "--ambient-capability=cap_sys_time --capability=cap_sys_time",
                "--ambient-capability=cap_sys_time --capability=all",
                "--ambient-capability=cap_net_admin --private-network",
        };
        _cleanup_config_ MachineConfig c = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *variable = cases[i].variable ? strdup(cases[i].variable) : NULL;

                if (variable)
                        (void) putenv(variable);
                if (resolve_line(cases[i].line, NULL, &c) >= 0)
                        TEST_FAIL("%s is accepted", cases[i].line);
                if (variable) {
                        *strchr(variable, '=') = 0;
                        (void) unsetenv(variable);
                }
                ASSERT_LOGGED(cases[i].message);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (resolve_line(good[i], NULL, &c) < 0)
                        TEST_FAIL("%s is refused: %s", good[i], logged);
        ASSERT_ERR(resolve_line("", "[Exec]\nBoot=yes\nProcessTwo=yes\n", &c), -EINVAL);
}

TEST(users) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(resolve_line("", NULL, &c));
        ASSERT_TRUE(c.users.range.mode == USERS_NO && c.users.ownership == OWNERSHIP_OFF);
        ASSERT_OK(resolve_line("-U", NULL, &c));
        ASSERT_TRUE(c.users.range.mode == USERS_PICK && c.users.range.if_supported);
        ASSERT_EQ(c.users.ownership, OWNERSHIP_AUTO);
        ASSERT_OK(resolve_line("--private-users --private-users-ownership=map", NULL, &c));
        ASSERT_TRUE(c.users.range.mode == USERS_YES && !c.users.range.if_supported);
        ASSERT_EQ(c.users.ownership, OWNERSHIP_MAP);
        ASSERT_OK(resolve_line("--private-users=0", NULL, &c));
        ASSERT_EQ(c.users.range.mode, USERS_NO);
        ASSERT_OK(resolve_line("--private-users=0:5", NULL, &c));
        ASSERT_TRUE(c.users.range.mode == USERS_FIXED && c.users.range.base == 0 && c.users.range.count == 5);
        ASSERT_OK(resolve_line("--private-users=524288", NULL, &c));
        ASSERT_TRUE(c.users.range.base == 524288 && c.users.range.count == 65536);
        ASSERT_EQ(c.users.ownership, OWNERSHIP_OFF);
        ASSERT_OK(resolve_line("--private-users=identity", NULL, &c));
        ASSERT_EQ(c.users.range.mode, USERS_IDENTITY);

        ASSERT_OK(resolve_line("", "[Exec]\nPrivateUsers=pick\n[Files]\nPrivateUsersOwnership=off\n", &c));
        ASSERT_TRUE(c.users.range.mode == USERS_PICK && c.users.ownership == OWNERSHIP_OFF);
        /* one of the two on the command line hides both in the file */
        ASSERT_OK(resolve_line("-U", "[Exec]\nPrivateUsers=no\n[Files]\nPrivateUsersOwnership=off\n", &c));
        ASSERT_TRUE(c.users.range.mode == USERS_PICK && c.users.ownership == OWNERSHIP_AUTO);
        ASSERT_OK(resolve_line("-U --settings=override", "[Exec]\nPrivateUsers=no\n", &c));
        ASSERT_EQ(c.users.range.mode, USERS_NO);
}

TEST(implications) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(resolve_line("", NULL, &c));
        ASSERT_TRUE(!c.network.private_network && !c.source.read_only);
        ASSERT_OK(resolve_line("--network-macvlan=eth0", NULL, &c));
        ASSERT_TRUE(c.network.private_network && !c.network.veth);
        ASSERT_OK(resolve_line("--network-namespace-path=/x", NULL, &c));
        ASSERT_TRUE(c.network.private_network);
        ASSERT_OK(resolve_line("--volatile", NULL, &c));
        ASSERT_TRUE(c.source.read_only && c.source.volatile_mode == VOLATILE_YES);
        ASSERT_OK(resolve_line("--tmpfs=/", NULL, &c));
        ASSERT_TRUE(c.source.read_only);
}

TEST(environment_variables) {
        _cleanup_config_ MachineConfig c = {};

        ASSERT_OK(setenv("SYSTEMD_SUPPRESS_SYNC", "1", 1));
        ASSERT_OK(setenv("SYSTEMD_NSPAWN_TMPFS_TMP", "0", 1));
        ASSERT_OK(setenv("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network", 1));
        ASSERT_OK(setenv("SYSTEMD_NSPAWN_NETWORK_MAC", "02:00:00:aB:cd:eF", 1));
        ASSERT_OK(setenv("SYSTEMD_SECCOMP", "0", 1));
        ASSERT_OK(resolve_line("", NULL, &c));
        ASSERT_TRUE(c.security.suppress_sync && !c.env.tmpfs_tmp && !c.env.seccomp && c.env.lock);
        ASSERT_EQ(c.env.api_vfs_writable, API_VFS_WRITABLE_NETWORK);
        ASSERT_TRUE(c.env.network_mac_set && c.env.network_mac[5] == 0xef);
        ASSERT_OK(resolve_line("--suppress-sync=no", NULL, &c));
        ASSERT_TRUE(!c.security.suppress_sync);
        ASSERT_OK(resolve_line("", "[Exec]\nSuppressSync=no\n", &c));
        ASSERT_TRUE(!c.security.suppress_sync);

        ASSERT_OK(setenv("SYSTEMD_NSPAWN_TMPFS_TMP", "maybe", 1));
        ASSERT_ERR(resolve_line("", NULL, &c), -EINVAL);
        ASSERT_LOGGED("$SYSTEMD_NSPAWN_TMPFS_TMP: \"maybe\" is not yes or no");
        ASSERT_OK(unsetenv("SYSTEMD_NSPAWN_TMPFS_TMP"));
        ASSERT_OK(unsetenv("SYSTEMD_SUPPRESS_SYNC"));
        ASSERT_OK(unsetenv("SYSTEMD_SECCOMP"));
        ASSERT_OK(setenv("SYSTEMD_NSPAWN_NETWORK_MAC", "03:00:00:aB:cd:eF", 1));
        ASSERT_ERR(resolve_line("", NULL, &c), -EINVAL);
        ASSERT_OK(unsetenv("SYSTEMD_NSPAWN_NETWORK_MAC"));
}

TEST(credentials) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], path[128];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        (void) snprintf(path, sizeof(path), "%s/secret", tree("tree"));
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x\0y", 3, 0600));
        (void) snprintf(line, sizeof(line), "--load-credential=a:%s --set-credential=b:1", path);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_EQ(c.credentials.n_items, 2);
        ASSERT_EQ(c.credentials.items[0].size, 3);
        ASSERT_TRUE(memcmp(c.credentials.items[0].data, "x\0y", 3) == 0);

        ASSERT_TRUE(resolve_line("--load-credential=a:/nonexistent", NULL, &c) < 0);
        ASSERT_LOGGED("cannot load credential a from /nonexistent: No such file");
        ASSERT_TRUE(resolve_line("--load-credential=a:/dev/zero", NULL, &c) < 0);
        ASSERT_TRUE(resolve_line("--load-credential=a:/etc", NULL, &c) < 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", tree("tree"));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_OK(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        ASSERT_OK(listen(fd, 1));
        if (fork() == 0) {
                int peer = accept(fd, NULL, NULL);
                _exit(write(peer, "from a socket", 13) == 13 ? 0 : 1);
        }
        (void) snprintf(line, sizeof(line), "--load-credential=a:%s", address.sun_path);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_EQ(c.credentials.items[0].size, 13);
}

TEST_MAIN
