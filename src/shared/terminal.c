/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: thin wrappers around termios ioctls. The raw attributes are computed when the
 * normal ones are saved, so that a second process which inherited the struct by fork can tell from the
 * terminal alone whether there is still something to put back. TCSANOW everywhere: draining may wait for a
 * reader for ever. */

#include "terminal.h"

#include <signal.h>
#include <unistd.h>

static struct termios raw_attributes(const struct termios *normal, TerminalSide sides) {
        struct termios raw = *normal;

        cfmakeraw(&raw);
        if (!(sides & TERMINAL_INPUT)) {
                raw.c_iflag = normal->c_iflag;
                raw.c_lflag = normal->c_lflag;
                raw.c_cflag = normal->c_cflag;
        } else {
                raw.c_cc[VMIN] = 1;
                raw.c_cc[VTIME] = 0;
        }
        if (!(sides & TERMINAL_OUTPUT))
                raw.c_oflag = normal->c_oflag;
        return raw;
}

int terminal_save(int fd, TerminalSide sides, TerminalState *ret) {
        struct termios normal;

        if (tcgetattr(fd, &normal) < 0)
                return -errno;
        *ret = (TerminalState){ .fd = fd, .normal = normal, .raw = raw_attributes(&normal, sides) };
        return 0;
}

bool terminal_is_same(int a, int b) {
        unsigned device_a, device_b;

        return ioctl(a, TIOCGDEV, &device_a) >= 0 && ioctl(b, TIOCGDEV, &device_b) >= 0 && device_a == device_b;
}

bool terminal_is_foreground(int fd) {
        pid_t group = tcgetpgrp(fd);

        return group < 0 || group == getpgrp();
}

int terminal_enter_raw(const TerminalState *s) {
        return tcsetattr(s->fd, TCSANOW, &s->raw) < 0 ? -errno : 0;
}

int terminal_restore(const TerminalState *s) {
        sigset_t block, saved;
        int r;

        if (s->fd < 0)
                return 0;
        /* With SIGTTOU blocked a background job may do this too. */
        (void) sigemptyset(&block);
        (void) sigaddset(&block, SIGTTOU);
        (void) sigprocmask(SIG_BLOCK, &block, &saved);
        r = tcsetattr(s->fd, TCSANOW, &s->normal) < 0 ? -errno : 0;
        (void) sigprocmask(SIG_SETMASK, &saved, NULL);
        return r;
}

/* Not c_cflag: a line may not support all that was asked for. */
static bool attributes_equal(const struct termios *a, const struct termios *b) {
        return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
                a->c_cc[VMIN] == b->c_cc[VMIN] && a->c_cc[VTIME] == b->c_cc[VTIME];
}

int terminal_restore_if_raw(const TerminalState *s) {
        struct termios now;
        int r;

        if (s->fd < 0)
                return 0;
        if (tcgetattr(s->fd, &now) < 0)
                return -errno;
        if (!attributes_equal(&now, &s->raw))
                return 0;
        r = terminal_restore(s);
        return r < 0 ? r : 1;
}

int terminal_get_size(int fd, struct winsize *ret) {
        struct winsize size;

        if (ioctl(fd, TIOCGWINSZ, &size) < 0)
                return -errno;
        if (size.ws_row == 0 || size.ws_col == 0)
                return -ENODATA;
        *ret = size;
        return 0;
}

int terminal_set_size(int fd, const struct winsize *size) {
        return ioctl(fd, TIOCSWINSZ, size) < 0 ? -errno : 0;
}
