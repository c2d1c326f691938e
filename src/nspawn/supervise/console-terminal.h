/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The caller's terminal, or terminals, while an interactive console uses them. */

#include "terminal.h"

/* A plain value: the minder restores from its copy, in which the descriptors must be open under the same
 * numbers. */
typedef struct ConsoleTerminal {
        TerminalState input;  /* the terminal keys come from; fd is -EBADF if there is none */
        TerminalState output; /* the one output goes to, if it is another; else fd is -EBADF */
        int reset_fd;         /* the one output goes to, or -EBADF; private and non-blocking where possible */
        bool tinted, titled;  /* set by its user: what besides is to be undone */
} ConsoleTerminal;

#define CONSOLE_TERMINAL_NONE ((ConsoleTerminal){ TERMINAL_STATE_NONE, TERMINAL_STATE_NONE, -EBADF, false, false })

/* Whether the caller's environment lets colors be shown, and whether the terminal is known to have a title that can be
 * set and put back. */
bool console_terminal_has_colors(void);
bool console_terminal_has_title(void);

/* Takes down what the terminals among these two descriptors (borrowed; negative for none) are like. Leaves tinted and
 * titled as they are. */
void console_terminal_save(ConsoleTerminal *t, int input_fd, int output_fd);

/* A descriptor of the terminal, or a negative number if there is none. */
int console_terminal_fd(const ConsoleTerminal *t);

/* Raw mode on each of them. The first error, after trying all. */
int console_terminal_enter_raw(const ConsoleTerminal *t);

/* Leaves the terminal as it was found, and usable (cursor, screen, colours). newline: the cursor is not in
 * the first column. From the background, the same as the next. */
void console_terminal_leave(const ConsoleTerminal *t, bool newline);

/* The same if the terminal is still in our raw mode, else nothing. Makes only async-signal-safe calls and
 * never waits; for the process that outlives a killed supervisor. */
void console_terminal_restore(const ConsoleTerminal *t);
