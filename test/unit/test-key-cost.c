/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan/key-cost.h"

#include "test.h"

TEST_MAIN

static const char *verdict(const char *json, uint64_t available_kib) {
        KeyCost cost = key_cost_read(json);
        static char reason[128];

        return key_cost_is_absurd(&cost, available_kib, reason, sizeof(reason)) ? reason : NULL;
}

#define GIB (UINT64_C(1) << 20)
#define ASSERT_ABSURD(json, part) ASSERT_TRUE(strstr(verdict(json, 16 * GIB) ?: "", part))
#define ASSERT_FINE(json) ASSERT_TRUE(!verdict(json, 16 * GIB))

TEST(what_cryptsetup_makes) {
        ASSERT_FINE("{}");
        ASSERT_FINE("{\"kdf\":{\"type\":\"argon2id\",\"time\":12,\"memory\":1048576,\"cpus\":4},"
                    "\"digests\":{\"0\":{\"iterations\":303407}}}");
        ASSERT_FINE("\"kdf\": {\n  \"type\": \"pbkdf2\",\n  \"iterations\": 9000000\n}");
}

TEST(the_greatest_counts) {
        KeyCost cost = key_cost_read(
                "\"iterations\":7,\"iterations\" : 9,\"iterations\":8,\"time\":1,\"cpus\":2,\"memory\":3");

        ASSERT_EQ(cost.iterations, 9);
        ASSERT_EQ(cost.passes, 1);
        ASSERT_EQ(cost.threads, 2);
        ASSERT_EQ(cost.memory_kib, 3);
}

TEST(absurd) {
        ASSERT_ABSURD("\"time\":4,\"memory\":100000000,\"cpus\":4", "97656 MiB of memory");
        ASSERT_ABSURD("\"time\":4000000,\"memory\":65536,\"cpus\":1", "4000000 passes");
        ASSERT_ABSURD("\"iterations\":2000000000", "2000000000 iterations");
        ASSERT_ABSURD("\"time\":4,\"memory\":65536,\"cpus\":1000", "1000 threads");
        ASSERT_ABSURD("\"iterations\":99999999999999999999999999", "iterations");
        ASSERT_ABSURD("\"time\":18446744073709551615,\"memory\":2", "passes");
        ASSERT_ABSURD("\"time\":4,\"memory\":-1", "of memory");
        ASSERT_ABSURD("\"iterations\": -2147483648", "iterations");
        ASSERT_ABSURD("\"iterations\":2e9", "iterations");
        ASSERT_FINE("\"time\":\"today\"");
}

TEST(more_memory_than_there_is) {
        ASSERT_TRUE(!verdict("\"time\":4,\"memory\":1048576", GIB));
        ASSERT_STREQ(verdict("\"time\":4,\"memory\":1048576", GIB / 2),
                     "1024 MiB of memory to unlock it, 512 can be had");
}
