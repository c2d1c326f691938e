/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. A lossless queue is one ring; when it is full, its owner
 * stops reading from the guest. A lossy one has two. After the first has overflowed, output goes to the
 * second, where the newest bytes replace the oldest, until the caller has taken all of the first. Then the
 * caller gets a notice of how much is missing, and the rings change places. So a caller who stalls and
 * comes back sees what was going on then, one line about the gap, and what the guest said last (a login
 * prompt, a panic); and one who is merely slow gets long unbroken stretches rather than a notice every few
 * bytes. */

#include "output-queue.h"

#include <stdio.h>

#define RING_SIZE (32 * 1024U)

int output_queue_init(OutputQueue *q, bool lossy) {
        *q = (OutputQueue){ .lossy = lossy };
        return ring_buffer_init(&q->shown, RING_SIZE);
}

void output_queue_done(OutputQueue *q) {
        ring_buffer_done(&q->shown);
        ring_buffer_done(&q->latest);
        *q = (OutputQueue){};
}

size_t output_queue_space(const OutputQueue *q) {
        return q->overflowed ? SIZE_MAX : ring_buffer_space(&q->shown);
}

size_t output_queue_backlog(const OutputQueue *q) {
        return q->notice_size - q->notice_done + q->shown.size;
}

void output_queue_overflow(OutputQueue *q) {
        q->overflowed = q->lossy && q->shown.size > 0;
}

static void lose(OutputQueue *q, size_t size) {
        q->gap += size;
        q->n_dropped += size;
}

void output_queue_put(OutputQueue *q, const void *data, size_t size) {
        if (!q->overflowed) {
                size_t n = ring_buffer_write(&q->shown, data, size);

                if (n == size)
                        return;
                q->overflowed = true;
                data = (const uint8_t *) data + n;
                size -= n;
        }
        /* Without memory for the second ring (capacity 0), all of it counts as lost; which is true. */
        if (q->latest.capacity == 0)
                (void) !ring_buffer_init(&q->latest, RING_SIZE);
        lose(q, ring_buffer_overwrite(&q->latest, data, size));
}

/* Output after a gap begins with a whole line, if there is one near, and not inside an escape sequence. */
static void skip_to_line(OutputQueue *q) {
        struct iovec iov[2];
        const uint8_t *newline;

        if (ring_buffer_peek(&q->latest, iov) == 0)
                return;
        newline = memchr(iov[0].iov_base, '\n', MIN(iov[0].iov_len, (size_t) 4096));
        if (newline) {
                size_t n = (size_t) (newline - (const uint8_t *) iov[0].iov_base) + 1;

                lose(q, n);
                ring_buffer_consume(&q->latest, n);
        }
}

static void close_gap(OutputQueue *q) {
        RingBuffer emptied = q->shown;

        if (q->gap > 0) {
                skip_to_line(q);
                q->notice_done = 0;
                q->notice_size = (size_t) snprintf(q->notice, sizeof(q->notice),
                                                   "\r\n[nspawn: %llu bytes of console output dropped]\r\n",
                                                   (unsigned long long) q->gap);
        }
        q->gap = 0;
        q->overflowed = false;
        if (q->latest.capacity > 0) {
                q->shown = q->latest;
                q->latest = emptied;
        }
}

int output_queue_peek(const OutputQueue *q, struct iovec ret[static 2]) {
        if (q->notice_done == q->notice_size)
                return ring_buffer_peek(&q->shown, ret);
        ret[0] = (struct iovec){ (char *) q->notice + q->notice_done, q->notice_size - q->notice_done };
        return 1;
}

void output_queue_take(OutputQueue *q, size_t size) {
        if (q->notice_done < q->notice_size)
                q->notice_done += size;
        else
                ring_buffer_consume(&q->shown, size);
        if (q->overflowed && q->shown.size == 0)
                close_gap(q);
}

void output_queue_discard(OutputQueue *q) {
        lose(q, q->shown.size + q->latest.size);
        ring_buffer_consume(&q->shown, q->shown.size);
        ring_buffer_consume(&q->latest, q->latest.size);
        q->notice_size = q->notice_done = 0;
        q->overflowed = false;
        q->gap = 0;
}
