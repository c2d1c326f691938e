/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is what a guest writes to its console. However it is cut, the color is set again at the same places, never
 * more often than the space that was reckoned with has room for. */

#include "supervise/tint.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POSITIONS_MAX 65536u

/* The places after which it is set again, when the output comes in pieces of this size. */
static size_t scan(const uint8_t *data, size_t size, size_t piece, uint8_t *again_at) {
        size_t count = 0;
        Tint t;

        tint_init(&t, "44");
        for (size_t i = 0; i < size;) {
                bool again;
                size_t n = tint_scan(&t, data + i, MIN(piece, size - i), &again);

                if (n == 0 || n > size - i)
                        abort();
                i += n;
                again_at[i - 1] = again;
                count += again;
        }
        if (size > 0 && tint_fitting(&t, size + count * t.length - 1) >= size)
                abort();
        return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t whole[POSITIONS_MAX], cut[POSITIONS_MAX];

        size = MIN(size, (size_t) POSITIONS_MAX);
        for (size_t piece = 1; piece < 5; piece++) {
                memset(whole, 0, size);
                memset(cut, 0, size);
                if (scan(data, size, SIZE_MAX, whole) != scan(data, size, piece, cut) || memcmp(whole, cut, size) != 0)
                        abort();
        }
        return 0;
}
