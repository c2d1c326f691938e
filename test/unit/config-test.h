/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For the tests of config/: command lines as one string, and what was logged. */

#include "config/command-line.h"
#include "log.h"
#include "parse.h"
#include "strv.h"
#include "test.h"

static char logged[4096];

static _unused_ void keep_log(int level, const char *text, void *userdata) {
        size_t n = strlen(logged);

        (void) level, (void) userdata;
        (void) snprintf(logged + n, sizeof(logged) - n, "%s\n", text);
}

/* Splits like a shell, begins a new log, and parses. */
static _unused_ int parse_line(const char *line, Settings *ret) {
        _cleanup_strv_ char **argv = NULL;
        const char *rest = line;

        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        ASSERT_OK(strv_append(&argv, "nspawn"));
        for (;;) {
                char *word;
                int r = split_word(&rest, " \n", &word);

                ASSERT_OK(r);
                if (r == 0)
                        break;
                ASSERT_OK(strv_push(&argv, word));
        }
        return command_line_parse((int) strv_length(argv), argv, ret);
}

/* One line that is, or contains, this text was logged. */
#define ASSERT_LOGGED(text)                                                                                           \
        ({                                                                                                            \
                if (!strstr(logged, text))                                                                            \
                        TEST_FAIL("\"%s\" is not in the log: %s", text, logged);                                      \
        })

#define ASSERT_NOT_LOGGED() ASSERT_STREQ(logged, "")

static _unused_ void assert_strv(char *const *v, const char *joined) {
        char text[1024] = "";

        STRV_FOREACH(s, v) {
                size_t n = strlen(text);
                (void) snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? "|" : "", *s);
        }
        ASSERT_STREQ(text, joined);
}
