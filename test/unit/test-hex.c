/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hex.h"

#include "test.h"

TEST_MAIN

TEST(hex) {
        uint8_t b[4];

        ASSERT_EQ(hex_decode("00ffA5", 6, b, sizeof(b)), 3);
        ASSERT_TRUE(b[0] == 0 && b[1] == 0xff && b[2] == 0xa5);
        ASSERT_EQ(hex_decode("", 0, b, sizeof(b)), 0);
        ASSERT_EQ(hex_decode("00f", 3, b, sizeof(b)), -EINVAL);
        ASSERT_EQ(hex_decode("0g", 2, b, sizeof(b)), -EINVAL);
        ASSERT_EQ(hex_decode("0011223344", 10, b, sizeof(b)), -EINVAL);
}

static const char *decoded(const char *text) {
        static char result[64];
        uint8_t *bytes;
        size_t size;

        if (base64_decode(text, strlen(text), &bytes, &size) < 0)
                return NULL;
        memcpy(result, bytes, size);
        result[size] = 0;
        free(bytes);
        return result;
}

TEST(base64) {
        ASSERT_STREQ(decoded(""), "");
        ASSERT_STREQ(decoded("Zg=="), "f");
        ASSERT_STREQ(decoded("Zm8="), "fo");
        ASSERT_STREQ(decoded("Zm9v"), "foo");
        ASSERT_STREQ(decoded("Zm9vYmFy"), "foobar");
        ASSERT_STREQ(decoded("Zm8"), "fo");
        ASSERT_STREQ(decoded(" Zm 9v\nYg = =\n"), "foob");
        ASSERT_STREQ(decoded("Pj4/Pj8+"), ">>?>?>");
        ASSERT_TRUE(!decoded("Z"));
        ASSERT_TRUE(!decoded("Zm9v-"));
        ASSERT_TRUE(!decoded("Zg==Zg=="));
        ASSERT_TRUE(!decoded("Zg==="));
}
