/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the caller types, on its way to the guest: hot keys are taken out. */

#include "borrowed-fd.h"
#include "ring-buffer.h"
#include "supervise/hotkey.h"

typedef struct ConsoleInput {
        BorrowedFd caller; /* fd is -EBADF: there is none */
        bool is_terminal;  /* where there are hot keys, and other jobs */
        bool paused;       /* we are a background job */
        bool wanted;       /* there is a guest for which it is meant */
        bool stuck;        /* which accepts nothing: what is typed is only looked at for hot keys */
        RingBuffer typed;  /* and not yet accepted */
        HotkeyScanner scanner;

        /* May call console_input_end_guest(), and must not free the input. */
        void (*hotkey)(Hotkey key, void *userdata);
        void *userdata;
} ConsoleInput;

/* Room for what is typed, where there is somebody to type; a zeroed one with caller BORROWED_FD_NONE is without.
 * -ENOMEM. */
int console_input_init(ConsoleInput *in) _must_check_;
void console_input_done(ConsoleInput *in);

/* Between these two, what is typed is for a guest. What is typed at other times, or is not accepted before the end, is
 * not meant for the next one. */
void console_input_begin_guest(ConsoleInput *in);
void console_input_end_guest(ConsoleInput *in);

/* Whether no more can be read until the guest accepts some. */
bool console_input_is_full(const ConsoleInput *in);

/* Reads once, without waiting, and calls hotkey() for each one. Becomes paused if we are a background job. Returns
 * false at the end of the input. */
bool console_input_read(ConsoleInput *in, uint64_t now_usec);

/* Writes what the guest's end of it, a pty's master, accepts. */
void console_input_write(ConsoleInput *in, int master_fd);
