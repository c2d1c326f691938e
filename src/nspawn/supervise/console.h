/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guest's console: output from its pty to the caller, keys and window size the other way. */

#include <systemd/sd-event.h>

#include "config/config.h"
#include "supervise/console-terminal.h"
#include "supervise/hotkey.h"

typedef struct Console Console;

typedef struct ConsoleSettings {
        ConsoleMode mode; /* from console_effective_mode() */
        bool lossy;       /* a booted machine: its console never waits for the caller. A command's does, and is hung
                           * up where the caller's end is closed or cannot be written. */
        int input_fd;     /* the caller's standard input and output: borrowed, never changed, needed by */
        int output_fd;    /* console_new() only, and by the minder for ConsoleTerminal */

        unsigned rows, columns; /* of the guest's terminal where the caller has none; 0: 24 and 80 */

        /* A hot key was typed. May detach, but not free the console. */
        void (*hotkey)(Hotkey key, void *userdata);
        /* The end of what console_drain() began: the console is silent now. May do anything, free
         * included. */
        void (*drained)(void *userdata);
        void *userdata;

        /* For an interactive console on a terminal, or NULL: the background color, as parameters of an SGR sequence of
         * at most TINT_COLOR_MAX bytes, and the window's title. Needed by console_new() only. */
        const char *background, *title;
} ConsoleSettings;

/* The mode that is meant, given the caller's standard input and output: one of interactive, read-only,
 * passive and pipe. For pipe the payload gets the caller's descriptors themselves; no pty and no Console
 * is needed. */
ConsoleMode console_effective_mode(ConsoleMode mode, int input_fd, int output_fd);

/* Takes down what the caller's terminal is like, and changes nothing yet. Logs its errors, as do all here.
 * To be called before the minder is forked, so that its copy of console_terminal() is complete. */
int console_new(sd_event *event, const ConsoleSettings *settings, Console **ret) _must_check_;

/* Forwards a guest's pty from now on; takes ownership of master_fd in any case. The first call puts the
 * caller's terminal in raw mode (interactive only), ignores SIGPIPE and blocks SIGWINCH and SIGCONT for
 * this process. Again for each guest that follows, after console_detach(). */
int console_attach(Console *c, int master_fd) _must_check_;

/* After the guest's last process is dead: shows what is left in its pty. Returns 1 if that is done already
 * (then drained() is not called), 0 if drained() will be called. A lossless console waits for the caller
 * as long as it takes, console_detach() ends that; a lossy one gives up when the caller took nothing for a
 * second. */
int console_drain(Console *c);

/* Lets go of the guest's pty at once; what is not shown yet is dropped. The terminal stays as it is, and
 * hot keys are still heard. */
void console_detach(Console *c);

/* Bytes of output that were not shown for want of room, so far. */
uint64_t console_dropped(const Console *c);

/* Detaches, then leaves the terminal as it was found, and usable (cursor, screen, colours). NULL is fine. */
void console_free(Console *c);
DEFINE_CLEANUP(Console *, console_free)

/* What the minder needs to restore the terminal if we are killed: console_terminal_restore(). Valid as
 * long as the console, and in any process forked after console_new() that keeps the descriptors named in
 * it open. */
const ConsoleTerminal *console_terminal(const Console *c);
