/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The time for deadlines: in microseconds since some moment, and nobody can set it. */

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}
