/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a console does to the caller's terminal: its mode, the color and the title, which are put back in the end,
 * whoever is left to do it. */

#include "console-bench.h"

TEST(terminal_is_restored) {
        struct termios before, raw, after;
        Bench b = bench_new();
        ConsoleTerminal saved;

        ASSERT_OK(tcgetattr(b.caller.slave, &before));
        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(tcgetattr(b.caller.slave, &raw));
        ASSERT_TRUE(!(raw.c_lflag & (ICANON | ECHO | ISIG)) && !(raw.c_oflag & OPOST));
        ASSERT_EQ(fcntl(b.caller.slave, F_GETFL) & O_NONBLOCK, 0);

        /* The minder's way, from a copy; the second call has nothing to do and writes nothing. */
        saved = *console_terminal(b.console);
        console_terminal_restore(&saved);
        ASSERT_OK(tcgetattr(b.caller.slave, &after));
        ASSERT_TRUE(same_attributes(&before, &after));
        ASSERT_TRUE(caller_read(&b, SIZE_MAX) > 0);
        ASSERT_TRUE(strstr(b.seen, "\033[?25h"));
        console_terminal_restore(&saved);
        ASSERT_EQ(caller_read(&b, SIZE_MAX), 0);

        ASSERT_OK(tcsetattr(b.caller.slave, TCSANOW, &raw));
        ASSERT_OK(write_all(b.guest.slave, "no newline", 10));
        settle_down(&b);
        console_free(TAKE_PTR(b.console));
        ASSERT_OK(tcgetattr(b.caller.slave, &after));
        ASSERT_TRUE(same_attributes(&before, &after));
        b.n_seen = 0;
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(strstr(b.seen, "no newline\r\n\033"));
        ASSERT_TRUE(strstr(b.seen, "\033[?1047l"));
        bench_done(&b);
}

TEST(terminal_is_restored_after_sigkill) {
        struct termios before, after;
        Bench b = bench_new();
        int ready[2], alive[2];
        pid_t supervisor;
        char byte;

        ASSERT_OK(tcgetattr(b.caller.slave, &before));
        ASSERT_OK(pipe2(ready, O_CLOEXEC));
        ASSERT_OK(pipe2(alive, O_CLOEXEC));
        supervisor = fork();
        if (supervisor == 0) {
                ConsoleSettings s = { .mode = CONSOLE_INTERACTIVE,
                                      .input_fd = b.caller.slave,
                                      .output_fd = b.caller.slave,
                                      .background = "44",
                                      .title = "title" };
                ASSERT_OK(sd_event_new(&b.event));
                ASSERT_OK(console_new(b.event, &s, &b.console));
                if (fork() == 0) { /* the minder: survives, in a session of its own */
                        (void) setsid();
                        (void) close(alive[1]);
                        (void) !read(alive[0], &byte, 1);
                        console_terminal_restore(console_terminal(b.console));
                        (void) !write(ready[1], "d", 1);
                        _exit(0);
                }
                bench_guest(&b);
                (void) !write(ready[1], "r", 1);
                for (;;)
                        (void) turn(&b, UINT64_MAX);
        }
        (void) close(alive[1]);
        ASSERT_EQ(read(ready[0], &byte, 1), 1);
        ASSERT_OK(tcgetattr(b.caller.slave, &after));
        ASSERT_TRUE(!(after.c_lflag & ICANON));
        ASSERT_OK(kill(supervisor, SIGKILL));
        ASSERT_EQ(waitpid(supervisor, NULL, 0), supervisor);
        ASSERT_EQ(read(ready[0], &byte, 1), 1);
        ASSERT_EQ(byte, 'd');
        ASSERT_OK(tcgetattr(b.caller.slave, &after));
        ASSERT_TRUE(same_attributes(&before, &after));
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(strstr(b.seen, "\033[0m") && endswith(b.seen, "\033[J\033[23;2t"));
        for (unsigned i = 0; i < 2; i++)
                (void) close(ready[i]);
        (void) close(alive[0]);
        bench_done(&b);
}

static void expect(int fd, char what) {
        char byte = 0;

        ASSERT_EQ(read(fd, &byte, 1), 1);
        ASSERT_EQ(byte, what);
}

/* A background job is not stopped by our doing, and takes the terminal when it comes to the fore. */
TEST(background_job) {
        struct termios before, now;
        Bench b = bench_new();
        int report[2];
        pid_t shell;

        ASSERT_OK(tcgetattr(b.caller.slave, &before));
        ASSERT_OK(pipe2(report, O_CLOEXEC));
        shell = fork();
        if (shell == 0) {
                pid_t job;
                int status;

                if (setsid() < 0 || ioctl(b.caller.slave, TIOCSCTTY, 0) < 0)
                        _exit(1);
                job = fork();
                if (job == 0) {
                        (void) setpgid(0, 0);
                        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
                        ASSERT_OK(write_all(b.guest.slave, "out", 3));
                        ASSERT_OK(write_all(b.caller.master, "for the shell\n", 14));
                        settle_down(&b);
                        (void) !write(report[1], "b", 1);
                        guest_expects(&b, "for the shell\n", 14);
                        (void) !write(report[1], "f", 1);
                        console_free(b.console);
                        _exit(0);
                }
                (void) setpgid(job, job);
                (void) signal(SIGTTOU, SIG_IGN);
                if (waitpid(job, &status, WNOHANG) != 0)
                        _exit(2);
                sleep(1);
                if (waitpid(job, &status, WUNTRACED | WNOHANG) != 0 || tcgetattr(b.caller.slave, &now) < 0 ||
                    !same_attributes(&before, &now))
                        _exit(3);
                (void) tcsetpgrp(b.caller.slave, job);
                (void) kill(job, SIGCONT);
                if (waitpid(job, &status, WUNTRACED) != job || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                        _exit(4);
                _exit(0);
        }
        (void) close(report[1]);
        expect(report[0], 'b');
        expect(report[0], 'f');
        reap(shell);
        ASSERT_OK(tcgetattr(b.caller.slave, &now));
        ASSERT_TRUE(same_attributes(&before, &now));
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(strstr(b.seen, "out"));
        (void) close(report[0]);
        bench_done(&b);
}

/* The color is set again behind the guest's back, and all is undone in the end. */
TEST(tint_and_title) {
        static const char start[] = "\033[22;2t\033]2;a title\033\\\033[44m\033[J", text[] = "\033[0mhello\033[m\n";
        Bench b = bench_new();

        b.background = "44";
        b.title = "a title";
        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(write_all(b.guest.slave, text, strlen(text)));
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(startswith(b.seen, start));
        ASSERT_STREQ(b.seen + strlen(start), "\033[0m\033[44mhello\033[m\033[44m\n");

        /* The next guest: the color once more, the title not. */
        b.n_seen = 0;
        b.guest.slave = safe_close(b.guest.slave);
        ASSERT_EQ(console_drain(b.console), 1);
        b.guest.master = safe_close(b.guest.master);
        bench_guest(&b);
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "\033[44m\033[J");

        b.n_seen = 0;
        console_free(TAKE_PTR(b.console));
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_TRUE(strstr(b.seen, "\033[0m"));
        ASSERT_TRUE(endswith(b.seen, "\033[J\033[23;2t"));
        bench_done(&b);
}

/* fg sets the color again, but not in the place of what the guest has said. */
TEST(continued_with_much_to_show) {
        Bench b = bench_new();
        pid_t pid;

        b.background = "44";
        bench_start(&b, CONSOLE_INTERACTIVE, false, b.caller.slave, b.caller.slave);
        pid = guest_writes(&b, 8u << 20);
        settle_down(&b);
        for (unsigned i = 0; i < 3; i++) {
                ASSERT_OK(kill(getpid(), SIGCONT));
                settle_down(&b);
        }
        read_to_the_end(&b, pid);
        ASSERT_EQ(console_dropped(b.console), 0);
        bench_done(&b);
}

TEST(read_only_is_not_decorated) {
        Bench b = bench_new();

        b.background = "44";
        b.title = "a title";
        bench_start(&b, CONSOLE_READ_ONLY, true, b.caller.slave, b.caller.slave);
        ASSERT_OK(write_all(b.guest.slave, "\033[m", 3));
        settle_down(&b);
        (void) caller_read(&b, SIZE_MAX);
        ASSERT_STREQ(b.seen, "\033[m");
        bench_done(&b);
}

TEST_MAIN
