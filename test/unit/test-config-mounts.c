/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "config-test.h"

/* The only mount of a command line of one option with this value. */
static const CustomMount *parse_mount(Settings *s, const char *option, const char *value) {
        char *argv[] = { (char *) "nspawn", (char *) option, (char *) value };

        settings_free(s);
        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        if (command_line_parse(3, argv, s) < 0)
                return NULL;
        ASSERT_EQ(s->value.mounts.n_items, 1);
        return s->value.mounts.items;
}

TEST(bind) {
        _cleanup_settings_ Settings s = {};
        const CustomMount *m;

        m = parse_mount(&s, "--bind", "/srv//data/./");
        ASSERT_TRUE(m && m->kind == MOUNT_BIND && m->recursive && !m->read_only && !m->optional);
        assert_strv(m->sources, "/srv/data");
        ASSERT_STREQ(m->destination, "/srv/data");

        m = parse_mount(&s, "--bind-ro", "-+/a:/b:norbind,owneridmap");
        ASSERT_TRUE(m && m->read_only && m->optional && m->source_in_guest[0] && !m->recursive);
        ASSERT_EQ(m->idmap, BIND_IDMAP_OWNER);
        assert_strv(m->sources, "/a");
        ASSERT_STREQ(m->destination, "/b");

        m = parse_mount(&s, "--bind", "+/etc");
        ASSERT_TRUE(m && m->source_in_guest[0]);
        ASSERT_STREQ(m->destination, "/etc");

        m = parse_mount(&s, "--bind", "/a\\:b\\\\c:/d\\:e");
        assert_strv(m->sources, "/a:b\\c");
        ASSERT_STREQ(m->destination, "/d:e");

        m = parse_mount(&s, "--bind", ":/var/cache");
        assert_strv(m->sources, "");
        ASSERT_TRUE(!m->source_in_guest[0]);

        m = parse_mount(&s, "--bind", "/:/");
        assert_strv(m->sources, "/");
        ASSERT_STREQ(m->destination, "/");
}

TEST(bind_map) {
        static const struct {
                const char *text, *user, *group;
                uid_t uid;
                gid_t gid;
        } cases[] = {
                { "/a:/b:map=1000:33", "1000", NULL, 33, 33 },
                { "/a:/b:map=me:0", "me", NULL, 0, 0 },
                { "/a:/b:map=me/us:5/6", "me", "us", 5, 6 },
                { "/a:/b:norbind,map=me:5/6,rbind", "me", NULL, 5, 6 },
                { "/a:/b:map=a:1,map=b/c:2", "b", "c", 2, 2 },
                { "/a:/b:map=1:4294967294", "1", NULL, 4294967294, 4294967294 },
        };
        static const char *const bad[] = { "",      "1000",          "1000:",   ":33",    "me:you",
                                           "me/:5", "/us:5",         "me:5/",   "me:5:6", "me:/6",
                                           "me:-1", "me:4294967295", "me:5/us", "me:5 ",  "me:5/6,idmap2" };
        _cleanup_settings_ Settings s = {};
        char text[64];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const CustomMount *m = parse_mount(&s, "--bind", cases[i].text);

                ASSERT_TRUE(m && m->idmap == BIND_IDMAP_USER && m->recursive);
                ASSERT_STREQ(m->map.user, cases[i].user);
                ASSERT_STREQ(m->map.group, cases[i].group);
                ASSERT_EQ(m->map.guest_uid, cases[i].uid);
                ASSERT_EQ(m->map.guest_gid, cases[i].gid);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                (void) snprintf(text, sizeof(text), "/a:/b:map=%s", bad[i]);
                if (parse_mount(&s, "--bind", text))
                        TEST_FAIL("--bind=%s is accepted", text);
        }
        ASSERT_EQ(parse_mount(&s, "--bind", "/a:/b:map=me:5,idmap")->idmap, BIND_IDMAP_MAP); /* the last one counts */
}

TEST(relative_source) {
        _cleanup_settings_ Settings s = {};
        const CustomMount *m;

        ASSERT_OK(chdir("/usr"));
        m = parse_mount(&s, "--bind", "lib/../share:/x");
        assert_strv(m->sources, "/usr/lib/../share");
        ASSERT_OK(chdir("/"));
        m = parse_mount(&s, "--bind", "usr:/x");
        assert_strv(m->sources, "/usr");
}

TEST(bad_bind) {
        static const char *const bad[] = { "",      "-",         "+",         "relative",     "/a:b",
                                           "/a:",   "/a:/b:",    "/a:/b:foo", "/a:/b:rbind:", "/a:/../b",
                                           "/a/..", "+/../a:/b", "+a:/b",     "/a\\" };
        _cleanup_settings_ Settings s = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                if (parse_mount(&s, "--bind", bad[i]))
                        TEST_FAIL("--bind=%s is accepted", bad[i]);
                ASSERT_LOGGED("is not a bind mount");
        }
}

TEST(tmpfs) {
        _cleanup_settings_ Settings s = {};
        const CustomMount *m;

        m = parse_mount(&s, "--tmpfs", "/var\\:x");
        ASSERT_TRUE(m && m->kind == MOUNT_TMPFS);
        ASSERT_STREQ(m->destination, "/var:x");
        ASSERT_STREQ(m->options, "mode=0755");
        m = parse_mount(&s, "--tmpfs", "/var:size=10%,mode=1777");
        ASSERT_STREQ(m->options, "size=10%,mode=1777");
        ASSERT_TRUE(!parse_mount(&s, "--tmpfs", "var"));
        ASSERT_TRUE(!parse_mount(&s, "--tmpfs", ""));
}

TEST(overlay) {
        _cleanup_settings_ Settings s = {};
        const CustomMount *m;

        m = parse_mount(&s, "--overlay", "/a:/b:/c:/d");
        ASSERT_TRUE(m && m->kind == MOUNT_OVERLAY);
        assert_strv(m->sources, "/a|/b");
        ASSERT_STREQ(m->upper, "/c");
        ASSERT_STREQ(m->destination, "/d");

        m = parse_mount(&s, "--overlay", "+/var::/var");
        ASSERT_TRUE(m && m->source_in_guest[0] && !m->upper_in_guest);
        ASSERT_STREQ(m->upper, "");

        m = parse_mount(&s, "--overlay", "/a:/b");
        assert_strv(m->sources, "/a");
        ASSERT_STREQ(m->upper, "/b");
        ASSERT_STREQ(m->destination, "/b");

        m = parse_mount(&s, "--overlay-ro", "/a:+/b:/c");
        ASSERT_TRUE(m && m->read_only && !m->upper && m->source_in_guest[1]);
        assert_strv(m->sources, "/a|/b");

        ASSERT_TRUE(!parse_mount(&s, "--overlay", "/a"));
        ASSERT_TRUE(!parse_mount(&s, "--overlay", "/a:b"));
        ASSERT_TRUE(!parse_mount(&s, "--overlay", "::/b"));
}

TEST(inaccessible) {
        _cleanup_settings_ Settings s = {};

        ASSERT_STREQ(parse_mount(&s, "--inaccessible", "/sys//module/apparmor")->destination, "/sys/module/apparmor");
        ASSERT_TRUE(!parse_mount(&s, "--inaccessible", "//"));
        ASSERT_TRUE(!parse_mount(&s, "--inaccessible", "a"));
}

TEST(order_is_kept) {
        _cleanup_settings_ Settings s = {};

        ASSERT_EQ(parse_line("--tmpfs=/a --bind=/a --tmpfs=/a/b --inaccessible=/c", &s), 1);
        ASSERT_EQ(s.value.mounts.n_items, 4);
        ASSERT_EQ(s.value.mounts.items[1].kind, MOUNT_BIND);
        ASSERT_STREQ(s.value.mounts.items[2].destination, "/a/b");
}

TEST_MAIN
