/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the state is saved once, in the supervisor, before the minder is forked from it. Then
 * either the supervisor puts the terminal back at its end, or, if it was killed, the minder does. The minder
 * may come late, when a shell has the terminal again; so it acts only if it finds our raw mode. */

#include "supervise/console-terminal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* End strings, normal screen, mouse, focus and paste reports off, keypad and cursor keys normal, wrap
 * around, whole screen scrolls (the cursor stays), ASCII, no colours, cursor visible. Not ?1049l: it moves
 * the cursor. */
static const char reset_sequence[] = "\033\\\033[?1047l"
                                     "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1004l\033[?2004l"
                                     "\033[?1l\033>\033[?7h\0337\033[r\0338\033(B\017\033[0m\033[?25h";

bool console_terminal_has_colors(void) {
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

        return !isempty(term) && !streq(term, "dumb") && isempty(no_color);
}

bool console_terminal_has_title(void) {
        static const char *const families[] = {
                "Eterm", "alacritty", "contour", "foot", "gnome", "kitty", "konsole", "mlterm",
                "putty", "rxvt",      "screen",  "st-",  "tmux",  "vte",   "wezterm", "xterm",
        };
        const char *term = getenv("TERM");

        for (size_t i = 0; term && i < ELEMENTSOF(families); i++)
                if (startswith(term, families[i]))
                        return true;
        return false;
}

void console_terminal_save(ConsoleTerminal *t, int input_fd, int output_fd) {
        bool one = terminal_is_same(input_fd, output_fd), tinted = t->tinted, titled = t->titled;

        *t = CONSOLE_TERMINAL_NONE;
        t->tinted = tinted;
        t->titled = titled;
        (void) !terminal_save(input_fd, TERMINAL_INPUT | (one ? TERMINAL_OUTPUT : 0), &t->input);
        if (!one)
                (void) !terminal_save(output_fd, TERMINAL_OUTPUT, &t->output);
        if (one || t->output.fd >= 0)
                t->reset_fd = output_fd;
}

int console_terminal_fd(const ConsoleTerminal *t) {
        return t->input.fd >= 0 ? t->input.fd : t->output.fd;
}

int console_terminal_enter_raw(const ConsoleTerminal *t) {
        int a = t->input.fd >= 0 ? terminal_enter_raw(&t->input) : 0;
        int b = t->output.fd >= 0 ? terminal_enter_raw(&t->output) : 0;

        return a < 0 ? a : b;
}

/* A shared description may block, but not for this little once it is ready. */
static void write_if_ready(int fd, const char *text, size_t size) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        if (fd < 0 || poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
                return;
        if (write(fd, text, size) < 0)
                return; /* nobody to tell */
}

/* The lines below the cursor lose the tint as well; the title from before comes back off the terminal's stack. */
static void write_reset(const ConsoleTerminal *t) {
        write_if_ready(t->reset_fd, reset_sequence, sizeof(reset_sequence) - 1);
        if (t->tinted)
                write_if_ready(t->reset_fd, "\033[J", 3);
        if (t->titled)
                write_if_ready(t->reset_fd, "\033[23;2t", 7);
}

void console_terminal_leave(const ConsoleTerminal *t, bool newline) {
        if (!terminal_is_foreground(console_terminal_fd(t))) {
                console_terminal_restore(t);
                return;
        }
        if (newline)
                write_if_ready(t->reset_fd, "\r\n", 2);
        write_reset(t);
        (void) terminal_restore(&t->input); /* may be gone */
        (void) terminal_restore(&t->output);
}

void console_terminal_restore(const ConsoleTerminal *t) {
        int a = terminal_restore_if_raw(&t->input), b = terminal_restore_if_raw(&t->output);

        if (a > 0 || b > 0)
                write_reset(t);
}
