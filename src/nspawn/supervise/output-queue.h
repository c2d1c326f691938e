/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Console output on its way to a caller who may be slower than the guest: bounded, and honest about gaps. */

#include "ring-buffer.h"

typedef struct OutputQueue {
        bool lossy;
        RingBuffer shown;  /* what the caller gets next, without a gap */
        RingBuffer latest; /* lossy: the newest output since shown overflowed; allocated then */
        bool overflowed;   /* new output goes to latest */
        uint64_t gap;      /* bytes lost between shown and latest */
        char notice[96];   /* about the gap before shown, as far as not yet taken */
        size_t notice_size, notice_done;
        uint64_t n_dropped; /* bytes lost since the queue was made */
} OutputQueue;

/* Whether the queue may lose output. If not, no more must be put in than output_queue_space(). -ENOMEM. */
int output_queue_init(OutputQueue *q, bool lossy) _must_check_;
void output_queue_done(OutputQueue *q);

/* How many bytes may be put without loss; SIZE_MAX once the queue has overflowed, since then it does not
 * matter. */
size_t output_queue_space(const OutputQueue *q);

/* How many bytes wait to be taken, up to the first gap. */
size_t output_queue_backlog(const OutputQueue *q);

/* Lossy: from now on, and until the caller has caught up, older output makes room for newer. */
void output_queue_overflow(OutputQueue *q);

/* A lossy queue that is full overflows by itself. */
void output_queue_put(OutputQueue *q, const void *data, size_t size);

/* The bytes to write next, as 0, 1 or 2 pieces; returns how many. output_queue_take() says how many of these
 * bytes were written. */
int output_queue_peek(const OutputQueue *q, struct iovec ret[static 2]);
void output_queue_take(OutputQueue *q, size_t size);

/* Forgets everything queued, counting it as dropped. */
void output_queue_discard(OutputQueue *q);
