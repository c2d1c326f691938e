/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the algorithm of Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012),
 * with two compression rounds per 8-byte word and four finalization rounds. Pure; any process may call it.
 * The last word is the 0 to 7 bytes that are left over, with the input's length modulo 256 in its top
 * byte. */

#include "siphash.h"

#include <endian.h>
#include <string.h>

static uint64_t rotate(uint64_t x, unsigned bits) {
        return x << bits | x >> (64 - bits);
}

static uint64_t load_word(const uint8_t *p) {
        uint64_t x;

        memcpy(&x, p, sizeof(x));
        return le64toh(x);
}

static void rounds(uint64_t v[static 4], unsigned n) {
        while (n-- > 0) {
                v[0] += v[1];
                v[2] += v[3];
                v[1] = rotate(v[1], 13) ^ v[0];
                v[3] = rotate(v[3], 16) ^ v[2];
                v[0] = rotate(v[0], 32);

                v[2] += v[1];
                v[0] += v[3];
                v[1] = rotate(v[1], 17) ^ v[2];
                v[3] = rotate(v[3], 21) ^ v[0];
                v[2] = rotate(v[2], 32);
        }
}

static void compress(uint64_t v[static 4], uint64_t word) {
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
}

uint64_t siphash24(const void *data, size_t size, const uint8_t key[static SIPHASH_KEY_SIZE]) {
        uint64_t k0 = load_word(key), k1 = load_word(key + 8);
        uint64_t v[4] = {
                k0 ^ 0x736f6d6570736575u, /* "somepseu" "dorandom" "lygenera" "tedbytes" */
                k1 ^ 0x646f72616e646f6du,
                k0 ^ 0x6c7967656e657261u,
                k1 ^ 0x7465646279746573u,
        };
        const uint8_t *p = data;
        uint64_t last = (uint64_t) size << 56;

        for (size_t left = size; left >= 8; left -= 8, p += 8)
                compress(v, load_word(p));
        for (size_t i = 0; i < size % 8; i++)
                last |= (uint64_t) p[i] << (8 * i);
        compress(v, last);

        v[2] ^= 0xff;
        rounds(v, 4);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}
