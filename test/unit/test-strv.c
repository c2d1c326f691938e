/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "strv.h"
#include "test.h"

TEST(empty) {
        char *none[] = { NULL };

        strv_free(NULL);
        ASSERT_EQ(strv_length(NULL), 0);
        ASSERT_EQ(strv_length(none), 0);
        ASSERT_TRUE(!strv_find(NULL, "a") && !strv_env_get(NULL, "A") && !strv_copy(NULL));
        STRV_FOREACH(s, (char **) NULL)
        TEST_FAIL("an element of nothing: %s", *s);
}

TEST(append) {
        _cleanup_strv_ char **v = NULL;
        size_t n = 0;

        ASSERT_OK(strv_append(&v, "one"));
        ASSERT_OK(strv_append_printf(&v, "%s%i", "two", 2));
        ASSERT_OK(strv_push(&v, strdup("")));
        ASSERT_EQ(strv_length(v), 3);
        ASSERT_STREQ(v[0], "one");
        ASSERT_STREQ(v[1], "two2");
        ASSERT_STREQ(v[2], "");
        ASSERT_TRUE(!v[3]);
        STRV_FOREACH(s, v)
        n += strlen(*s);
        ASSERT_EQ(n, 7);

        /* What could not be allocated is not appended. */
        ASSERT_ERR(strv_push(&v, NULL), -ENOMEM);
        ASSERT_EQ(strv_length(v), 3);
}

TEST(copy) {
        _cleanup_strv_ char **v = NULL, **copy = NULL;

        ASSERT_OK(strv_append(&v, "a"));
        ASSERT_OK(strv_append(&v, "b"));
        copy = strv_copy(v);
        ASSERT_EQ(strv_length(copy), 2);
        ASSERT_TRUE(copy[0] != v[0]);
        ASSERT_STREQ(copy[1], "b");
        ASSERT_TRUE(strv_find(copy, "b") == copy[1]);
        ASSERT_TRUE(!strv_find(copy, "ab"));
}

TEST(environment) {
        _cleanup_strv_ char **v = NULL;

        ASSERT_OK(strv_env_set(&v, "PATH=/bin"));
        ASSERT_OK(strv_env_set(&v, "PATH_X=1"));
        ASSERT_OK(strv_env_set(&v, "P=p"));
        ASSERT_OK(strv_env_set(&v, "PATH=/usr/bin:a=b"));
        ASSERT_OK(strv_env_set(&v, "EMPTY="));
        ASSERT_EQ(strv_length(v), 4);
        ASSERT_STREQ(v[0], "PATH=/usr/bin:a=b");
        ASSERT_STREQ(strv_env_get(v, "PATH"), "/usr/bin:a=b");
        ASSERT_STREQ(strv_env_get(v, "PATH_X"), "1");
        ASSERT_STREQ(strv_env_get(v, "P"), "p");
        ASSERT_STREQ(strv_env_get(v, "EMPTY"), "");
        ASSERT_TRUE(!strv_env_get(v, "PAT") && !strv_env_get(v, ""));
}

TEST_MAIN
