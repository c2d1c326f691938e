/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-test.h"
#include "config/settings-file.h"
#include "fd.h"

static int parse_text(const char *text, bool trusted, Settings *ret) {
        _cleanup_free_ char *copy = strdup(text);

        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        return settings_file_parse("x.nspawn", trusted, copy, strlen(copy), ret);
}

TEST(keys) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text("[Exec]\n"
                             "Boot=yes\n"
                             "Parameters=a \"b c\" \\\n d\n"
                             "Environment=A=1 \"B=2 3\"\n"
                             "Environment=C=4\n"
                             "Capability=CAP_NET_ADMIN CAP_SYS_TIME\n"
                             "DropCapability=cap_mknod\n"
                             "SystemCallFilter=@keyring bpf\n"
                             "SystemCallFilter=~ptrace\n"
                             "LimitNOFILE=1024:2048\n"
                             "LimitNICE=+5\n"
                             "CPUAffinity=0 2-3\n"
                             "StopTimeout=2min\n"
                             "[Files]\n"
                             "Volatile=state\n"
                             "Bind=/srv:/srv:idmap\n"
                             "TemporaryFileSystem=/x\n"
                             "[Network]\n"
                             "VirtualEthernet=no\n"
                             "Interface=eth1 eth2:lan\n"
                             "Zone=work\n",
                             true, &s));
        ASSERT_NOT_LOGGED();
        ASSERT_TRUE(s.boot);
        assert_strv(s.value.payload.argv, "a|b c|d");
        assert_strv(s.value.payload.environment, "A=1|B=2 3|C=4");
        ASSERT_TRUE(s.value.security.capability_add == (UINT64_C(1) << 12 | UINT64_C(1) << 25));
        assert_strv(s.value.security.syscall_allow, "@keyring|bpf");
        assert_strv(s.value.security.syscall_deny, "ptrace");
        ASSERT_EQ(s.value.security.rlimit[RLIMIT_NOFILE].hard, 2048);
        ASSERT_EQ(s.value.security.rlimit[RLIMIT_NICE].hard, 15);
        ASSERT_EQ(CPU_COUNT(&s.value.security.cpu_affinity), 3);
        ASSERT_EQ(s.value.payload.stop_timeout_usec, 120 * USEC_PER_SEC);
        ASSERT_EQ(s.value.source.volatile_mode, VOLATILE_STATE);
        ASSERT_EQ(s.value.mounts.n_items, 2);
        ASSERT_EQ(s.value.network.n_interfaces, 2);
        ASSERT_STREQ(s.value.network.zone, "work");
        ASSERT_TRUE(settings_has(&s, value.network.veth) && !s.value.network.veth);
}

TEST(untrusted) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text("[Exec]\n"
                             "Boot=yes\n"
                             "Ephemeral=yes\n"
                             "Capability=all\n"
                             "AmbientCapability=cap_chown\n"
                             "DropCapability=cap_mknod\n"
                             "MachineID=01234567012345670123456701234567\n"
                             "PrivateUsers=no\n"
                             "SystemCallFilter=@raw-io\n"
                             "SystemCallFilter=~ptrace\n"
                             "LimitCORE=infinity\n"
                             "OOMScoreAdjust=-1000\n"
                             "CPUAffinity=0\n"
                             "LinkJournal=host\n"
                             "NoNewPrivileges=yes\n"
                             "RestrictAddressFamilies=AF_UNIX\n"
                             "[Files]\n"
                             "ReadOnly=yes\n"
                             "Bind=/\n"
                             "Overlay=/etc:/etc\n"
                             "[Network]\n"
                             "Private=no\n"
                             "NamespacePath=/proc/1/ns/net\n",
                             false, &s));
        for (unsigned line = 3; line <= 23; line++) {
                bool kept = line == 6 || line == 10 || (line >= 15 && line <= 18) || line == 21;
                char where[32];

                (void) snprintf(where, sizeof(where), "x.nspawn:%u:", line);
                if (kept == !!strstr(logged, where))
                        TEST_FAIL("line %u: %s", line, logged);
        }
        ASSERT_LOGGED("x.nspawn:4: Capability= needs a file in /etc/systemd/nspawn or --settings=trusted");
        ASSERT_TRUE(s.boot && s.value.source.read_only && s.value.security.no_new_privileges);
        ASSERT_TRUE(!s.value.source.ephemeral && s.value.security.capability_add == 0);
        ASSERT_TRUE(s.value.security.address_families.restricted);
        ASSERT_EQ(s.value.mounts.n_items, 0);
        ASSERT_TRUE(!s.value.security.syscall_allow && !s.value.network.namespace_path);
        assert_strv(s.value.security.syscall_deny, "ptrace");
        ASSERT_TRUE(!settings_has(&s, value.network.private_network) && !settings_has(&s, value.mounts));
}

TEST(odd_lines) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text("Boot=yes\n[Exec]\nBoo=yes\nfoo\n[Files]\nBoot=yes\n[X-Mine]\nA=b\n", true, &s));
        ASSERT_LOGGED("x.nspawn:1: this is no assignment within a section");
        ASSERT_LOGGED("x.nspawn:3: there is no setting Boo= in section [Exec]");
        ASSERT_LOGGED("x.nspawn:4: this is no assignment");
        ASSERT_LOGGED("x.nspawn:6: there is no setting Boot= in section [Files]");
        ASSERT_TRUE(!settings_has(&s, boot));
}

TEST(bad_values) {
        static const struct {
                const char *text, *message;
        } cases[] = {
                { "[Exec]\nDropCapability=cap_chown cap_typo\n", "x.nspawn:2: DropCapability=: \"cap_typo\" is not" },
                { "[Exec]\nParameters=a 'b\n", "x.nspawn:2: Parameters=: \"a 'b\" has an open quote" },
                { "[Exec]\n\nLimitCPU=x\n", "x.nspawn:3: LimitCPU=: \"CPU=x\" is not a resource limit" },
                { "[Exec]\nPrivateUsers=managed\n",
                  "x.nspawn:2: PrivateUsers=: \"managed\" takes users from systemd-nsresourced, which needs a kernel "
                  "with BPF-LSM; this program cannot do that: use pick" },
                { "[Exec]\nEnvironment=HOME\n", "x.nspawn:2: Environment=: \"HOME\" is not an assignment" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};

                ASSERT_TRUE(parse_text(cases[i].text, true, &s) < 0);
                ASSERT_LOGGED(cases[i].message);
        }
}

TEST(empty_resets) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text("[Exec]\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\nHostname=x\nHostname=\n", true,
                             &s));
        assert_strv(s.value.payload.environment, "B=2");
        ASSERT_TRUE(!settings_has(&s, value.identity.hostname) && !s.value.identity.hostname);
}

/* — finding it — */

static char directory[] = "/tmp/nspawn-test-XXXXXX";

static void make_file(const char *name, const char *text) {
        _cleanup_close_ int fd = open(directory, O_DIRECTORY | O_CLOEXEC);

        (void) unlinkat(fd, name, 0);
        ASSERT_OK(write_new_file_at(fd, name, text, strlen(text), 0644));
}

static int load(SettingsMode mode, Settings *ret) {
        char first[64], second[64], parent[64];
        const char *const trusted[] = { first, second, NULL };

        (void) snprintf(first, sizeof(first), "%s/missing", directory);
        (void) snprintf(second, sizeof(second), "%s/trusted", directory);
        (void) snprintf(parent, sizeof(parent), "%s/beside", directory);
        settings_free(ret);
        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        return config_load_file("m", parent, mode, trusted, ret);
}

TEST(search) {
        _cleanup_settings_ Settings s = {};
        char path[64];

        ASSERT_TRUE(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/trusted", directory);
        ASSERT_OK(mkdir(path, 0755));
        (void) snprintf(path, sizeof(path), "%s/beside", directory);
        ASSERT_OK(mkdir(path, 0755));

        ASSERT_EQ(load(SETTINGS_YES, &s), 0);

        make_file("beside/m.nspawn", "[Exec]\nCapability=all\nHostname=beside\n");
        ASSERT_EQ(load(SETTINGS_NO, &s), 0);
        ASSERT_EQ(load(SETTINGS_YES, &s), 1);
        ASSERT_STREQ(s.value.identity.hostname, "beside");
        ASSERT_TRUE(s.value.security.capability_add == 0);
        ASSERT_EQ(load(SETTINGS_OVERRIDE, &s), 1);
        ASSERT_TRUE(s.value.security.capability_add == 0);
        ASSERT_EQ(load(SETTINGS_TRUSTED, &s), 1);
        ASSERT_TRUE(s.value.security.capability_add != 0);

        make_file("trusted/m.nspawn", "[Exec]\nCapability=all\n");
        ASSERT_EQ(load(SETTINGS_YES, &s), 1);
        ASSERT_TRUE(s.value.security.capability_add != 0 && !s.value.identity.hostname);
}

TEST(hostile_files) {
        _cleanup_settings_ Settings s = {};
        _cleanup_free_ char *huge = malloc((1 << 20) + 1);
        char path[64];

        (void) snprintf(path, sizeof(path), "%s/trusted/m.nspawn", directory);
        ASSERT_OK(unlink(path));
        (void) snprintf(path, sizeof(path), "%s/beside/m.nspawn", directory);

        ASSERT_OK(unlink(path));
        ASSERT_OK(mkfifo(path, 0644));
        ASSERT_TRUE(load(SETTINGS_YES, &s) < 0);
        ASSERT_LOGGED("beside/m.nspawn: not a regular file");

        ASSERT_OK(unlink(path));
        ASSERT_OK(symlink("/dev/zero", path));
        ASSERT_TRUE(load(SETTINGS_YES, &s) < 0);

        ASSERT_OK(unlink(path));
        ASSERT_OK(symlink("m.nspawn", path));
        ASSERT_TRUE(load(SETTINGS_YES, &s) < 0);

        memset(huge, '#', 1 << 20);
        huge[1 << 20] = 0;
        make_file("beside/m.nspawn", huge);
        ASSERT_TRUE(load(SETTINGS_YES, &s) < 0);
        ASSERT_LOGGED("cannot read");

        ASSERT_OK(unlink(path));
        ASSERT_OK(mkdir(path, 0755));
        ASSERT_TRUE(load(SETTINGS_YES, &s) < 0);

        ASSERT_OK(remove_tree_at(AT_FDCWD, directory));
}

TEST_MAIN
