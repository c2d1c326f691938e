/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <sys/socket.h>

#include "config-test.h"

TEST(clusters) {
        _cleanup_settings_ Settings a = {}, b = {}, c = {}, d = {};

        ASSERT_EQ(parse_line("-bD /srv/tree", &a), 1);
        ASSERT_TRUE(a.boot);
        ASSERT_STREQ(a.value.source.directory, "/srv/tree");
        ASSERT_TRUE(!a.value.payload.argv);

        ASSERT_EQ(parse_line("-qxD/srv/tree ls -l", &b), 1);
        ASSERT_TRUE(b.value.output.quiet && b.value.source.ephemeral);
        ASSERT_STREQ(b.value.source.directory, "/srv/tree");
        assert_strv(b.value.payload.argv, "ls|-l");

        ASSERT_EQ(parse_line("-xM foo", &c), 1);
        ASSERT_STREQ(c.value.source.machine, "foo");

        ASSERT_EQ(parse_line("-anjPEA=b=c -u1000 -- -b", &d), 1);
        ASSERT_TRUE(d.as_pid2 && d.value.network.veth && !d.boot);
        ASSERT_EQ(d.value.integration.link_journal, LINK_JOURNAL_TRY_GUEST);
        ASSERT_EQ(d.value.output.console, CONSOLE_PIPE);
        assert_strv(d.value.payload.environment, "A=b=c");
        ASSERT_STREQ(d.value.payload.user, "1000");
        assert_strv(d.value.payload.argv, "-b");
}

TEST(amounts) {
        const ForwardJournalConfig *j;
        _cleanup_settings_ Settings s = {};

        ASSERT_EQ(parse_line("--forward-journal=/a//b/./c.journal --forward-journal-max-use=1T "
                             "--forward-journal-keep-free=0 --forward-journal-max-file-size=64M "
                             "--forward-journal-max-files=100",
                             &s),
                  1);
        j = &s.value.forward_journal;
        ASSERT_STREQ(j->path, "/a/b/c.journal");
        ASSERT_TRUE(j->max_use.set && j->keep_free.set && j->max_file_size.set && j->max_files.set);
        ASSERT_EQ(j->max_use.value, 1LL << 40);
        ASSERT_EQ(j->keep_free.value, 0);
        ASSERT_EQ(j->max_file_size.value, 64LL << 20);
        ASSERT_EQ(j->max_files.value, 100);
}

TEST(stops_at_the_first_argument) {
        _cleanup_settings_ Settings s = {};

        ASSERT_EQ(parse_line("-q /bin/echo --quiet --nonsense -b", &s), 1);
        assert_strv(s.value.payload.argv, "/bin/echo|--quiet|--nonsense|-b");
        ASSERT_TRUE(settings_has(&s, value.payload.argv));
        ASSERT_TRUE(settings_has(&s, value.output.quiet));
        ASSERT_TRUE(!settings_has(&s, boot));
}

TEST(abbreviations) {
        _cleanup_settings_ Settings a = {}, b = {};

        ASSERT_EQ(parse_line("--mach=foo --direc /x --bind=/a --priv=no", &a), -EINVAL);
        ASSERT_LOGGED("--priv is ambiguous: --private-users, --private-users-ownership");
        ASSERT_EQ(parse_line("--mach=foo --direc /x --bind=/a", &b), 1);
        ASSERT_STREQ(b.value.source.machine, "foo");
        ASSERT_STREQ(b.value.source.directory, "/x");
        ASSERT_EQ(b.value.mounts.n_items, 1);
}

TEST(unknown_options) {
        _cleanup_settings_ Settings s = {};

        ASSERT_EQ(parse_line("--kil-signl=TERM", &s), -EINVAL);
        ASSERT_LOGGED("unknown option --kil-signl; did you mean --kill-signal?");
        ASSERT_EQ(parse_line("--privileged", &s), -EINVAL);
        ASSERT_LOGGED("unknown option --privileged; --help lists all");
        ASSERT_EQ(parse_line("--tempfs=/x", &s), -EINVAL);
        ASSERT_LOGGED("did you mean --tmpfs?");
        ASSERT_EQ(parse_line("-bz", &s), -EINVAL);
        ASSERT_LOGGED("unknown option -z");
        ASSERT_EQ(parse_line("--=x", &s), -EINVAL);
        ASSERT_EQ(parse_line("--boot=yes", &s), -EINVAL);
        ASSERT_LOGGED("--boot takes no value, but was given \"yes\"");
}

TEST(garbage_is_named) {
        static const struct {
                const char *line, *message;
        } cases[] = {
                { "--kill-signal=FOO", "--kill-signal=: \"FOO\" is not a signal name or number" },
                { "--forward-journal=", "--forward-journal=: \"\" is not a path" },
                { "--forward-journal-max-use=0", "--forward-journal-max-use=: \"0\" is not a number of bytes" },
                { "--forward-journal-max-use=1X", "is not a number of bytes" },
                { "--forward-journal-max-use=-1", "is not a number of bytes" },
                { "--forward-journal-keep-free=none", "is not a number of bytes such as 64M or 2G, or 0" },
                { "--forward-journal-max-file-size=16E1", "is not a number of bytes" },
                { "--forward-journal-max-files=0", "is not a number of at least 1" },
                { "--forward-journal-max-files=1K", "is not a number of at least 1" },
                { "--uuid=0", "--uuid=: \"0\" is not a UUID" },
                { "--uuid=00000000000000000000000000000000", "is not a UUID" },
                { "-M a/b", "--machine=: \"a/b\" is not a machine name" },
                { "-M -x", "is not a machine name" },
                { "-M a..b", "is not a machine name" },
                { "--hostname=a_b", "is not a host name" },
                { "--chdir=tmp", "is not an absolute path" },
                { "--chdir=/a/../b", "is not an absolute path without" },
                { "-E 1=2", "--setenv=: \"1=2\" is not an assignment" },
                { "-u -root", "is not a user name" },
                { "--stop-timeout=soon", "is not a time span" },
                { "--notify-ready=maybe", "is not yes or no" },
                { "--register=perhaps", "is not yes, no or auto" },
                { "--slice=a/b", "is not the name of a slice" },
                { "--slice=-a", "is not the name of a slice" },
                { "--property=Foo", "is not an assignment NAME=VALUE of a unit property" },
                { "--capability=cap_foo", "is not a list of capabilities" },
                { "--ambient-capability=all", "is not a list of capabilities other than" },
                { "--system-call-filter=~", "is not a list of system calls" },
                { "--system-call-filter='a;b'", "is not a list of system calls" },
                { "--restrict-address-families=AF_FOO", "\"AF_FOO\" is not a list of address families" },
                { "--restrict-address-families=UNIX", "is not a list of address families" },
                { "--restrict-address-families=AF_UNIX,AF_INET", "is not a list of address families" },
                { "--restrict-address-families=~", "is not a list of address families" },
                { "--restrict-address-families=~none", "is not a list of address families" },
                { "--restrict-address-families=AF_UNSPEC", "is not a list of address families" },
                { "-Z container_t", "--selinux-context=: \"container_t\" is not an SELinux context" },
                { "-L 'a:b:c\"'", "is not an SELinux context" },
                { "--rlimit=NOFILE=10:5", "is not a resource limit" },
                { "--rlimit=FOO=1", "is not a resource limit" },
                { "--rlimit=NOFILE", "is not a resource limit" },
                { "--oom-score-adjust=1001", "is not a number from -1000 to 1000" },
                { "--cpu-affinity=3-1", "is not a list of processors" },
                { "--cpu-affinity=9999", "is not a list of processors" },
                { "--personality=pdp11", "is not an architecture" },
                { "--console=loud", "is not one of interactive" },
                { "--background=red", "is not a list of color numbers" },
                { "--volatile=maybe", "is not one of no, yes, state or overlay" },
                { "--pivot-root=/", "is not an absolute path" },
                { "--pivot-root=/a:/", "is not an absolute path" },
                { "--pivot-root=/a:", "is not an absolute path" },
                { "--pivot-root=a", "is not an absolute path" },
                { "--pivot-root=/a/../b", "is not an absolute path" },
                { "--pivot-root=/a:/b:/c", "is not an absolute path" },
                { "--settings=maybe", "is not one of no, yes, override or trusted" },
                { "--network-bridge=waytoolonginterface", "is not a network interface name" },
                { "--network-zone=thirteenchars", "is not a network zone name" },
                { "--network-veth-extra=a:b:c", "is not a pair of interface names" },
                { "--network-interface=a/b", "is not an interface name" },
                { "--network-macvlan=eth0 --network-macvlan=eth0", "\"eth0\" is given a second time" },
                { "--set-credential=foo", "--set-credential=: this is not a credential" },
                { "--set-credential=a/b:secret", "--set-credential=: this is not a credential" },
                { "--set-credential=a:1 --set-credential=a:secret", "\"a\" is given a second time" },
                { "--private-users=managed", "\"managed\" takes users from systemd-nsresourced" },
                { "--private-users=", "is not no, yes, identity, pick or a range" },
                { "--private-users=65536:", "is not no, yes, identity, pick or a range" },
                { "--private-users=65536:0", "is not no, yes, identity, pick or a range" },
                { "--private-users=4294967295", "is not no, yes, identity, pick or a range" },
                { "--private-users=4294901761:65535", "is not no, yes, identity, pick or a range" },
                { "--private-users=-1", "is not no, yes, identity, pick or a range" },
                { "--bind-user=", "is not the name of a user" },
                { "--bind-user=root", "is not the name of a user" },
                { "--bind-user=nobody", "is not the name of a user" },
                { "--bind-user=..", "is not the name of a user" },
                { "--bind-user=a/b", "is not the name of a user" },
                { "--bind-user=a:b", "is not the name of a user" },
                { "--bind-user='a\"b'", "is not the name of a user" },
                { "--bind-user=1000", "is not the name of a user" },
                { "--bind-user=abcdefghijklmnopqrstuvwxyz012345", "is not the name of a user" },
                { "--bind-user=joe --bind-user=joe", "\"joe\" is given a second time" },
                { "--bind-user-group=a:b", "is not the name of a group" },
                { "--bind-user-shell=bash", "is not yes, no or an absolute path" },
                { "--private-users-ownership=", "is not one of off, map, foreign, chown or auto" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};

                if (parse_line(cases[i].line, &s) >= 0)
                        TEST_FAIL("%s is accepted", cases[i].line);
                ASSERT_LOGGED(cases[i].message);
                ASSERT_TRUE(!strstr(logged, "secret"));
        }
}

TEST(shown_instead) {
        static const struct {
                const char *line, *begin;
        } cases[] = {
                { "-h", "nspawn [OPTION...]" },
                { "--version --garbage", "systemd 261 (nspawn " },
                { "--resolv-conf=help", "off\ncopy-host\n" },
                { "--capability help", "cap_chown\n" },
                { "--kill-signal=help", "SIGHUP\nSIGINT\n" },
                { "--rlimit=help", "CPU\nFSIZE\n" },
                { "--console=help", "interactive\n" },
                { "--volatile=help", "no\nyes\nstate\noverlay\n" },
                { "--timezone=help", "off\ncopy\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);

                ASSERT_EQ(parse_line(cases[i].line, &s), 0);
                command_line_show(&s, f);
                ASSERT_OK(fclose(f));
                if (!startswith(text, cases[i].begin))
                        TEST_FAIL("%s: %s", cases[i].line, text);
                free(text);
        }
}

TEST(old_spelling_of_uid) {
        _cleanup_settings_ Settings a = {}, b = {}, c = {}, d = {};

        ASSERT_EQ(parse_line("--user=builder id", &a), 1);
        ASSERT_STREQ(a.value.payload.user, "builder");
        ASSERT_LOGGED("--user=builder is deprecated, use --uid=builder");
        ASSERT_TRUE(!settings_has(&a, value.unit.user_scope));

        ASSERT_EQ(parse_line("--user builder id", &b), 1);
        ASSERT_STREQ(b.value.payload.user, "builder");
        assert_strv(b.value.payload.argv, "id");

        ASSERT_EQ(parse_line("--user -D /x", &c), 1);
        ASSERT_TRUE(c.value.unit.user_scope);
        ASSERT_NOT_LOGGED();
        ASSERT_EQ(parse_line("--user /bin/sh", &d), 1);
        ASSERT_TRUE(d.value.unit.user_scope);
        assert_strv(d.value.payload.argv, "/bin/sh");
}

TEST(environment) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(setenv("NSPAWN_TEST_ONE", "1 2", 1));
        ASSERT_OK(unsetenv("NSPAWN_TEST_TWO"));
        ASSERT_EQ(parse_line("-E A=1 -E NSPAWN_TEST_ONE -E NSPAWN_TEST_TWO -E A=2 --setenv B=", &s), 1);
        assert_strv(s.value.payload.environment, "A=2|NSPAWN_TEST_ONE=1 2|B=");
}

TEST(values) {
        _cleanup_settings_ Settings s = {};
        const SecurityConfig *c = &s.value.security;

        ASSERT_EQ(parse_line("--capability=CAP_NET_ADMIN,cap_sys_time --capability 12 --drop-capability=all "
                             "--rlimit=RLIMIT_NOFILE=1024:2K --rlimit=CORE=0:infinity",
                             &s),
                  -EINVAL);
        ASSERT_LOGGED("NOFILE=1024:2K"); /* a number of files is no number of bytes */

        ASSERT_EQ(parse_line("--capability=CAP_NET_ADMIN,cap_sys_time --capability 0 --drop-capability=all "
                             "--rlimit=RLIMIT_NOFILE=1024:2048 --rlimit=CORE=0:infinity --rlimit=MEMLOCK=8M "
                             "--rlimit=NICE=-5 --rlimit=RTTIME=1s --oom-score-adjust=-17 --cpu-affinity=0-2,5 "
                             "--system-call-filter='@keyring bpf' --system-call-filter=~ptrace "
                             "--kill-signal=SIGRTMIN+3 --slice=devtools-joe "
                             "--uuid=01234567-89ab-cdef-0123-456789abcdef",
                             &s),
                  1);
        ASSERT_TRUE(c->capability_add == (1 | UINT64_C(1) << 12 | UINT64_C(1) << 25));
        ASSERT_TRUE(c->capability_drop == UINT64_MAX);
        ASSERT_EQ(c->rlimit[RLIMIT_NOFILE].soft, 1024);
        ASSERT_EQ(c->rlimit[RLIMIT_NOFILE].hard, 2048);
        ASSERT_TRUE(c->rlimit[RLIMIT_CORE].hard == RLIM_INFINITY);
        ASSERT_EQ(c->rlimit[RLIMIT_MEMLOCK].hard, 8 << 20);
        ASSERT_EQ(c->rlimit[RLIMIT_NICE].hard, 25);
        ASSERT_EQ(c->rlimit[RLIMIT_RTTIME].hard, 1000000);
        ASSERT_TRUE(!c->rlimit[RLIMIT_AS].set);
        ASSERT_TRUE(c->oom_score_adjust_set && c->oom_score_adjust == -17);
        ASSERT_EQ(CPU_COUNT(&c->cpu_affinity), 4);
        assert_strv(c->syscall_allow, "@keyring|bpf");
        assert_strv(c->syscall_deny, "ptrace");
        ASSERT_EQ(s.value.payload.kill_signal, SIGRTMIN + 3);
        ASSERT_STREQ(s.value.unit.slice, "devtools-joe.slice");
}

static void check_families(const char *line, bool restricted, bool allow_list, uint64_t listed) {
        _cleanup_settings_ Settings s = {};
        const AddressFamilies *f = &s.value.security.address_families;

        ASSERT_EQ(parse_line(line, &s), 1);
        ASSERT_TRUE(settings_has(&s, value.security.address_families));
        if (f->restricted != restricted || f->allow_list != allow_list || f->listed != listed)
                TEST_FAIL("%s: %i %i %#llx", line, f->restricted, f->allow_list, (unsigned long long) f->listed);
}

TEST(address_families) {
        const uint64_t local = 1U << AF_UNIX, ip = 1U << AF_INET, netlink = 1U << AF_NETLINK;
        const uint64_t vsock = UINT64_C(1) << AF_VSOCK;

        check_families("--restrict-address-families='AF_UNIX AF_INET\tAF_VSOCK'", true, true, local | ip | vsock);
        check_families("--restrict-address-families=AF_LOCAL", true, true, local);
        check_families("--restrict-address-families='~AF_VSOCK AF_NETLINK'", true, false, vsock | netlink);
        check_families("--restrict-address-families=none", true, true, 0);
        check_families("--restrict-address-families=", false, false, 0);
        check_families("--restrict-address-families=AF_UNIX --restrict-address-families=AF_INET", true, true,
                       local | ip);
        check_families("--restrict-address-families='AF_UNIX AF_INET' --restrict-address-families=~AF_INET", true,
                       true, local);
        check_families("--restrict-address-families='~AF_UNIX AF_INET' --restrict-address-families=AF_INET", true,
                       false, local);
        check_families("--restrict-address-families=none --restrict-address-families=~AF_INET", true, true, 0);
        check_families("--restrict-address-families=none --restrict-address-families=AF_INET", true, true, ip);
        check_families("--restrict-address-families=none --restrict-address-families=", false, false, 0);
        check_families("--restrict-address-families=~AF_UNIX --restrict-address-families= "
                       "--restrict-address-families=AF_INET",
                       true, true, ip);
}

TEST(protected_images) {
        static const char *const bad[] = {
                "--root-hash=",
                "--root-hash=0011",
                "--root-hash=00112233445566778899aabbccddeefg",
                "--root-hash=00112233445566778899aabbccddeeff0",
                "--root-hash-sig=",
                "--root-hash-sig=base64:",
                "--root-hash-sig=base64:!",
                "--verity-data=",
                "--image-key-file=",
        };
        _cleanup_settings_ Settings s = {};

        ASSERT_EQ(parse_line("--root-hash=00112233445566778899AABBCCDDEEFF --root-hash-sig=base64:Zm9v "
                             "--verity-data=/a/../b "
                             "--image-key-file=/key --no-ask-password",
                             &s),
                  1);
        ASSERT_STREQ(s.value.source.root_hash, "00112233445566778899AABBCCDDEEFF");
        ASSERT_STREQ(s.value.source.root_hash_signature, "base64:Zm9v");
        ASSERT_STREQ(s.value.source.verity_data, "/a/../b");
        ASSERT_STREQ(s.value.source.image_key_file, "/key");
        ASSERT_TRUE(s.value.source.no_ask_password);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_settings_ Settings refused = {};

                if (parse_line(bad[i], &refused) >= 0)
                        TEST_FAIL("%s is accepted", bad[i]);
        }
}

TEST(interfaces) {
        _cleanup_settings_ Settings s = {};
        const NetworkConfig *n = &s.value.network;

        ASSERT_EQ(parse_line("--network-interface=eth0:lan --network-interface eth1 --network-macvlan=eth2 "
                             "--network-veth-extra=a:b --network-zone=twelve-chars --network-veth=no",
                             &s),
                  1);
        ASSERT_EQ(n->n_interfaces, 2);
        ASSERT_STREQ(n->interfaces[0].guest, "lan");
        ASSERT_STREQ(n->interfaces[1].guest, "eth1");
        ASSERT_STREQ(n->macvlan[0].guest, NULL);
        ASSERT_STREQ(n->veth_extra[0].host, "a");
        ASSERT_TRUE(!n->veth && settings_has(&s, value.network.veth));
}

TEST(credentials) {
        _cleanup_settings_ Settings s = {};
        const CredentialsConfig *c = &s.value.credentials;

        ASSERT_OK(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1));
        ASSERT_EQ(parse_line("--set-credential='a:1\\n:2' --load-credential=b:/etc/hostname --load-credential=c:d",
                             &s),
                  1);
        ASSERT_EQ(c->n_items, 3);
        ASSERT_STREQ(c->items[0].data, "1\n:2");
        ASSERT_EQ(c->items[0].size, 4);
        ASSERT_STREQ(c->items[1].path, "/etc/hostname");
        ASSERT_STREQ(c->items[2].path, "/run/credentials/x/d");
}

TEST_MAIN
