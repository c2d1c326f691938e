/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "escape.h"
#include "test.h"

static void assert_escaped(const char *text, const char *expected) {
        char out[256];

        escape_control(text, out, sizeof(out));
        ASSERT_STREQ(out, expected);
}

TEST(passes) {
        assert_escaped("", "");
        assert_escaped("plain ASCII ~!@#$%^&*()", "plain ASCII ~!@#$%^&*()");
        assert_escaped("caf\xc3\xa9", "caf\xc3\xa9");
        assert_escaped("\xc2\xa0", "\xc2\xa0");                 /* the first after the C1 controls */
        assert_escaped("\xe2\x82\xac", "\xe2\x82\xac");         /* three bytes */
        assert_escaped("\xf0\x9f\x90\xa8", "\xf0\x9f\x90\xa8"); /* four */
        assert_escaped("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* the last there is */
        assert_escaped("\\x1b", "\\x1b");
}

TEST(controls) {
        assert_escaped("a\nb\r\tc", "a\\x0ab\\x0d\\x09c");
        assert_escaped("\033]0;title\007", "\\x1b]0;title\\x07");
        assert_escaped("\x7f", "\\x7f");
        assert_escaped("\xc2\x9b"
                       "31m",
                       "\\xc2\\x9b31m"); /* C1 as UTF-8: CSI */
        assert_escaped("\x9b"
                       "31m",
                       "\\x9b31m"); /* and raw */
}

TEST(no_utf8) {
        assert_escaped("\xff\xfe", "\\xff\\xfe");
        assert_escaped("\xc3", "\\xc3"); /* cut off */
        assert_escaped("\xe2\x82", "\\xe2\\x82");
        assert_escaped("\xc3(", "\\xc3(");
        assert_escaped("\x80", "\\x80");
        assert_escaped("\xc0\x9b", "\\xc0\\x9b"); /* overlong ESC */
        assert_escaped("\xe0\x80\x9b", "\\xe0\\x80\\x9b");
        assert_escaped("\xf0\x80\x80\x9b", "\\xf0\\x80\\x80\\x9b");
        assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
        assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above the last */
        assert_escaped("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
}

/* The buffer is exact, so that the sanitizers see a byte too many. */
TEST(cut) {
        static const char text[] = "a\xc3\xa9\x1b\xf0\x9f\x90\xa8z";
        static const struct {
                size_t size;
                const char *expected;
        } cuts[] = {
                { 1, "" },
                { 2, "a" },
                { 3, "a" },
                { 4, "a\xc3\xa9" },
                { 7, "a\xc3\xa9" },
                { 8, "a\xc3\xa9\\x1b" },
                { 11, "a\xc3\xa9\\x1b" },
                { 12, "a\xc3\xa9\\x1b\xf0\x9f\x90\xa8" },
                { 13, "a\xc3\xa9\\x1b\xf0\x9f\x90\xa8z" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cuts); i++) {
                _cleanup_free_ char *out = malloc(cuts[i].size);

                ASSERT_TRUE(out);
                escape_control(text, out, cuts[i].size);
                ASSERT_STREQ(out, cuts[i].expected);
        }
}

TEST_MAIN
