/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Much output, and a caller who is slow, or away: what waits, and what is lost. */

#include <malloc.h>
#include <sys/socket.h>

#include "console-bench.h"

TEST(flood_with_a_caller_who_does_not_read) {
        Bench b = bench_new();
        struct mallinfo2 before, after;
        unsigned long long missing;
        pid_t pid;
        char *notice;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        before = mallinfo2();
        pid = guest_writes(&b, 50000000);
        for (uint64_t end = clock_usec() + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;)
                (void) turn(&b, 10000);
        reap(pid);
        settle_down(&b);
        after = mallinfo2();
        ASSERT_TRUE(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 100000);
        ASSERT_TRUE(console_dropped(b.console) > 49000000);

        /* The caller comes back: the beginning, one notice, the end. */
        for (uint64_t end = clock_usec() + DEADLINE_USEC; clock_usec() < end;) {
                (void) caller_read(&b, SIZE_MAX);
                if (b.n_seen > 3 && streq(b.seen + b.n_seen - 3, "END"))
                        break;
                (void) turn(&b, 1000);
        }
        ASSERT_STREQ(b.seen + b.n_seen - 3, "END");
        notice = strstr(b.seen, "\r\n[nspawn: ");
        ASSERT_TRUE(notice);
        ASSERT_EQ(sscanf(notice, "\r\n[nspawn: %llu bytes of console output dropped]", &missing), 1);
        ASSERT_EQ(missing, console_dropped(b.console));
        ASSERT_TRUE(!strstr(notice + 3, "[nspawn"));
        notice = strstr(notice, "]\r\n");
        ASSERT_EQ(b.n_seen - (size_t) (notice + 3 - strstr(b.seen, "\r\n[nspawn: ")) + missing, 50000003);
        ASSERT_TRUE(strncmp(notice + 3, "00000000000000000000000000000000000000000", 41) == 0);

        /* And it is an ordinary console again. */
        b.n_seen = 0;
        b.guest.slave = ioctl(b.guest.master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
        ASSERT_OK(write_all(b.guest.slave, "hi", 2));
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "hi");
        bench_done(&b);
}

/* Every byte arrives, in order, while the caller reads in small steps; the guest ends long before. */
static void check_lossless(Bench *b, size_t size) {
        size_t lines = size / 50, expected = lines * 50 + 3;
        pid_t pid = guest_writes(b, size);
        bool dead = false, done = false;

        /* Its last words may be here before its end is. */
        for (uint64_t end = clock_usec() + DEADLINE_USEC; (b->n_seen < expected || !dead) && clock_usec() < end;) {
                (void) turn(b, 1000);
                if (!dead && child_is_dead(pid)) {
                        dead = true;
                        done = console_drain(b->console) > 0;
                }
                (void) caller_read(b, 1 + (size_t) random() % 8000);
        }
        while (!b->drained && !done && turn(b, 1000000))
                ;
        ASSERT_TRUE(b->drained || done);
        ASSERT_EQ(b->n_seen, expected);
        for (size_t i = 0; i < lines; i++) {
                char line[51];

                (void) snprintf(line, sizeof(line), "%048zu\r\n", i);
                ASSERT_TRUE(memcmp(b->seen + i * 50, line, 50) == 0);
        }
        ASSERT_STREQ(b->seen + lines * 50, "END");
        ASSERT_EQ(console_dropped(b->console), 0);
        reap(pid);
}

TEST(back_pressure_on_a_terminal) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_INTERACTIVE, false, b.caller.slave, b.caller.slave);
        check_lossless(&b, 5000000);
        bench_done(&b);
}

/* To a guest that paints all the time the space seems small, but nothing is lost of a command's output. */
TEST(tinted_back_pressure) {
        size_t n_lines = 20000, n_colors = 0;
        Bench b = bench_new();
        pid_t pid;

        b.background = "48;2;0;0;64";
        bench_start(&b, CONSOLE_INTERACTIVE, false, b.caller.slave, b.caller.slave);
        pid = fork();
        if (pid == 0) {
                for (size_t i = 0; i < n_lines; i++)
                        if (write_all(b.guest.slave, "\033c\033[m\033c\n", 8) < 0)
                                _exit(1);
                _exit(0);
        }
        b.guest.slave = safe_close(b.guest.slave);
        read_to_the_end(&b, pid);
        (void) caller_read(&b, SIZE_MAX);
        for (const char *p = b.seen; (p = strstr(p, "\033[48;2;0;0;64m")); p++)
                n_colors++;
        ASSERT_EQ(n_colors, 1 + 3 * n_lines);
        ASSERT_EQ(console_dropped(b.console), 0);
        bench_done(&b);
}

/* One burst of output to a caller who reads it, if not at every moment. Returns the longest time it did not read. */
static uint64_t burst(uint64_t *ret_dropped) {
        uint64_t last, longest = 0;
        Bench b = bench_new();
        pid_t pid;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        pid = guest_writes(&b, 500000);
        last = clock_usec();
        for (uint64_t end = last + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;) {
                for (unsigned k = 0; k < 20; k++)
                        (void) turn(&b, 100);
                longest = MAX(longest, clock_usec() - last);
                last = clock_usec();
                (void) caller_read(&b, SIZE_MAX);
        }
        reap(pid);
        *ret_dropped = console_dropped(b.console);
        bench_done(&b);
        return longest;
}

/* A caller who keeps up misses nothing of a booted machine's output either. What was dropped while the computer had no
 * time for this test does not count: it is tried again. */
TEST(bursts_are_not_lossy) {
        uint64_t dropped = 1, longest = UINT64_MAX;

        for (unsigned i = 0; i < 100 && dropped > 0 && longest > 25000; i++)
                longest = burst(&dropped);
        ASSERT_EQ(dropped, 0);
}

/* The caller is a pipe or a socket, which others share: it stays blocking for them. */
static void check_stream(int r, const int fds[2]) {
        Bench b = bench_new();

        ASSERT_OK(r);
        (void) safe_close(b.caller.master);
        b.caller.master = fds[0];
        bench_start(&b, CONSOLE_READ_ONLY, false, b.caller.slave, fds[1]);
        check_lossless(&b, 2000000);
        ASSERT_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
        bench_done(&b);
        (void) safe_close(fds[1]);
}

TEST(back_pressure_on_a_pipe) {
        int fds[2];
        int r = pipe2(fds, O_CLOEXEC);

        check_stream(r, fds);
}

TEST(back_pressure_on_a_socket) {
        int fds[2];
        int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);

        check_stream(r, fds);
}

TEST(a_command_waits_for_its_caller) {
        Bench b = bench_new();
        pid_t pid;

        bench_start(&b, CONSOLE_READ_ONLY, false, b.caller.slave, b.caller.slave);
        pid = guest_writes(&b, 5000000);
        while (turn(&b, 300000))
                ;
        ASSERT_TRUE(!child_is_dead(pid));
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);

        /* The end waits too, without spinning, until it is told not to. */
        ASSERT_EQ(console_drain(b.console), 0);
        while (turn(&b, 300000))
                ;
        ASSERT_TRUE(!turn(&b, 1200000));
        ASSERT_TRUE(!b.drained);
        console_detach(b.console);
        ASSERT_TRUE(console_dropped(b.console) > 0);
        bench_done(&b);
}

TEST(a_booted_machine_does_not_wait_at_its_end) {
        Bench b = bench_new();
        pid_t pid;

        bench_start(&b, CONSOLE_READ_ONLY, true, b.caller.slave, b.caller.slave);
        pid = guest_writes(&b, 500000);
        for (uint64_t end = clock_usec() + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;)
                (void) turn(&b, 10000);
        reap(pid);
        ASSERT_EQ(console_drain(b.console), 0);
        for (uint64_t end = clock_usec() + DEADLINE_USEC; !b.drained && clock_usec() < end;)
                (void) turn(&b, 100000);
        ASSERT_TRUE(b.drained);
        bench_done(&b);
}

TEST_MAIN
