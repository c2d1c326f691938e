/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-test.h"
#include "config/locate.h"
#include "config/resolve.h"
#include "config/value-types.h"
#include "config/versioned.h"
#include "fd.h"

static char top[] = "/tmp/nspawn-test-XXXXXX";

static const char *path_of(const char *name) {
        static char path[512];

        if (endswith(top, "XXXXXX"))
                ASSERT_TRUE(mkdtemp(top));
        (void) snprintf(path, sizeof(path), "%s/%s", top, name);
        return path;
}

static void make_directory(const char *name) {
        ASSERT_TRUE(mkdir(path_of(name), 0755) >= 0 || errno == EEXIST);
}

static void make_file(const char *name) {
        ASSERT_OK(write_new_file_at(AT_FDCWD, path_of(name), "x", 1, 0600));
}

/* The path below top that is picked for this one, "" if none is asked for, NULL if there is none. */
static const char *pick(const char *path, bool image) {
        _cleanup_free_ char *picked = strdup(path_of(path)), *named = strdup("unchanged");
        static char result[256];
        int r;

        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        r = versioned_pick(&picked, &named, image ? ".raw" : "", image);
        if (r < 0)
                return NULL;
        ASSERT_EQ(r == 0, streq(named, "unchanged"));
        (void) snprintf(result, sizeof(result), "%s", r > 0 ? startswith(picked, top) + 1 : "");
        return result;
}

/* A directory of versions with these files, separated by spaces; the newest one. */
static const char *newest(const char *files) {
        const char *rest = files;
        static unsigned n;
        char name[512], directory[32];

        (void) snprintf(directory, sizeof(directory), "%u", n++);
        make_directory(directory);
        (void) snprintf(directory + strlen(directory), 16, "/m.raw.v");
        make_directory(directory);
        for (;;) {
                _cleanup_free_ char *word = NULL;

                if (split_word(&rest, " ", &word) <= 0)
                        break;
                (void) snprintf(name, sizeof(name), "%s/%s", directory, word);
                make_file(name);
        }
        rest = pick(directory, true);
        return rest ? strrchr(rest, '/') + 1 : NULL;
}

TEST(versions) {
        ASSERT_STREQ(newest("m_7.5.13.raw m_7.5.14.raw m_7.6.0.raw"), "m_7.6.0.raw");
        ASSERT_STREQ(newest("m_9.raw m_10.raw m_10~rc1.raw"), "m_10.raw");
        ASSERT_STREQ(newest("m_1_2.raw m_1_10.raw"), "m_1_10.raw");
        ASSERT_STREQ(newest("m_1.raw m_2 m_3.img n_4.raw m5.raw .#m_6.raw m_.raw"), "m_1.raw");
        ASSERT_STREQ(newest("m_1.raw 'm_2 3.raw' m_2$.raw"), "m_1.raw");
        ASSERT_STREQ(newest(""), NULL);
        ASSERT_LOGGED("m.raw.v: it holds no image m_VERSION.raw");
        ASSERT_STREQ(newest("m.raw n_1.raw"), NULL);
}

TEST(counters) {
        ASSERT_STREQ(newest("m_1.raw m_2+0.raw m_3+0-3.raw"), "m_1.raw");
        ASSERT_STREQ(newest("m_1.raw m_2+3.raw"), "m_2+3.raw");
        ASSERT_STREQ(newest("m_2+3.raw m_2.raw"), "m_2.raw");
        ASSERT_STREQ(newest("m_2+3.raw m_2+4.raw"), "m_2+4.raw");
        ASSERT_STREQ(newest("m_2+3-2.raw m_2+3-1.raw"), "m_2+3-1.raw");
        ASSERT_STREQ(newest("m_1+0-3.raw m_2+0-3.raw"), "m_2+0-3.raw");
        ASSERT_STREQ(newest("m_1+b.raw m_1.raw"), "m_1+b.raw"); /* that is a version */
        ASSERT_STREQ(newest("m_1+0-x.raw m_0.raw"), "m_1+0-x.raw");
}

TEST(architectures) {
        const char *native = value_personality.names[0];
        char files[128], expected[64];

        (void) snprintf(files, sizeof(files), "m_1_%s.raw m_2_tilegx.raw m_2_s390x-no.raw", native);
        ASSERT_STREQ(newest(files), "m_2_s390x-no.raw");
        (void) snprintf(files, sizeof(files), "m_1_%s.raw m_2_tilegx.raw", native);
        (void) snprintf(expected, sizeof(expected), "m_1_%s.raw", native);
        ASSERT_STREQ(newest(files), expected);
        (void) snprintf(files, sizeof(files), "m_1.raw m_1_%s.raw m_1_%s.raw", native,
                        value_personality.names[value_personality.n_names - 1]);
        if (value_personality.n_names > 1)
                ASSERT_STREQ(newest(files), expected);
        (void) snprintf(files, sizeof(files), "m_1_%s.raw m_2_%s+1-2.raw m_3_%s+0-5.raw", native, native, native);
        (void) snprintf(expected, sizeof(expected), "m_2_%s+1-2.raw", native);
        ASSERT_STREQ(newest(files), expected);
        ASSERT_STREQ(newest("m_1_tilegx.raw"), NULL);
        ASSERT_LOGGED("for this kind of processor");
}

TEST(directories_and_patterns) {
        make_directory("tree.v");
        make_directory("tree.v/tree_1");
        make_directory("tree.v/tree_2+1");
        make_file("tree.v/tree_3");
        make_file("tree.v/tree_1.raw");
        make_file("tree.v/other_9.img");
        make_directory("tree.v/other_10.img");
        ASSERT_OK(symlink("nowhere", path_of("tree.v/tree_4")));
        ASSERT_STREQ(pick("tree.v", false), "tree.v/tree_2+1");
        ASSERT_STREQ(pick("tree.v", true), "tree.v/tree_1.raw");
        ASSERT_STREQ(pick("tree.v/other___.img", true), "tree.v/other_9.img");
        ASSERT_STREQ(pick("tree.v/other___.img", false), "tree.v/other_10.img");
        ASSERT_STREQ(pick("tree.v/tree___", false), "tree.v/tree_2+1");
        ASSERT_STREQ(pick("tree.v/none___.raw", true), NULL);
        ASSERT_LOGGED("it holds no image none_VERSION.raw");
        ASSERT_OK(symlink("../tree.v/tree_1", path_of("tree.v/tree_5")));
        ASSERT_STREQ(pick("tree.v", false), "tree.v/tree_5");

        ASSERT_STREQ(pick("tree.v/tree_1", false), "");
        ASSERT_STREQ(pick("tree___.raw", true), "");
        ASSERT_STREQ(pick("missing.v", false), "");
        ASSERT_STREQ(pick("missing.v/a___", false), "");
        make_file("file.v");
        ASSERT_STREQ(pick("file.v", true), "");
}

/* What the machine is called, and where its settings are looked for. */
static void assert_located(const char *options, const char *below, const char *path, const char *name,
                           const char *parent) {
        _cleanup_settings_ Settings s = {};
        char whole[512], expected[512];

        (void) snprintf(whole, sizeof(whole), "%s%s%s", options, below ? top : "", below ?: "");
        ASSERT_EQ(parse_line(whole, &s), 1);
        ASSERT_OK(config_locate(&s, (const char *const[]){ top, NULL }));
        (void) snprintf(expected, sizeof(expected), "%s/%s", top, path);
        ASSERT_STREQ(source_path(&s.value.source), expected);
        ASSERT_EQ(!s.value.source.image, !endswith(path, ".raw"));
        ASSERT_STREQ(s.plain_name, name);
        (void) snprintf(expected, sizeof(expected), "%s%s", top, parent);
        ASSERT_STREQ(s.tree_parent, expected);
}

TEST(located) {
        _cleanup_settings_ Settings s = {};

        (void) path_of("");
        make_directory("one.v");
        make_directory("one.v/one_1");
        make_directory("two.raw.v");
        make_file("two.raw.v/two_1.raw");
        make_file("two.raw.v/two_2.raw");
        make_directory("all.v");
        make_file("all.v/three_1.raw");
        assert_located("-D ", "/one.v/", "one.v/one_1", "one", "");
        assert_located("-i ", "/two.raw.v", "two.raw.v/two_2.raw", "two", "");
        assert_located("-i ", "/all.v/three___.raw", "all.v/three_1.raw", "three", "/all.v");
        assert_located("-M one", NULL, "one.v/one_1", "one", "");
        assert_located("-M two", NULL, "two.raw.v/two_2.raw", "two", "");
        assert_located("-M other -i ", "/two.raw.v", "two.raw.v/two_2.raw", "other", "");
        make_file("two.raw");
        assert_located("-M two", NULL, "two.raw", "two", "");
        make_directory("two");
        assert_located("-M two", NULL, "two", "two", "");

        make_directory("empty.raw.v");
        ASSERT_EQ(parse_line("-M empty", &s), 1);
        ASSERT_ERR(config_locate(&s, (const char *const[]){ top, NULL }), -ENOENT);
        ASSERT_LOGGED("empty.raw.v: it holds no image empty_VERSION.raw");
}

TEST(clean_up) {
        ASSERT_OK(remove_tree_at(AT_FDCWD, top));
}

TEST_MAIN
