/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config-test.h"
#include "config/names.h"
#include "config/locate.h"
#include "config/resolve.h"
#include "config/settings-file.h"
#include "fd.h"

/* A dot before the random part: a letter after a hyphen could be an option. */
static char directory[] = "/tmp/nspawn-test.XXXXXX";

/* Makes the test's directory on first use and the tree in it. */
static const char *tree(const char *name) {
        static char path[128];

        if (endswith(directory, "XXXXXX"))
                ASSERT_TRUE(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        ASSERT_TRUE(mkdir(path, 0755) >= 0 || errno == EEXIST);
        return path;
}

/* What becomes of this command line (of a tree called "tree" unless it names one) and this file. */
static int resolve_line(const char *line, const char *text, MachineConfig *ret) {
        _cleanup_settings_ Settings cli = {}, file = {};
        _cleanup_free_ char *copy = text ? strdup(text) : NULL;
        bool named = strstr(line, "-D") || strstr(line, "-M") || strstr(line, "-i ") || strstr(line, "--mstack=");
        char with_tree[512];
        int r;

        machine_config_free(ret);
        (void) snprintf(with_tree, sizeof(with_tree), named ? "%s" : "-D %2$s %1$s", line, tree("tree"));
        ASSERT_EQ(parse_line(with_tree, &cli), 1);
        r = config_locate(&cli, (const char *const[]){ "/nonexistent", directory, NULL });
        if (r < 0)
                return r;
        if (copy)
                ASSERT_OK(settings_file_parse("x.nspawn", true, copy, strlen(copy), &file));
        return config_resolve(&cli, text ? &file : NULL, ret);
}

static int locate_alone(const char *line) {
        _cleanup_settings_ Settings cli = {};

        ASSERT_EQ(parse_line(line, &cli), 1);
        return config_locate(&cli, NULL);
}

#define _cleanup_config_ _cleanup_(machine_config_free)

TEST(names) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], host[HOST_NAME_MAX + 1];
        _cleanup_free_ char *clean = NULL;

        ASSERT_OK(resolve_line("", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) tree("my_tree-13.1-");
        ASSERT_OK(resolve_line("-M my-name -b", NULL, &c) == -ENOENT ? 0 : -EIO);
        ASSERT_LOGGED("no directory tree \"my-name\"");
        ASSERT_OK(resolve_line("-M tree -b", NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) snprintf(line, sizeof(line), "-D %s", tree("my_tree-13.1-"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "mytree-13.1");

        (void) snprintf(line, sizeof(line), "-D %s", tree("__"));
        ASSERT_TRUE(resolve_line(line, NULL, &c) < 0);
        ASSERT_LOGGED("cannot make a machine name of \"__\", give one with --machine=");

        (void) snprintf(line, sizeof(line), "-xD %s", tree("tree"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_EQ(strlen(c.source.machine), strlen("tree-0123456789abcdef"));
        ASSERT_TRUE(startswith(c.source.machine, "tree-") && machine_name_is_valid(c.source.machine));
        ASSERT_OK(resolve_line("-xM tree", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");

        ASSERT_OK(resolve_line("-xD /", NULL, &c));
        ASSERT_OK(gethostname(host, sizeof(host)));
        if (machine_name_clean(host, &clean) >= 0 && strlen(clean) <= 47)
                ASSERT_TRUE(startswith(c.source.machine, clean));
}

TEST(symlinks_name_the_machine) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        (void) tree("tree");
        (void) snprintf(line, sizeof(line), "%s/current", directory);
        ASSERT_OK(symlink("tree", line));
        (void) snprintf(line, sizeof(line), "-D %s/current/", directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "current");
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) tree("tree/sub");
        (void) snprintf(line, sizeof(line), "-D %s/tree/sub/..", directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");

        ASSERT_OK(chdir(tree("tree")));
        ASSERT_OK(resolve_line("-D .", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");
        ASSERT_OK(chdir("/"));
}

TEST(templates) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], path[128];

        /* What is not there yet: by path, symlinks on the way resolved; by name, in the first place for machines. */
        (void) tree("template");
        (void) tree("place");
        (void) snprintf(path, sizeof(path), "%s/way", directory);
        ASSERT_OK(symlink("place", path));
        (void) snprintf(line, sizeof(line), "-D %s/way/new_1 --template=%s/template", directory, directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        (void) snprintf(path, sizeof(path), "%s/place/new_1", directory);
        ASSERT_STREQ(c.source.directory, path);
        ASSERT_STREQ(c.source.template, tree("template"));
        ASSERT_STREQ(c.source.machine, "new1");
        ASSERT_OK(resolve_line("-M new --template=t", NULL, &c));
        ASSERT_STREQ(c.source.directory, "/nonexistent/new");
        ASSERT_STREQ(c.source.machine, "new");
        ASSERT_OK(resolve_line("-M tree --template=t", NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("tree"));
        ASSERT_ERR(resolve_line("-D /nonexistent/..", NULL, &c), -ENOENT);

        /* With --ephemeral it is the tree. */
        (void) snprintf(line, sizeof(line), "-x -M a --template=%s", tree("template"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("template"));
        ASSERT_STREQ(c.source.template, NULL);
        ASSERT_STREQ(c.source.machine, "a");

        ASSERT_TRUE(resolve_line("-D /tmp --template=t -x", NULL, &c) < 0);
        ASSERT_LOGGED("--template= cannot be used with --ephemeral");
        ASSERT_TRUE(resolve_line("--template=t", "[Exec]\nEphemeral=yes\n", &c) < 0);
        ASSERT_LOGGED("--template= cannot be used with --ephemeral");
        (void) snprintf(line, sizeof(line), "-i %s/template.raw --template=t", directory);
        (void) snprintf(path, sizeof(path), "%s/template.raw", directory);
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x", 1, 0600));
        ASSERT_TRUE(resolve_line(line, NULL, &c) < 0);
        ASSERT_LOGGED("cannot be used with --image=");
        ASSERT_OK(unlink(path));
        ASSERT_ERR(locate_alone("--template=t"), -EINVAL);
        ASSERT_LOGGED("--template= needs --directory= or --machine=");
}

TEST(images) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], path[128];

        (void) snprintf(path, sizeof(path), "%s/disk_1.raw", directory);
        (void) tree("tree");
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x", 1, 0600));
        (void) snprintf(line, sizeof(line), "-i %s", path);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.image, path);
        ASSERT_STREQ(c.source.directory, NULL);
        ASSERT_STREQ(c.source.machine, "disk1");
        ASSERT_STREQ(source_path(&c.source), path);
        ASSERT_STREQ(c.env.file_systems, "btrfs:erofs:ext4:f2fs:squashfs:vfat:xfs");

        /* By name; a directory of that name comes first. */
        (void) snprintf(line, sizeof(line), "%s/disk-2.raw", directory);
        ASSERT_OK(symlink("disk_1.raw", line));
        ASSERT_OK(resolve_line("-M disk-2", NULL, &c));
        ASSERT_STREQ(c.source.image, path);
        ASSERT_STREQ(c.source.machine, "disk-2");
        (void) tree("disk-2");
        ASSERT_OK(resolve_line("-M disk-2", NULL, &c));
        ASSERT_STREQ(c.source.image, NULL);
        ASSERT_STREQ(c.source.directory, tree("disk-2"));

        (void) snprintf(line, sizeof(line), "-D %s", path);
        ASSERT_ERR(resolve_line(line, NULL, &c), -ENOTDIR);
        ASSERT_LOGGED("disk images go with --image=");
        (void) snprintf(line, sizeof(line), "-i %s", tree("tree"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EISDIR);
        ASSERT_LOGGED("directory trees go with --directory=");
        ASSERT_ERR(resolve_line("-i /dev/null", NULL, &c), -EBADF);
        (void) snprintf(line, sizeof(line), "-i %s -D %s", path, tree("tree"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_LOGGED("--directory=, --image= and --mstack=");
}

TEST(mount_stacks) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        (void) snprintf(line, sizeof(line), "--mstack=%s", tree("st_1.mstack"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st_1.mstack"));
        ASSERT_STREQ(c.source.directory, NULL);
        ASSERT_STREQ(c.source.machine, "st1");
        ASSERT_STREQ(source_path(&c.source), c.source.mstack);

        /* By name; a directory of that name comes first. */
        (void) tree("st-2.mstack");
        ASSERT_OK(resolve_line("-M st-2", NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st-2.mstack"));
        ASSERT_STREQ(c.source.machine, "st-2");
        (void) tree("st-2");
        ASSERT_OK(resolve_line("-M st-2", NULL, &c));
        ASSERT_STREQ(c.source.mstack, NULL);

        /* Versions. */
        (void) tree("st-3.mstack.v");
        (void) tree("st-3.mstack.v/st-3_1.mstack");
        (void) tree("st-3.mstack.v/st-3_2.mstack");
        ASSERT_OK(resolve_line("-M st-3", NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st-3.mstack.v/st-3_2.mstack"));
        (void) snprintf(line, sizeof(line), "--mstack=%s", tree("st-3.mstack.v"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "st-3");

        (void) snprintf(line, sizeof(line), "--mstack=%s -x", tree("st-2.mstack"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_LOGGED("--ephemeral cannot be used with --mstack=");
        (void) snprintf(line, sizeof(line), "--mstack=%s -D /", tree("st-2.mstack"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_ERR(resolve_line("--mstack=/dev/null", NULL, &c), -ENOTDIR);
        ASSERT_LOGGED("as mount stack");
}

TEST(name_validity) {
        static const char *const bad[] = {
                "",         ".",    "-",
                "a.",       ".a",   "a-",
                "-a",       "a..b", "a.-b",
                "a-.b",     "a b",  "a_b",
                "\xc3\xa4", "a/b",  "0123456789012345678901234567890123456789012345678901234567890123X"
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_TRUE(!machine_name_is_valid(bad[i]));
        ASSERT_TRUE(machine_name_is_valid("a--b.C-1"));
        ASSERT_TRUE(machine_name_is_valid("obsbuild.123"));
        ASSERT_TRUE(
                machine_name_is_valid("0123456789012345678901234567890123456789012345678901234567890123"));
}

TEST(missing_tree) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        ASSERT_ERR(resolve_line("-D /nonexistent/tree", NULL, &c), -ENOENT);
        ASSERT_LOGGED("cannot use /nonexistent/tree as root directory: No such file");
        ASSERT_ERR(resolve_line("-D /etc/passwd", NULL, &c), -ENOTDIR);
        (void) snprintf(line, sizeof(line), "-D %s", "/dev/null");
        ASSERT_ERR(resolve_line(line, NULL, &c), -ENOTDIR);
}

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

        ASSERT_OK(resolve_line("--settings=override --hostname=cli -E A=cli --rlimit=NOFILE=5 --rlimit=CPU=1",
                               file, &c));
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

        ASSERT_OK(resolve_line("--drop-capability=cap_chown", "[Exec]\nCapability=all\nNoNewPrivileges=1\n",
                               &c));
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

        ASSERT_OK(resolve_line("-b -E A=0 -- 3 systemd.unit=x.target A=1 foo-bar=2 =x 1=2 quiet rd.break",
                               NULL, &c));
        assert_strv(c.payload.argv, "3|systemd.unit=x.target|=x|1=2|quiet|rd.break");
        assert_strv(c.payload.environment, "A=1|foo_bar=2");
        ASSERT_OK(resolve_line("-a -- env A=1", NULL, &c));
        assert_strv(c.payload.argv, "env|A=1");
}

TEST(refusals) {
        static const struct {
                const char *line, *message, *api_writable;
        } cases[] = {
                { "-a -b", "--boot and --as-pid2" },
                { "--user", "--user needs --private-users=managed" },
                { "-D /", "the host's own root directory" },
                { "-D / --volatile=overlay", "the host's own root directory" },
                { "-x --link-journal=host", "--ephemeral cannot be used with --link-journal=" },
                { "-x --link-journal=guest", "--ephemeral cannot be used with --link-journal=" },
                { "--root-hash=00112233445566778899aabbccddeeff", "are for disk images only" },
                { "--image-key-file=/key", "are for disk images only" },
                { "--network-bridge=a --network-zone=b", "--network-bridge= and --network-zone=" },
                { "--network-namespace-path=/x -n", "--network-namespace-path=" },
                { "--network-namespace-path=/x --network-macvlan=e", "--network-namespace-path=" },
                { "-b --ambient-capability=cap_chown", "--ambient-capability= is of no use when booting" },
                { "--ambient-capability=cap_sys_time", "a capability that the machine does not have" },
                { "--ambient-capability=cap_chown --drop-capability=cap_chown", "the machine does not have" },
                { "-U", "cannot be used with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes", "yes" },
                { "--private-users=identity -n", "cannot be used with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes", "yes" },
                { "-U", "needs --private-network or another", "network" },
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
                if (cases[i].api_writable)
                        (void) setenv("SYSTEMD_NSPAWN_API_VFS_WRITABLE", cases[i].api_writable, 1);
                if (resolve_line(cases[i].line, NULL, &c) >= 0)
                        TEST_FAIL("%s is accepted", cases[i].line);
                (void) unsetenv("SYSTEMD_NSPAWN_API_VFS_WRITABLE");
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

TEST(cleanup) {
        _cleanup_config_ MachineConfig c = {};
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(resolve_line("--cleanup -M gone", NULL, &c));
        ASSERT_TRUE(c.source.cleanup && !c.source.directory);
        ASSERT_STREQ(c.source.machine, "gone");
        ASSERT_EQ(parse_line("--cleanup", &s), 1);
        ASSERT_ERR(config_locate(&s, NULL), -EINVAL);
        ASSERT_LOGGED("--cleanup needs --machine=, --directory=, --image= or --mstack=");
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
        ASSERT_OK(remove_tree_at(AT_FDCWD, directory));
}

TEST_MAIN
