/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a guest says on its console, on its way to the caller: queued, and on a terminal decorated with a background
 * color and a window's title. */

#include "borrowed-fd.h"
#include "supervise/output-queue.h"
#include "supervise/tint.h"

typedef struct ConsoleOutput {
        BorrowedFd caller; /* fd is -EBADF: nobody sees it (passive, no output given, or the caller has closed it) */
        OutputQueue queue;
        uint8_t last_shown;
        bool decorated;
        Tint tint;
        char *title; /* the sequence that sets it; NULL: none, or it is done */
} ConsoleOutput;

/* Whether it may lose output for want of room (OutputQueue). Nobody sees it yet. -ENOMEM. */
int console_output_init(ConsoleOutput *o, bool lossy) _must_check_;
void console_output_done(ConsoleOutput *o);

/* What console_output_decorate() will do: the color as of tint_init(), or NULL; a title, or NULL. -ENOMEM. */
int console_output_set_decoration(ConsoleOutput *o, const char *background, const char *title) _must_check_;

/* From now on the color stays under the output. Sets it, and the title, if that has room without loss. */
void console_output_decorate(ConsoleOutput *o);

bool console_output_is_unseen(const ConsoleOutput *o);

/* How many bytes may be put without loss; what is unseen is never too much. */
size_t console_output_space(const ConsoleOutput *o);
void console_output_put(ConsoleOutput *o, const uint8_t *data, size_t size);

/* How many bytes wait for the caller. */
size_t console_output_backlog(const ConsoleOutput *o);

/* Writes what the caller takes without waiting, but not for ever. Returns the number of bytes, or what is wrong with
 * the caller's end: console_output_close() is all that is left to do then. */
ssize_t console_output_write(ConsoleOutput *o);

/* Nobody sees it from now on. */
void console_output_close(ConsoleOutput *o);
