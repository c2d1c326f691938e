/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A console between two real ptys: the guest's, with child processes for the guest, and the caller's terminal, with the
 * test for the person who sits there. Deadlines only guard against hanging. */

#include "clock.h"
#include "supervise/console.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "test.h"

#define DEADLINE_USEC UINT64_C(60000000)

typedef struct Pty {
        int master, slave;
} Pty;

static _unused_ Pty pty_new(void) {
        Pty p = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };

        ASSERT_TRUE(p.master >= 0 && unlockpt(p.master) >= 0);
        p.slave = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ASSERT_TRUE(p.slave >= 0);
        return p;
}

static _unused_ void pty_raw(int fd) {
        struct termios t;

        ASSERT_OK(tcgetattr(fd, &t));
        cfmakeraw(&t);
        ASSERT_OK(tcsetattr(fd, TCSANOW, &t));
}

static _unused_ bool same_attributes(const struct termios *a, const struct termios *b) {
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

static _unused_ void on_key(Hotkey key, void *userdata) {
        Bench *b = userdata;

        b->key = key;
        b->n_keys++;
}

static _unused_ void on_drained(void *userdata) {
        ((Bench *) userdata)->drained = true;
}

static _unused_ void bench_guest(Bench *b) {
        b->guest = pty_new();
        pty_raw(b->guest.slave);
        ASSERT_OK(console_attach(b->console, fcntl(b->guest.master, F_DUPFD_CLOEXEC, 3)));
}

static _unused_ void bench_start(Bench *b, ConsoleMode mode, bool lossy, int input_fd, int output_fd) {
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

static _unused_ Bench bench_new(void) {
        return (Bench){ .caller = pty_new(), .guest = { -EBADF, -EBADF } };
}

static _unused_ void bench_done(Bench *b) {
        console_free(b->console);
        (void) sd_event_unref(b->event);
        (void) safe_close(b->caller.master);
        (void) safe_close(b->caller.slave);
        (void) safe_close(b->guest.master);
        (void) safe_close(b->guest.slave);
        free(b->seen);
}

/* Returns whether anything happened within this time. */
static _unused_ bool turn(Bench *b, uint64_t usec) {
        int r = sd_event_run(b->event, usec);

        ASSERT_OK(r);
        return r > 0;
}

static _unused_ void settle_down(Bench *b) {
        while (turn(b, 20000))
                ;
}

/* The caller reads what there is now, without waiting. */
static _unused_ size_t caller_read(Bench *b, size_t max) {
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

static _unused_ bool child_is_dead(pid_t pid) {
        siginfo_t si = {};

        ASSERT_OK(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG | WNOWAIT));
        return si.si_pid == pid;
}

/* A guest that writes numbered lines of 50 bytes, as many as fit in size bytes, then END. */
static _unused_ pid_t guest_writes(Bench *b, size_t size) {
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

static _unused_ void reap(pid_t pid) {
        int status;

        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
}

/* What was typed arrives inside: reads from the guest's slave until it has this text. */
static _unused_ void guest_expects(Bench *b, const char *text, size_t size) {
        char data[4096];
        size_t n = 0;

        for (uint64_t end = clock_usec() + DEADLINE_USEC; n < size && clock_usec() < end;) {
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

/* The caller reads all that comes until the guest's process has ended and its last output is here. */
static _unused_ void read_to_the_end(Bench *b, pid_t pid) {
        bool dead = false;

        for (uint64_t end = clock_usec() + DEADLINE_USEC; clock_usec() < end && !(dead && b->drained);) {
                (void) turn(b, 1000);
                (void) caller_read(b, SIZE_MAX);
                if (!dead && child_is_dead(pid)) {
                        dead = true;
                        b->drained = console_drain(b->console) > 0;
                }
        }
        reap(pid);
}
