/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SipHash-2-4 against the reference vectors of its authors: key 00 01 … 0f, input 00 01 … of growing
 * length. */

#include "siphash.h"

#include <stdint.h>

#include "test.h"

TEST_MAIN

static uint64_t reference(size_t size) {
        uint8_t key[SIPHASH_KEY_SIZE], input[64];

        for (size_t i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t) i;
        for (size_t i = 0; i < sizeof(input); i++)
                input[i] = (uint8_t) i;
        return siphash24(input, size, key);
}

TEST(reference_vectors) {
        ASSERT_TRUE(reference(0) == 0x726fdb47dd0e0e31);
        ASSERT_TRUE(reference(1) == 0x74f839c593dc67fd);
        ASSERT_TRUE(reference(2) == 0x0d6c8009d9a94f5a);
        ASSERT_TRUE(reference(7) == 0xab0200f58b01d137);
        ASSERT_TRUE(reference(8) == 0x93f5f5799a932462);
        ASSERT_TRUE(reference(15) == 0xa129ca6149be45e5); /* the example worked through in the paper */
        ASSERT_TRUE(reference(63) == 0x958a324ceb064572);
}

TEST(unaligned_input) {
        uint8_t buffer[1 + 15], key[SIPHASH_KEY_SIZE];

        for (size_t i = 0; i < 15; i++)
                buffer[i + 1] = (uint8_t) i;
        for (size_t i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t) i;
        ASSERT_TRUE(siphash24(buffer + 1, 15, key) == reference(15));
}

TEST(no_input) {
        const uint8_t key[SIPHASH_KEY_SIZE] = {};

        ASSERT_TRUE(siphash24(NULL, 0, key) == siphash24("", 0, key));
}
