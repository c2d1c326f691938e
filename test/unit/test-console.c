/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The console between two real ptys: the guest's, with child processes for the guest, and the caller's
 * terminal, with the test for the person who sits there. Deadlines only guard against hanging. */

#include "supervise/console.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "test.h"

#define DEADLINE_USEC UINT64_C(60000000)

/* ---- The two ends ---- */

typedef struct Pty {
        int master, slave;
} Pty;

static Pty pty_new(void) {
        Pty p = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };

        ASSERT_TRUE(p.master >= 0 && unlockpt(p.master) >= 0);
        p.slave = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ASSERT_TRUE(p.slave >= 0);
        return p;
}

static void pty_raw(int fd) {
        struct termios t;

        ASSERT_OK(tcgetattr(fd, &t));
        cfmakeraw(&t);
        ASSERT_OK(tcsetattr(fd, TCSANOW, &t));
}

static bool same_attributes(const struct termios *a, const struct termios *b) {
        return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
                a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

typedef struct Bench {
        sd_event *event;
        Console *console;
        Pty caller, guest;
        Hotkey key;
        unsigned n_keys;
        bool drained;
        const char *background, *title;
        char *seen; /* what the caller has read */
        size_t n_seen, seen_space;
} Bench;

static void on_key(Hotkey key, void *userdata) {
        Bench *b = userdata;

        b->key = key;
        b->n_keys++;
}

static void on_drained(void *userdata) {
        ((Bench *) userdata)->drained = true;
}

static void bench_guest(Bench *b) {
        b->guest = pty_new();
        pty_raw(b->guest.slave);
        ASSERT_OK(console_attach(b->console, fcntl(b->guest.master, F_DUPFD_CLOEXEC, 3)));
}

static void bench_start(Bench *b, ConsoleMode mode, bool lossy, int input_fd, int output_fd) {
        ConsoleSettings s = {
                .mode = mode,
                .lossy = lossy,
                .input_fd = input_fd,
                .output_fd = output_fd,
                .hotkey = on_key,
                .drained = on_drained,
                .userdata = b,
                .background = b->background,
                .title = b->title,
        };

        ASSERT_OK(sd_event_new(&b->event));
        ASSERT_OK(console_new(b->event, &s, &b->console));
        bench_guest(b);
}

static Bench bench_new(void) {
        return (Bench){ .caller = pty_new(), .guest = { -EBADF, -EBADF } };
}

static void bench_done(Bench *b) {
        console_free(b->console);
        (void) sd_event_unref(b->event);
        (void) safe_close(b->caller.master);
        (void) safe_close(b->caller.slave);
        (void) safe_close(b->guest.master);
        (void) safe_close(b->guest.slave);
        free(b->seen);
}

/* Returns whether anything happened within this time. */
static bool turn(Bench *b, uint64_t usec) {
        int r = sd_event_run(b->event, usec);

        ASSERT_OK(r);
        return r > 0;
}

static void settle_down(Bench *b) {
        while (turn(b, 20000))
                ;
}

/* The caller reads what there is now, without waiting. */
static size_t caller_read(Bench *b, size_t max) {
        struct pollfd p = { .fd = b->caller.master, .events = POLLIN };
        size_t total = 0;

        while (total < max && poll(&p, 1, 0) > 0 && (p.revents & POLLIN)) {
                ssize_t n;

                if (b->seen_space - b->n_seen < 4097)
                        b->seen = realloc(b->seen, b->seen_space = b->seen_space * 2 + 8192);
                ASSERT_TRUE(b->seen);
                n = read(b->caller.master, b->seen + b->n_seen, MIN(max - total, (size_t) 4096));
                if (n <= 0)
                        break;
                b->n_seen += (size_t) n;
                total += (size_t) n;
                b->seen[b->n_seen] = 0;
        }
        return total;
}

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static bool child_is_dead(pid_t pid) {
        siginfo_t si = {};

        ASSERT_OK(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG | WNOWAIT));
        return si.si_pid == pid;
}

/* A guest that writes numbered lines of 50 bytes, as many as fit in size bytes, then END. */
static pid_t guest_writes(Bench *b, size_t size) {
        pid_t pid = fork();

        ASSERT_OK(pid);
        if (pid > 0) {
                b->guest.slave = safe_close(b->guest.slave);
                return pid;
        }
        for (size_t line = 0; line < size / 50;) {
                char block[2000 + 1];
                size_t n = 0;

                for (; n < 2000 && line < size / 50; n += 50)
                        (void) snprintf(block + n, 51, "%048zu\r\n", line++);
                if (write_all(b->guest.slave, block, n) < 0)
                        _exit(1);
        }
        _exit(write_all(b->guest.slave, "END", 3) < 0);
}

static void reap(pid_t pid) {
        int status;

        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
}

/* What was typed arrives inside: reads from the guest's slave until it has this text. */
static void guest_expects(Bench *b, const char *text, size_t size) {
        char data[4096];
        size_t n = 0;

        for (uint64_t end = now_usec() + DEADLINE_USEC; n < size && now_usec() < end;) {
                struct pollfd p = { .fd = b->guest.slave, .events = POLLIN };

                (void) turn(b, 10000);
                if (poll(&p, 1, 0) > 0) {
                        ssize_t k = read(b->guest.slave, data + n, sizeof(data) - n);
                        ASSERT_TRUE(k > 0);
                        n += (size_t) k;
                }
        }
        ASSERT_EQ(n, size);
        ASSERT_TRUE(memcmp(data, text, size) == 0);
}

/* ---- Tests ---- */

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

/* The caller reads all that comes until the guest's process has ended and its last output is here. */
static void read_to_the_end(Bench *b, pid_t pid) {
        bool dead = false;

        for (uint64_t end = now_usec() + DEADLINE_USEC; now_usec() < end && !(dead && b->drained);) {
                (void) turn(b, 1000);
                (void) caller_read(b, SIZE_MAX);
                if (!dead && child_is_dead(pid)) {
                        dead = true;
                        b->drained = console_drain(b->console) > 0;
                }
        }
        reap(pid);
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

TEST(hot_key_scanner) {
        static const struct {
                const char *keys;
                uint64_t step_usec;
                Hotkey expected;
                unsigned n_passed;
        } cases[] = {
                { "\x1d\x1d\x1d", 500000, HOTKEY_KILL, 2 },
                { "\x1d\x1d\x1d", 500001, HOTKEY_NONE, 3 },
                { "\x1d\x1d\x1d\x1d\x1d", 500001, HOTKEY_NONE, 5 },
                { "\x1d\x1dr", 400000, HOTKEY_REBOOT, 2 },
                { "\x1d\x1dp", 0, HOTKEY_POWEROFF, 2 },
                { "\x1d\x1dx\x1dr", 0, HOTKEY_NONE, 5 },
                { "\x1dr\x1dp", 0, HOTKEY_NONE, 4 },
                { "\x1d\x1dq\x1d\x1d\x1d", 0, HOTKEY_KILL, 5 },
                { "r\xc2\x9dp", 0, HOTKEY_NONE, 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                HotkeyScanner s = {};
                Hotkey found = HOTKEY_NONE;
                unsigned passed = 0;
                uint64_t now = 123;

                for (const char *p = cases[i].keys; *p; p++, now += cases[i].step_usec) {
                        Hotkey key = hotkey_scan(&s, (uint8_t) *p, now);

                        if (key == HOTKEY_NONE)
                                passed++;
                        else
                                found = key;
                }
                ASSERT_EQ(found, cases[i].expected);
                ASSERT_EQ(passed, cases[i].n_passed);
        }
}

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
        for (uint64_t end = now_usec() + DEADLINE_USEC; sent < 1000000 && now_usec() < end;) {
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
        for (uint64_t end = now_usec() + DEADLINE_USEC; got < SIZE && now_usec() < end;) {
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

TEST(flood_with_a_caller_who_does_not_read) {
        Bench b = bench_new();
        struct mallinfo2 before, after;
        unsigned long long missing;
        pid_t pid;
        char *notice;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        before = mallinfo2();
        pid = guest_writes(&b, 50000000);
        for (uint64_t end = now_usec() + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;)
                (void) turn(&b, 10000);
        reap(pid);
        settle_down(&b);
        after = mallinfo2();
        ASSERT_TRUE(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 100000);
        ASSERT_TRUE(console_dropped(b.console) > 49000000);

        /* The caller comes back: the beginning, one notice, the end. */
        for (uint64_t end = now_usec() + DEADLINE_USEC; now_usec() < end;) {
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
        for (uint64_t end = now_usec() + DEADLINE_USEC; (b->n_seen < expected || !dead) && now_usec() < end;) {
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

/* One burst of output to a caller who reads it, if not at every moment. Returns the longest time it did not read. */
static uint64_t burst(uint64_t *ret_dropped) {
        uint64_t last, longest = 0;
        Bench b = bench_new();
        pid_t pid;

        bench_start(&b, CONSOLE_INTERACTIVE, true, b.caller.slave, b.caller.slave);
        pid = guest_writes(&b, 500000);
        last = now_usec();
        for (uint64_t end = last + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;) {
                for (unsigned k = 0; k < 20; k++)
                        (void) turn(&b, 100);
                longest = MAX(longest, now_usec() - last);
                last = now_usec();
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
        for (uint64_t end = now_usec() + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;)
                (void) turn(&b, 10000);
        reap(pid);
        ASSERT_EQ(console_drain(b.console), 0);
        for (uint64_t end = now_usec() + DEADLINE_USEC; !b.drained && now_usec() < end;)
                (void) turn(&b, 100000);
        ASSERT_TRUE(b.drained);
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
        for (uint64_t end = now_usec() + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;)
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

/* A booted guest goes on whatever becomes of its audience. */
static void check_unseen(Bench *b) {
        pid_t pid = guest_writes(b, 2000000);

        for (uint64_t end = now_usec() + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;)
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
        for (uint64_t end = now_usec() + DEADLINE_USEC; !child_is_dead(pid) && now_usec() < end;)
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
