/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* --port= and Port=: what a value means, what is none, and what does not go together. */

#include <arpa/inet.h>

#include "config-test.h"
#include "config/settings-file.h"
#include "plan/ports.h"

TEST_MAIN

static int parse(const char *const values[], Settings *s) {
        const Setting *row = NULL;
        int r = 0;

        FOREACH_SETTING(candidate)
                if (streq_ptr(candidate->name, "port"))
                        row = candidate;
        ASSERT_TRUE(row);
        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        for (size_t i = 0; values[i] && r >= 0; i++)
                r = settings_apply(s, row, ORIGIN_COMMAND_LINE, "--port=", values[i]);
        return r;
}

static int parse_one(const char *value, Settings *s) {
        return parse((const char *const[]){ value, NULL }, s);
}

static void check(const char *value, const char *expected) {
        _cleanup_settings_ Settings s = {};
        char text[256] = "";
        FILE *f = fmemopen(text, sizeof(text), "w");

        ASSERT_OK(parse_one(value, &s));
        ports_print(s.value.network.ports, s.value.network.n_ports, f);
        fclose(f);
        ASSERT_STREQ(text, expected);
}

TEST(values) {
        check("8080", "port tcp 8080 -> 8080\n");
        check("8080:80", "port tcp 8080 -> 80\n");
        check("tcp:1:65535", "port tcp 1 -> 65535\n");
        check("udp:53", "port udp 53 -> 53\n");
        check("sctp:3868:3868", "port sctp 3868 -> 3868\n");
        check("127.0.0.1:8080:80", "port tcp 127.0.0.1:8080 -> 80\n");
        check("udp:192.0.2.1:53", "port udp 192.0.2.1:53 -> 53\n");
        check("0.0.0.0:8080:80", "port tcp 0.0.0.0:8080 -> 80\n");
        check("[2001:db8::1]:8080:80", "port tcp [2001:db8::1]:8080 -> 80\n");
        check("udp:[::]:53", "port udp [::]:53 -> 53\n");
}

TEST(garbage) {
        static const char *const values[] = {
                "",
                ":",
                "0",
                "80:0",
                "65536",
                "80:65536",
                "-1",
                "+80",
                " 80",
                "80 ",
                "0x50",
                "http",
                "80:",
                ":80",
                "80::",
                "80:81:82",
                "icmp:1",
                "TCP:80",
                "tcp",
                "tcp:",
                "tcp:tcp:80",
                "tcp:udp:80",
                "80-90",
                "80/tcp",
                "80,81",
                "1.2.3.4",
                "1.2.3.4:",
                "1.2.3:80:80",
                "1.2.3.256:80",
                "1.2.3.4:80:80:80",
                "host.example:80:80",
                "::1:80:80",
                "[::1]",
                "[::1]80",
                "[::1:80",
                "[]:80",
                "[1.2.3.4]:80",
                "[fe80::1%eth0]:80",
                "[::ffff:1.2.3.4]:80:80",
                "tcp:[2001:db8::1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:0:1:2:3:4]:80",
                "80\n",
                "８０",
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_settings_ Settings s = {};

                if (parse_one(values[i], &s) != -EINVAL || s.value.network.n_ports != 0)
                        TEST_FAIL("\"%s\" is taken for a port", values[i]);
                ASSERT_LOGGED("is not a port [PROTOCOL:][ADDRESS:]HOSTPORT[:CONTAINERPORT]");
        }
}

TEST(loopback_of_ipv6) {
        _cleanup_settings_ Settings s = {};

        ASSERT_ERR(parse_one("[::1]:8080:80", &s), -EOPNOTSUPP);
        ASSERT_LOGGED(
                "--port=: \"[::1]:8080:80\" cannot be: the kernel lets nothing leave [::1]; 127.0.0.1 is possible");
}

TEST(twice) {
        static const char *const refused[][2] = {
                { "80", "80" },
                { "80", "tcp:80:81" },
                { "80", "127.0.0.1:80:81" },
                { "[2001:db8::1]:80", "80" },
                { "0.0.0.0:80", "192.0.2.1:80" },
                { "192.0.2.1:80", "192.0.2.1:80:81" },
                { "[::]:80", "[2001:db8::1]:80" },
        };
        static const char *const accepted[][3] = {
                { "80", "81:80" },
                { "80", "udp:80" },
                { "80", "sctp:80", "udp:80" },
                { "192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80" },
                { "0.0.0.0:80", "[::]:80:81" },
        };

        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                _cleanup_settings_ Settings s = {};

                ASSERT_ERR(parse((const char *const[]){ refused[i][0], refused[i][1], NULL }, &s), -EADDRINUSE);
                ASSERT_LOGGED("another one has this port of the host already");
                ASSERT_EQ(s.value.network.n_ports, 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(accepted); i++) {
                _cleanup_settings_ Settings s = {};

                ASSERT_OK(parse((const char *const[]){ accepted[i][0], accepted[i][1], accepted[i][2], NULL }, &s));
                ASSERT_NOT_LOGGED();
        }
}

/* What of a file counts: only if it is trusted, and unlike all else of [Network] also beside other network options on
 * the command line. */
TEST(file) {
        static const char text[] = "[Network]\nZone=a\nPort=80\nPort=udp:53:5353\nPort=\nPort=8080:80\n";

        for (unsigned trusted = 0; trusted < 2; trusted++) {
                _cleanup_settings_ Settings cli = {}, file = {};
                char copy[sizeof(text)];

                memcpy(copy, text, sizeof(text));
                log_set_sink(keep_log, NULL);
                logged[0] = 0;
                ASSERT_OK(settings_file_parse("x.nspawn", trusted, copy, strlen(copy), &file));
                if (!trusted)
                        ASSERT_LOGGED("x.nspawn:3: Port= needs a file in /etc/systemd/nspawn or --settings=trusted");
                cli.value.network.veth = true;
                settings_mark(&cli, value.network.veth);
                settings_merge(&cli, &file);
                ASSERT_TRUE(!cli.value.network.zone);
                ASSERT_EQ(cli.value.network.n_ports, trusted);
                if (trusted)
                        ASSERT_EQ(cli.value.network.ports[0].host, 8080);
        }
}

/* Ports of the command line take the place of the file's, as with every list. */
TEST(command_line_wins) {
        _cleanup_settings_ Settings cli = {}, file = {};

        ASSERT_OK(parse_one("80", &cli));
        ASSERT_OK(parse_one("81", &file));
        settings_merge(&cli, &file);
        ASSERT_EQ(cli.value.network.n_ports, 1);
        ASSERT_EQ(cli.value.network.ports[0].host, 80);
}
