/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the queued bytes are data[start], data[start + 1], … modulo capacity. Whenever the
 * queue runs empty it starts over at offset 0, so that light traffic touches only the first pages of a
 * large buffer. */

#include "ring-buffer.h"

int ring_buffer_init(RingBuffer *b, size_t capacity) {
        uint8_t *data = malloc(capacity);

        if (!data)
                return -ENOMEM;
        *b = (RingBuffer){ .data = data, .capacity = capacity };
        return 0;
}

void ring_buffer_done(RingBuffer *b) {
        free(b->data);
        *b = (RingBuffer){};
}

size_t ring_buffer_write(RingBuffer *b, const void *data, size_t size) {
        size_t n = MIN(size, ring_buffer_space(b)), end, first;

        if (n == 0)
                return 0;
        end = (b->start + b->size) % b->capacity;
        first = MIN(n, b->capacity - end);
        memcpy(b->data + end, data, first);
        memcpy(b->data, (const uint8_t *) data + first, n - first);
        b->size += n;
        return n;
}

size_t ring_buffer_overwrite(RingBuffer *b, const void *data, size_t size) {
        size_t skip = size > b->capacity ? size - b->capacity : 0;
        size_t keep = size - skip, lost = 0;

        if (keep > ring_buffer_space(b)) {
                lost = keep - ring_buffer_space(b);
                ring_buffer_consume(b, lost);
        }
        (void) ring_buffer_write(b, (const uint8_t *) data + skip, keep);
        return skip + lost;
}

int ring_buffer_peek(const RingBuffer *b, struct iovec ret[static 2]) {
        size_t first = MIN(b->size, b->capacity - b->start);

        if (b->size == 0)
                return 0;
        ret[0] = (struct iovec){ b->data + b->start, first };
        if (first == b->size)
                return 1;
        ret[1] = (struct iovec){ b->data, b->size - first };
        return 2;
}

void ring_buffer_consume(RingBuffer *b, size_t size) {
        size_t n = MIN(size, b->size);

        b->size -= n;
        b->start = b->size > 0 ? (b->start + n) % b->capacity : 0;
}
