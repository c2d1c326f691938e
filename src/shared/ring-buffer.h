/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A byte queue of fixed capacity. */

#include <stdint.h>
#include <sys/uio.h>

#include "macros.h"

typedef struct RingBuffer {
        uint8_t *data; /* NULL while capacity is 0 */
        size_t capacity;
        size_t start; /* offset of the oldest byte */
        size_t size;  /* bytes queued */
} RingBuffer;

/* Allocates an empty buffer of this many bytes (> 0); pages are touched only as they fill. -ENOMEM. */
int ring_buffer_init(RingBuffer *b, size_t capacity) _must_check_;

/* Frees the memory; the buffer is then one of capacity 0, as a zeroed struct is. */
void ring_buffer_done(RingBuffer *b);

static inline size_t ring_buffer_space(const RingBuffer *b) {
        return b->capacity - b->size;
}

/* Appends what fits of size bytes and returns how many did. */
size_t ring_buffer_write(RingBuffer *b, const void *data, size_t size);

/* Appends all of the size bytes at the cost of the oldest. Returns how many bytes, queued or new, were
 * lost. */
size_t ring_buffer_overwrite(RingBuffer *b, const void *data, size_t size);

/* The queued bytes, oldest first, as 0, 1 or 2 pieces; returns how many. Valid until the next change. */
int ring_buffer_peek(const RingBuffer *b, struct iovec ret[static 2]);

/* Removes the oldest size bytes (at most what is queued). */
void ring_buffer_consume(RingBuffer *b, size_t size);
