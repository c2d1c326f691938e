/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "user-record.h"

#include "test.h"

TEST_MAIN

static void assert_record(const UserRecord *record, UserRecordPart part, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(user_record_load());
        ASSERT_OK(user_record_format(record, part, &text));
        ASSERT_STREQ(text, expected);
}

TEST(records) {
        const UserRecord record = {
                .name = "joe",
                .home = "/run/host/home/joe",
                .shell = "/bin/zsh",
                .password = "$y$j9T$abc/def",
                .id = 60514,
        };

        assert_record(&record, USER_RECORD_USER,
                      "{\"userName\":\"joe\",\"uid\":60514,\"gid\":60514,\"homeDirectory\":\"/run/host/home/joe\","
                      "\"shell\":\"/bin/zsh\",\"disposition\":\"container\",\"service\":\"io.systemd.NSpawn\"}");
        assert_record(&record, USER_RECORD_USER_PRIVILEGED,
                      "{\"privileged\":{\"hashedPassword\":[\"$y$j9T$abc/def\"]}}");
        assert_record(&record, USER_RECORD_GROUP,
                      "{\"groupName\":\"joe\",\"gid\":60514,\"disposition\":\"container\","
                      "\"service\":\"io.systemd.NSpawn\"}");
}

TEST(without) {
        const UserRecord record = { .name = "joe", .home = "/h", .id = 1 };

        assert_record(&record, USER_RECORD_USER,
                      "{\"userName\":\"joe\",\"uid\":1,\"gid\":1,\"homeDirectory\":\"/"
                      "h\",\"disposition\":\"container\","
                      "\"service\":\"io.systemd.NSpawn\"}");
        assert_record(&record, USER_RECORD_USER_PRIVILEGED, "{\"privileged\":{\"hashedPassword\":[]}}");
}

/* The numbers are the last ones that a user can have. */
TEST(nothing_breaks_out) {
        const UserRecord record = {
                .name = "a\",\"uid\":0,\"x\":\"",
                .home = "/h\\\n\t\x1b",
                .shell = "\"}",
                .id = 4294967294,
        };

        assert_record(&record, USER_RECORD_USER,
                      "{\"userName\":\"a\\\",\\\"uid\\\":0,\\\"x\\\":\\\"\",\"uid\":4294967294,\"gid\":4294967294,"
                      "\"homeDirectory\":\"/h\\\\\\n\\t\\u001b\",\"shell\":\"\\\"}\",\"disposition\":\"container\","
                      "\"service\":\"io.systemd.NSpawn\"}");
}
