/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "parse.h"

#include <signal.h>

#include "test.h"

TEST(bool) {
        ASSERT_EQ(parse_bool("yes"), 1);
        ASSERT_EQ(parse_bool("On"), 1);
        ASSERT_EQ(parse_bool("1"), 1);
        ASSERT_EQ(parse_bool("off"), 0);
        ASSERT_EQ(parse_bool("FALSE"), 0);
        ASSERT_EQ(parse_bool(""), -EINVAL);
        ASSERT_EQ(parse_bool("yes "), -EINVAL);
        ASSERT_EQ(parse_bool("2"), -EINVAL);
}

TEST(unsigned) {
        uint64_t n = 7;

        ASSERT_OK(parse_unsigned("18446744073709551615", UINT64_MAX, &n));
        ASSERT_TRUE(n == UINT64_MAX);
        ASSERT_ERR(parse_unsigned("18446744073709551616", UINT64_MAX, &n), -ERANGE);
        ASSERT_ERR(parse_unsigned("10", 9, &n), -ERANGE);
        ASSERT_ERR(parse_unsigned("", 9, &n), -EINVAL);
        ASSERT_ERR(parse_unsigned("+1", 9, &n), -EINVAL);
        ASSERT_ERR(parse_unsigned("1 ", 9, &n), -EINVAL);
        ASSERT_ERR(parse_unsigned("0x1", 9, &n), -EINVAL);
        ASSERT_TRUE(n == UINT64_MAX);
}

TEST(int) {
        int n;

        ASSERT_OK(parse_int("-1000", -1000, 1000, &n));
        ASSERT_EQ(n, -1000);
        ASSERT_ERR(parse_int("1001", -1000, 1000, &n), -ERANGE);
        ASSERT_ERR(parse_int("-", -1000, 1000, &n), -EINVAL);
        ASSERT_ERR(parse_int("--1", -1000, 1000, &n), -EINVAL);
}

TEST(size) {
        uint64_t n;

        ASSERT_OK(parse_size("8M", 1024, &n));
        ASSERT_EQ(n, 8 << 20);
        ASSERT_OK(parse_size("3K", 1024, &n));
        ASSERT_EQ(n, 3072);
        ASSERT_OK(parse_size("15E", 1024, &n));
        ASSERT_OK(parse_size("1.5G", 1024, &n));
        ASSERT_EQ(n, UINT64_C(1610612736));
        ASSERT_OK(parse_size("15.999999E", 1024, &n));
        ASSERT_TRUE(n > UINT64_MAX - (UINT64_C(1) << 42));
        ASSERT_OK(parse_size("2.5KB", 1000, &n));
        ASSERT_EQ(n, 2500);
        ASSERT_ERR(parse_size("16E", 1024, &n), -ERANGE);
        ASSERT_ERR(parse_size("1.", 1024, &n), -EINVAL);
        ASSERT_ERR(parse_size(".5", 1024, &n), -EINVAL);
        ASSERT_ERR(parse_size("1Q", 1024, &n), -EINVAL);
        ASSERT_ERR(parse_size("1MM", 1024, &n), -EINVAL);
        ASSERT_ERR(parse_size("M", 1024, &n), -EINVAL);
}

TEST(percentage) {
        uint64_t n;

        ASSERT_OK(parse_percentage("0%", &n));
        ASSERT_EQ(n, 0);
        ASSERT_OK(parse_percentage("12.5%", &n));
        ASSERT_EQ(n, 1250);
        ASSERT_OK(parse_percentage("1000%", &n));
        ASSERT_EQ(n, 100000);
        ASSERT_ERR(parse_percentage("50", &n), -EINVAL);
        ASSERT_ERR(parse_percentage("50 %", &n), -EINVAL);
        ASSERT_ERR(parse_percentage("%", &n), -EINVAL);
        ASSERT_ERR(parse_percentage("184467440737095517%", &n), -ERANGE);
}

TEST(timespan) {
        static const struct {
                const char *text;
                uint64_t usec;
        } good[] = {
                { "90", 90 * USEC_PER_SEC },
                { "90s", 90 * USEC_PER_SEC },
                { "2min", 120 * USEC_PER_SEC },
                { "1h 30min", 5400 * USEC_PER_SEC },
                { "1h30m", 5400 * USEC_PER_SEC },
                { " 1.5 s ", 1500000 },
                { "250ms", 250000 },
                { "0", 0 },
                { "1.123456789s", 1123456 },
                { "infinity", USEC_INFINITY },
        };
        static const char *const bad[] = { "",
                                           " ",
                                           "s",
                                           "1x",
                                           "1..5s",
                                           "1.s",
                                           "-1",
                                           "1 2 min x",
                                           "infinity 1",
                                           "99999999999999999999",
                                           "99999999999999w" };
        uint64_t n;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                ASSERT_OK(parse_timespan(good[i].text, USEC_PER_SEC, &n));
                ASSERT_EQ(n, good[i].usec);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_TRUE(parse_timespan(bad[i], USEC_PER_SEC, &n) < 0);
}

TEST(signal) {
        ASSERT_EQ(parse_signal("TERM"), SIGTERM);
        ASSERT_EQ(parse_signal("SIGTERM"), SIGTERM);
        ASSERT_EQ(parse_signal("15"), 15);
        ASSERT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
        ASSERT_EQ(parse_signal("RTMAX-1"), SIGRTMAX - 1);
        ASSERT_EQ(parse_signal("RTMIN"), SIGRTMIN);
        ASSERT_ERR(parse_signal("RTMIN+99"), -EINVAL);
        ASSERT_ERR(parse_signal("FOO"), -EINVAL);
        ASSERT_ERR(parse_signal(""), -EINVAL);
        ASSERT_ERR(parse_signal("0"), -EINVAL);
        ASSERT_ERR(parse_signal("65"), -EINVAL);
        ASSERT_ERR(parse_signal("term"), -EINVAL);
}

static void assert_word(const char **s, const char *expected) {
        _cleanup_free_ char *word = NULL;

        ASSERT_EQ(split_word(s, " \t", &word), expected ? 1 : 0);
        ASSERT_STREQ(word, expected);
}

TEST(words) {
        const char *s = "  a 'b c'\t\"d \\\" e\"f g\\ h '' ";
        char *word;

        assert_word(&s, "a");
        assert_word(&s, "b c");
        assert_word(&s, "d \" ef");
        assert_word(&s, "g h");
        assert_word(&s, "");
        assert_word(&s, NULL);

        s = "'open";
        ASSERT_ERR(split_word(&s, " ", &word), -EINVAL);
        s = "end\\";
        ASSERT_ERR(split_word(&s, " ", &word), -EINVAL);
}

static void assert_field(const char **s, const char *expected) {
        _cleanup_free_ char *field = NULL;

        ASSERT_EQ(split_field(s, ':', &field), expected ? 1 : 0);
        ASSERT_STREQ(field, expected);
}

TEST(fields) {
        const char *s = "a\\:b::c\\\\:";
        char *field;

        assert_field(&s, "a:b");
        assert_field(&s, "");
        assert_field(&s, "c\\");
        assert_field(&s, "");
        assert_field(&s, NULL);

        s = "a\\";
        ASSERT_ERR(split_field(&s, ':', &field), -EINVAL);
}

TEST(unescape) {
        static const char *const bad[] = { "\\", "\\q", "\\x4", "\\xg1", "\\400", "\\ud800", "\\U00110000", "\\18" };
        char *out;
        size_t n;

        ASSERT_OK(unescape_c("a\\n\\x00b\\101\\u00e4\\\\", &out, &n));
        ASSERT_EQ(n, 8);
        ASSERT_TRUE(memcmp(out, "a\n\0bA\xc3\xa4\\", 9) == 0);
        free(out);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_ERR(unescape_c(bad[i], &out, &n), -EINVAL);
}

TEST_MAIN
