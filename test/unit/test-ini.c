/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ini.h"

#include "test.h"

typedef struct Record {
        char text[1024];
        int result;
} Record;

static int record(const IniLine *line, void *userdata) {
        Record *r = userdata;
        size_t n = strlen(r->text);

        (void) snprintf(r->text + n, sizeof(r->text) - n, "%u [%s] %s=%s|", line->number, line->section ?: "-",
                        line->key ?: "-", line->value ?: "-");
        return r->result;
}

static void assert_parsed(const char *text, const char *expected) {
        char *copy = strdup(text);
        Record r = {};

        ASSERT_OK(ini_parse(copy, strlen(copy), record, &r));
        ASSERT_STREQ(r.text, expected);
        free(copy);
}

TEST(assignments) {
        assert_parsed("", "");
        assert_parsed("[A]\nb=c\n", "2 [A] b=c|");
        assert_parsed("[A]\r\n  b  =  c d  \r\n[B C]\ne==f\ng=", "2 [A] b=c d|4 [B C] e==f|5 [B C] g=|");
        assert_parsed("\xef\xbb\xbf[A]\nb=c", "2 [A] b=c|");
}

TEST(comments) {
        assert_parsed("# a=b\n;c=d\n [A]\n  # e=f \\\ng=h # i\n", "5 [A] g=h # i|");
}

TEST(continuations) {
        assert_parsed("[A]\na=b \\\n  c\\\nd\ne=f\n", "2 [A] a=b    c d|5 [A] e=f|");
        assert_parsed("[A]\na=b\\\n# between\n;too\nc\n", "2 [A] a=b c|");
        assert_parsed("[A]\na=b\\\r\nc\r\n", "2 [A] a=b c|");
        assert_parsed("[A]\na=b\\", "2 [A] a=b|");
        assert_parsed("[A]\na=b\\\n# end\n", "2 [A] a=b|");
}

TEST(junk) {
        assert_parsed("a=b\nfoo\n[A]\n=x\n[]\n[B\n", "1 [-] a=b|2 [-] -=-|4 [A] -=-|5 [A] -=-|6 [A] -=-|");
}

TEST(binary) {
        char text[] = "[A]\na=b\0c=d\n";
        Record r = {};

        ASSERT_ERR(ini_parse(text, sizeof(text) - 1, record, &r), -EBADMSG);
        ASSERT_STREQ(r.text, "");
}

TEST(handler_ends_it) {
        char text[] = "[A]\na=b\nc=d\n";
        Record r = { .result = -EINVAL };

        ASSERT_ERR(ini_parse(text, sizeof(text) - 1, record, &r), -EINVAL);
        ASSERT_STREQ(r.text, "2 [A] a=b|");
}

TEST_MAIN
