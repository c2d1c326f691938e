/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is typed at a console, and the hot keys among it. */

#include "console-bench.h"

TEST(hot_keys_across_reads) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        for (unsigned i = 0; i < 2; i++) {
                ASSERT_OK(write_all(b.caller.master, "\x1d", 1));
                settle_down(&b);
        }
        ASSERT_OK(write_all(b.caller.master, "pX", 2));
        guest_expects(&b, "\x1d\x1dX", 3);
        ASSERT_EQ(b.n_keys, 1);
        ASSERT_EQ(b.key, HOTKEY_POWEROFF);
        bench_done(&b);
}

TEST(hot_keys_with_a_guest_that_does_not_read) {
        char block[1000];
        Bench b = bench_new();
        size_t sent = 0;

        memset(block, 'a', sizeof(block));
        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(fd_set_nonblock(b.caller.master, true));
        /* More than all buffers on the way hold: first we stop reading, a second later we go on and
         * discard. */
        for (uint64_t end = clock_usec() + DEADLINE_USEC; sent < 1000000 && clock_usec() < end;) {
                ssize_t n = write(b.caller.master, block, sizeof(block));

                if (n > 0)
                        sent += (size_t) n;
                (void) turn(&b, 1000);
        }
        ASSERT_TRUE(sent >= 1000000);
        settle_down(&b);
        ASSERT_OK(write_all(b.caller.master, "\x1d\x1d\x1d", 3));
        settle_down(&b);
        ASSERT_EQ(b.key, HOTKEY_KILL);
        bench_done(&b);
}

TEST(paste_is_complete_with_a_slow_guest) {
        enum { SIZE = 300000 };
        Bench b = bench_new();
        size_t sent = 0, got = 0;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(fd_set_nonblock(b.caller.master, true));
        ASSERT_OK(fd_set_nonblock(b.guest.slave, true));
        for (uint64_t end = clock_usec() + DEADLINE_USEC; got < SIZE && clock_usec() < end;) {
                char data[777];
                ssize_t n;

                for (size_t i = 0; i < sizeof(data); i++)
                        data[i] = (char) ('a' + (sent + i) % 26);
                n = sent < SIZE ? write(b.caller.master, data, MIN(sizeof(data), SIZE - sent)) : 0;
                if (n > 0)
                        sent += (size_t) n;
                (void) turn(&b, 100);
                n = read(b.guest.slave, data, 300);
                for (ssize_t i = 0; i < n; i++)
                        ASSERT_EQ(data[i], 'a' + (got + (size_t) i) % 26);
                if (n > 0)
                        got += (size_t) n;
        }
        ASSERT_EQ(got, SIZE);
        bench_done(&b);
}

TEST_MAIN
