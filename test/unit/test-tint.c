/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "supervise/tint.h"

#include "test.h"

/* The output with a "T" wherever the color is set again, when it comes in pieces of this size. */
static const char *tinted(const char *output, size_t piece) {
        static char text[1024];
        size_t size = strlen(output), n = 0;
        Tint t;

        tint_init(&t, "44");
        for (size_t i = 0; i < size;) {
                size_t end = MIN(i + piece, size);

                while (i < end) {
                        bool again;
                        size_t k = tint_scan(&t, (const uint8_t *) output + i, end - i, &again);

                        ASSERT_TRUE(k >= 1 && k <= end - i);
                        memcpy(text + n, output + i, k);
                        n += k;
                        i += k;
                        if (again)
                                text[n++] = 'T';
                }
        }
        text[n] = 0;
        return text;
}

/* However it is cut. */
static void check(const char *output, const char *expected) {
        for (size_t piece = 1; piece <= strlen(output); piece++)
                ASSERT_STREQ(tinted(output, piece), expected);
}

static void check_untouched(const char *output) {
        check(output, output);
}

TEST(sequence) {
        Tint t;

        tint_init(&t, "48;2;0;0;64");
        ASSERT_STREQ(t.sequence, "\033[48;2;0;0;64m");
        ASSERT_EQ(t.length, strlen(t.sequence));
        tint_init(&t, "0123456789012345678901234567890123456789012345678901234567890123456789");
        ASSERT_EQ(t.length, TINT_COLOR_MAX + 3);
}

TEST(resets) {
        check_untouched("plain text\r\n");
        check("a\033[0mb", "a\033[0mTb");
        check("\033[m\033[m", "\033[mT\033[mT");
        check("\033[1;31m\033[0;1m\033[01;49m", "\033[1;31m\033[0;1mT\033[01;49mT");
        check("\033[49m \033[;1m \033[1;m", "\033[49mT \033[;1mT \033[1;mT");
        check("\033c\033[!p", "\033cT\033[!pT");
}

TEST(colors_of_the_guest) {
        check_untouched("\033[41m\033[0;41m\033[107m\033[0;48;5;0m\033[48;2;0;0;0m\033[38;5;0m\033[38;2;0;49;0m");
        check_untouched("\033[48:5:0m\033[0;48:2::0:0:0m\033[38;5;48m\033[58;5;0m\033[4:0m\033[39m\033[22m");
        check("\033[41;0m\033[38;5;0;0m\033[38;5;48;0m", "\033[41;0mT\033[38;5;0;0mT\033[38;5;48;0mT");
        check("\033[38:5:1;0m\033[38;5m\033[0m", "\033[38:5:1;0mT\033[38;5m\033[0mT");
}

TEST(other_sequences) {
        check_untouched("\033[2J\033[H\033[K\033[0K\033[?25l\033[?0m\033[>4;0m\033[0 "
                        "m\033[0!m\033[0!q\033[6n\033(0\033(c\033(B");
        check_untouched("\033#8\0337\0338\033=\033>\033M");
        check_untouched("\033[0");
        check("\033[0\030m\033[0\032m\033\030c \033[0m", "\033[0\030m\033[0\032m\033\030c \033[0mT");
        check("\033[0\r\nm", "\033[0\r\nmT");
        check("\033[0\033[1m\033\033[0m", "\033[0\033[1m\033\033[0mT");
}

TEST(strings) {
        check("\033]2;[0m title\007\033[0m", "\033]2;[0m title\007\033[0mT");
        check("\033]2;title\033\\\033[0m", "\033]2;title\033\\\033[0mT");
        check("\033Ptmux;\033\033[0m\033\033c\033\\\033[0m", "\033Ptmux;\033\033[0m\033\033c\033\\\033[0mT");
        check("\033_never ended\033[0m", "\033_never ended\033[0mT");
        check("\033Xcut off\030\033[0m", "\033Xcut off\030\033[0mT");
}

TEST(large_numbers) {
        check_untouched("\033[4294967296m\033[18446744073709551616m\033[0000000000000000000000000000000000001m");
        check("\033[00000000000000000000000000000000000000000m", "\033[00000000000000000000000000000000000000000mT");
}

/* The worst that a guest can send fits, also if it begins with the end of a sequence. */
TEST(fitting) {
        Tint t = {};

        ASSERT_EQ(tint_fitting(&t, 1000), 1000);
        tint_init(&t, "44");
        ASSERT_TRUE(tint_fitting(&t, SIZE_MAX) >= SIZE_MAX / 8);
        ASSERT_EQ(tint_fitting(&t, 0), 0);
        for (size_t space = 1; space < 2000; space++) {
                size_t n = tint_fitting(&t, space), used = 0;
                bool again;

                t.state = TINT_ESCAPE;
                for (size_t i = 0; i < n; i++) {
                        uint8_t byte = i % 2 == 0 ? 'c' : 033;

                        ASSERT_EQ(tint_scan(&t, &byte, 1, &again), 1);
                        used += 1 + (again ? t.length : 0);
                }
                ASSERT_TRUE(used <= space);
                ASSERT_TRUE(n > 0 || space < t.length + 2);
        }
}

TEST_MAIN
