/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The console between two real ptys: the guest's, with child processes for the guest, and the caller's
 * terminal, with the test for the person who sits there. Deadlines only guard against hanging. */

#include "console-bench.h"

TEST(effective_mode) {
        Pty p = pty_new();
        int other[2];

        ASSERT_OK(pipe2(other, O_CLOEXEC));
        ASSERT_EQ(console_effective_mode(CONSOLE_DEFAULT, p.slave, p.slave), CONSOLE_INTERACTIVE);
        ASSERT_EQ(console_effective_mode(CONSOLE_DEFAULT, p.slave, other[1]), CONSOLE_READ_ONLY);
        ASSERT_EQ(console_effective_mode(CONSOLE_DEFAULT, other[0], p.slave), CONSOLE_READ_ONLY);
        ASSERT_EQ(console_effective_mode(CONSOLE_AUTOPIPE, p.slave, p.slave), CONSOLE_INTERACTIVE);
        ASSERT_EQ(console_effective_mode(CONSOLE_AUTOPIPE, other[0], p.slave), CONSOLE_PIPE);
        ASSERT_EQ(console_effective_mode(CONSOLE_PASSIVE, p.slave, p.slave), CONSOLE_PASSIVE);
        for (unsigned i = 0; i < 2; i++)
                (void) safe_close(other[i]);
        (void) safe_close(p.master);
        (void) safe_close(p.slave);
}

TEST(both_ways) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(write_all(b.guest.slave, "h\xc3\xa4llo\n\xff\x80", 9));
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "h\xc3\xa4llo\n\xff\x80");
        /* ^C, ^D, ^Z, carriage return, UTF-8, a lone escape: all for the guest. */
        ASSERT_OK(write_all(b.caller.master, "\3\4\x1a\r\xe2\x82\xac\x1dx", 9));
        guest_expects(&b, "\3\4\x1a\r\xe2\x82\xac\x1dx", 9);
        ASSERT_EQ(b.n_keys, 0);
        bench_done(&b);
}

TEST(read_only_takes_no_input_and_changes_no_terminal) {
        struct termios before, during;
        Bench b = bench_new();
        struct pollfd p;

        ASSERT_OK(tcgetattr(b.caller.slave, &before));
        bench_start(&b, CONSOLE_READ_ONLY, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(tcgetattr(b.caller.slave, &during));
        ASSERT_TRUE(same_attributes(&before, &during));
        ASSERT_OK(write_all(b.guest.slave, "out", 3));
        ASSERT_OK(write_all(b.caller.master, "in\n", 3));
        settle_down(&b);
        p = (struct pollfd){ .fd = b.guest.slave, .events = POLLIN };
        ASSERT_EQ(poll(&p, 1, 0), 0);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(strstr(b.seen, "out"));
        ASSERT_EQ(b.console ? console_terminal(b.console)->input.fd : 0, -EBADF);
        bench_done(&b);
}

TEST(window_size) {
        struct winsize size = { .ws_row = 50, .ws_col = 132 }, got = {};
        Bench b = bench_new();

        ASSERT_OK(ioctl(b.caller.master, TIOCSWINSZ, &size));
        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(ioctl(b.guest.slave, TIOCGWINSZ, &got));
        ASSERT_EQ(got.ws_row, 50);
        ASSERT_EQ(got.ws_col, 132);
        size.ws_col = 90;
        ASSERT_OK(ioctl(b.caller.master, TIOCSWINSZ, &size));
        ASSERT_OK(raise(SIGWINCH));
        settle_down(&b);
        ASSERT_OK(ioctl(b.guest.slave, TIOCGWINSZ, &got));
        ASSERT_EQ(got.ws_col, 90);
        bench_done(&b);
}

TEST(last_words_are_shown_at_once) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_INTERACTIVE, false, b.caller.slave, b.caller.slave);
        ASSERT_OK(write_all(b.guest.slave, "bye\r\n", 5));
        b.guest.slave = safe_close(b.guest.slave);
        ASSERT_EQ(console_drain(b.console), 1);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "bye\r\n");
        ASSERT_EQ(console_drain(b.console), 1);

        /* A reboot: the next guest; keys typed in between are not its. */
        ASSERT_OK(write_all(b.caller.master, "secret\x1d\x1d\x1d", 9));
        settle_down(&b);
        ASSERT_EQ(b.key, HOTKEY_KILL);
        b.guest.master = safe_close(b.guest.master);
        bench_guest(&b);
        ASSERT_OK(write_all(b.caller.master, "x", 1));
        guest_expects(&b, "x", 1);
        ASSERT_OK(write_all(b.guest.slave, "again", 5));
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "bye\r\nagain");
        bench_done(&b);
}

TEST(idle_console_wakes_nobody) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        settle_down(&b);
        ASSERT_TRUE(!turn(&b, 1300000));
        /* Nobody inside has it open now. */
        b.guest.slave = safe_close(b.guest.slave);
        settle_down(&b);
        ASSERT_TRUE(!turn(&b, 1300000));
        /* The caller's terminal hangs up: once heard, never again. */
        b.caller.slave = safe_close(b.caller.slave);
        b.caller.master = safe_close(b.caller.master);
        settle_down(&b);
        ASSERT_TRUE(!turn(&b, 1300000));
        bench_done(&b);
}

/* What a getty does to the console before it asks for a name. */
TEST(hang_up_inside) {
        Bench b = bench_new();
        pid_t pid;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        pid = fork();
        if (pid == 0) {
                int again;

                (void) signal(SIGHUP, SIG_IGN);
                if (setsid() < 0 || ioctl(b.guest.slave, TIOCSCTTY, 0) < 0)
                        _exit(1);
                (void) vhangup(); /* without the privilege: still a test of the rest */
                again = ioctl(b.guest.master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
                _exit(again < 0 || write_all(again, "login: ", 7) < 0);
        }
        b.guest.slave = safe_close(b.guest.slave);
        for (uint64_t end = clock_usec() + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;)
                (void) turn(&b, 1000);
        reap(pid);
        settle_down(&b);
        ASSERT_TRUE(!turn(&b, 300000));
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "login: ");
        b.guest.slave = ioctl(b.guest.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ASSERT_OK(write_all(b.caller.master, "root\r", 5));
        pty_raw(b.guest.slave);
        guest_expects(&b, "root\r", 5);
        bench_done(&b);
}

/* A booted guest goes on whatever becomes of its audience. */
static void check_unseen(Bench *b) {
        pid_t pid = guest_writes(b, 2000000);

        for (uint64_t end = clock_usec() + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;)
                (void) turn(b, 10000);
        reap(pid);
        ASSERT_EQ(console_drain(b->console), 1);
}

TEST(caller_closes_its_end) {
        Bench b = bench_new();
        int fds[2];

        ASSERT_OK(pipe2(fds, O_CLOEXEC));
        bench_start(&b, CONSOLE_READ_ONLY, true, b.caller.slave, fds[1]);
        (void) safe_close(fds[0]);
        check_unseen(&b);
        (void) safe_close(fds[1]);
        bench_done(&b);
}

/* A command does not go on: how else would "… | head -n1" end? Nor is its output dropped where a disk is full. */
static void check_hang_up(int output_fd) {
        Bench b = bench_new();
        int status;
        pid_t pid;

        bench_start(&b, CONSOLE_READ_ONLY, false, b.caller.slave, output_fd);
        /* Only the console has the master end, as in real life. */
        b.guest.master = safe_close(b.guest.master);
        pid = fork();
        if (pid == 0) {
                if (dup2(b.guest.slave, STDIN_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                        _exit(2);
                while (write(STDIN_FILENO, "output\n", 7) > 0)
                        ;
                _exit(errno == EIO ? 0 : 3);
        }
        b.guest.slave = safe_close(b.guest.slave);
        for (uint64_t end = clock_usec() + DEADLINE_USEC; !child_is_dead(pid) && clock_usec() < end;)
                (void) turn(&b, 10000);
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
        ASSERT_EQ(console_drain(b.console), 1);
        bench_done(&b);
}

TEST(a_command_whose_output_is_refused) {
        int fds[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);

        ASSERT_OK(full);
        ASSERT_OK(pipe2(fds, O_CLOEXEC));
        (void) safe_close(fds[0]);
        check_hang_up(fds[1]);
        check_hang_up(full);
        (void) safe_close(fds[1]);
        (void) safe_close(full);
}

TEST(passive) {
        Bench b = bench_new();

        bench_start(&b, CONSOLE_PASSIVE, true, b.caller.slave, b.caller.slave);
        check_unseen(&b);
        ASSERT_EQ(caller_read(&b, SIZE_MAX), 0);
        bench_done(&b);
}

TEST(output_to_files) {
        char name[] = "/tmp/test-console-XXXXXX", data[32] = {};
        Bench b = bench_new();
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), file;

        bench_start(&b, CONSOLE_INTERACTIVE, false, null, null);
        check_unseen(&b);
        ASSERT_EQ(console_dropped(b.console), 0);
        bench_done(&b);

        b = bench_new();
        bench_start(&b, CONSOLE_READ_ONLY, true, null, null);
        check_unseen(&b);
        ASSERT_EQ(console_dropped(b.console), 0);
        bench_done(&b);

        b = bench_new();
        file = mkstemp(name);
        ASSERT_OK(file);
        ASSERT_OK(unlink(name));
        ASSERT_OK(write_all(file, "before ", 7));
        bench_start(&b, CONSOLE_READ_ONLY, false, -1, file);
        ASSERT_OK(write_all(b.guest.slave, "inside ", 7));
        settle_down(&b);
        ASSERT_OK(write_all(file, "after", 5));
        ASSERT_EQ(pread(file, data, sizeof(data) - 1, 0), 19);
        ASSERT_STREQ(data, "before inside after");
        bench_done(&b);
        (void) safe_close(null);
        (void) safe_close(file);
}

TEST_MAIN
