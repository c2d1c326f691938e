/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Terminal attributes: saving them, raw mode, putting them back; window size. */

#include <sys/ioctl.h>
#include <termios.h>

#include "macros.h"

typedef enum TerminalSide {
        TERMINAL_INPUT = 1 << 0,  /* raw: every key is a byte to be read, no echo, no signals */
        TERMINAL_OUTPUT = 1 << 1, /* raw: bytes written are shown unchanged */
} TerminalSide;

/* A terminal as it was found, and as it is while raw. A plain value: a forked process can use its copy, as
 * long as it has fd open under the same number. fd is not owned; negative means "no terminal". */
typedef struct TerminalState {
        int fd;
        struct termios normal, raw;
} TerminalState;

#define TERMINAL_STATE_NONE ((TerminalState){ .fd = -EBADF })

/* Takes down the attributes of a terminal and works out its raw ones for these sides; changes nothing.
 * -ENOTTY if fd is no terminal. */
int terminal_save(int fd, TerminalSide sides, TerminalState *ret) _must_check_;

/* True if both are the same terminal, even if one was opened as /dev/tty. */
bool terminal_is_same(int a, int b);

/* True unless we are a background job of this terminal, for which reading it or changing it means being
 * stopped. A terminal that does not control our session counts as ours to use. */
bool terminal_is_foreground(int fd);

/* Raw mode. Stops a background job, see above. */
int terminal_enter_raw(const TerminalState *s);

/* Puts the saved attributes back: at once, without waiting for output to drain, and from the background too.
 * Makes only async-signal-safe calls, as does the next. No terminal is success. */
int terminal_restore(const TerminalState *s);

/* The same, but leaves a terminal alone that is not (or no longer) in our raw mode. Returns 1 if it was. */
int terminal_restore_if_raw(const TerminalState *s);

/* Window size in character cells (and pixels, where known). -ENOTTY; -ENODATA if the terminal has none
 * set. */
int terminal_get_size(int fd, struct winsize *ret);
int terminal_set_size(int fd, const struct winsize *size);
