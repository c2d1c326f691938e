/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "os-release.h"
#include "strv.h"
#include "test.h"

static int collect(const char *key, const char *value, void *userdata) {
        char ***list = userdata;

        ASSERT_OK(strv_append_printf(list, "%s=%s", key, value));
        return streq(key, "STOP") ? -ECANCELED : 0;
}

/* All assignments of text, joined by "|". */
static void assert_parsed(const char *text, const char *expected) {
        _cleanup_strv_ char **list = NULL;
        _cleanup_free_ char *copy = strdup(text);
        char joined[512] = "";

        ASSERT_OK(os_release_parse(copy, collect, &list));
        STRV_FOREACH(s, list) {
                strcat(joined, s == list ? "" : "|");
                strcat(joined, *s);
        }
        ASSERT_STREQ(joined, expected);
}

TEST(plain) {
        assert_parsed("", "");
        assert_parsed("ID=debian", "ID=debian");
        assert_parsed("ID=debian\nVERSION_ID=13\n", "ID=debian|VERSION_ID=13");
        assert_parsed("  ID=debian\n\tX=1", "ID=debian|X=1");
        assert_parsed("EMPTY=\nB=b", "EMPTY=|B=b");
        assert_parsed("A=b=c", "A=b=c");
        assert_parsed("ID=x\r\nB=y\r\n", "ID=x|B=y");
}

TEST(quoted) {
        assert_parsed("A=\"Debian GNU/Linux\"", "A=Debian GNU/Linux");
        assert_parsed("A='single \"$x\" \\n'", "A=single \"$x\" \\n");
        assert_parsed("A=\"a \\\"b\\\" \\$c \\\\ \\`d\"", "A=a \"b\" $c \\ `d");
        assert_parsed("A=\"\"\nB=''", "A=|B=");
        assert_parsed("A=\"open\nB=b", "A=open|B=b");
        assert_parsed("A=\"x\" # comment", "A=x");
        assert_parsed("A=\\\"x", "A=\"x");
        assert_parsed("A=\"x\\", "A=x\\");
}

TEST(no_assignments) {
        assert_parsed("# ID=debian\n\n   \nID\n=x\nlower=1\nA B=c\n export A=b\n#\n", "");
        assert_parsed("ID =x\nB-C=d\nOK_1=fine", "OK_1=fine");
}

TEST(stops) {
        _cleanup_strv_ char **list = NULL;
        char text[] = "A=1\nSTOP=x\nB=2\n";

        ASSERT_ERR(os_release_parse(text, collect, &list), -ECANCELED);
        ASSERT_EQ(strv_length(list), 2);
}

TEST_MAIN
