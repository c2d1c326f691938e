/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. What is decorated is only ever added to, in front of all and behind
 * each sequence of the guest's that takes the color away (tint.c); so the room that a guest is told of is less than
 * the queue's by as much as might be added. */

#include "supervise/console-output.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX 4U /* writes before other event sources get a turn */
#define CLEAR_BELOW "\033[J"

int console_output_init(ConsoleOutput *o, bool lossy) {
        *o = (ConsoleOutput){ .caller = BORROWED_FD_NONE };
        return output_queue_init(&o->queue, lossy);
}

void console_output_done(ConsoleOutput *o) {
        borrowed_fd_close(&o->caller);
        output_queue_done(&o->queue);
        free(TAKE_PTR(o->title));
}

/* — decoration — */

int console_output_set_decoration(ConsoleOutput *o, const char *background, const char *title) {
        if (background)
                tint_init(&o->tint, background);
        if (title && asprintf(&o->title, "\033[22;2t\033]2;%s\033\\", title) < 0) {
                o->title = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* Only where there is room: without it the queue would begin to drop what the guest says; its next reset of the color
 * brings ours. */
void console_output_decorate(ConsoleOutput *o) {
        size_t size = (o->title ? strlen(o->title) : 0) + o->tint.length + CONST_STRLEN(CLEAR_BELOW);

        o->decorated = true;
        if (console_output_is_unseen(o) || output_queue_space(&o->queue) < size)
                return;
        if (o->title)
                output_queue_put(&o->queue, o->title, strlen(o->title));
        free(TAKE_PTR(o->title));
        if (o->tint.length == 0)
                return;
        output_queue_put(&o->queue, o->tint.sequence, o->tint.length);
        output_queue_put(&o->queue, CLEAR_BELOW, CONST_STRLEN(CLEAR_BELOW));
        o->tint.state = TINT_TEXT;
}

/* — the way to the caller — */

bool console_output_is_unseen(const ConsoleOutput *o) {
        return o->caller.fd < 0;
}

size_t console_output_space(const ConsoleOutput *o) {
        return console_output_is_unseen(o) ? SIZE_MAX : tint_fitting(&o->tint, output_queue_space(&o->queue));
}

void console_output_put(ConsoleOutput *o, const uint8_t *data, size_t size) {
        if (console_output_is_unseen(o))
                return;
        while (size > 0 && o->decorated && o->tint.length > 0) {
                bool again;
                size_t n = tint_scan(&o->tint, data, size, &again);

                output_queue_put(&o->queue, data, n);
                if (again)
                        output_queue_put(&o->queue, o->tint.sequence, o->tint.length);
                data += n;
                size -= n;
        }
        output_queue_put(&o->queue, data, size);
}

size_t console_output_backlog(const ConsoleOutput *o) {
        return output_queue_backlog(&o->queue);
}

static uint8_t byte_at(const struct iovec iov[static 2], size_t i) {
        const uint8_t *first = iov[0].iov_base, *second = iov[1].iov_base;

        return i < iov[0].iov_len ? first[i] : second[i - iov[0].iov_len];
}

ssize_t console_output_write(ConsoleOutput *o) {
        ssize_t written = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && !console_output_is_unseen(o); i++) {
                struct iovec iov[2] = {};
                int k = output_queue_peek(&o->queue, iov);
                ssize_t n;

                if (k == 0)
                        break;
                n = borrowed_fd_writev(&o->caller, iov, k);
                if (n < 0 && n != -EAGAIN)
                        return n;
                if (n <= 0)
                        break;
                o->last_shown = byte_at(iov, (size_t) n - 1);
                output_queue_take(&o->queue, (size_t) n);
                written += n;
        }
        return written;
}

void console_output_close(ConsoleOutput *o) {
        borrowed_fd_close(&o->caller);
        output_queue_discard(&o->queue);
}
