/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "engine/undo.h"
#include "log.h"
#include "test.h"

static char trace[256], logged[512];

static int note(void *userdata) {
        strcat(trace, userdata);
        return 0;
}

static int fail(void *userdata) {
        strcat(trace, userdata);
        return -EBUSY;
}

static void keep_log(int level, const char *text, void *userdata) {
        (void) level, (void) userdata;
        strcat(logged, text);
}

TEST(empty) {
        UndoLog log = {};

        undo_run(&log);
        ASSERT_TRUE(!log.entries && log.n_entries == 0);
}

TEST(reverse) {
        UndoLog log = {};

        trace[0] = 0;
        ASSERT_OK(undo_add(&log, "first", note, (char *) "a"));
        ASSERT_OK(undo_add(&log, "second", note, (char *) "b"));
        ASSERT_OK(undo_add(&log, "third", note, (char *) "c"));
        undo_run(&log);
        ASSERT_STREQ(trace, "cba");
        /* Once. */
        undo_run(&log);
        ASSERT_STREQ(trace, "cba");
        ASSERT_OK(undo_add(&log, "first", note, (char *) "d"));
        undo_run(&log);
        ASSERT_STREQ(trace, "cbad");
}

TEST(failure_stops_nothing) {
        UndoLog log = {};

        trace[0] = 0;
        log_set_sink(keep_log, NULL);
        ASSERT_OK(undo_add(&log, "first", note, (char *) "a"));
        ASSERT_OK(undo_add(&log, "the second thing", fail, (char *) "b"));
        ASSERT_OK(undo_add(&log, "third", note, (char *) "c"));
        undo_run(&log);
        ASSERT_STREQ(trace, "cba");
        ASSERT_TRUE(strstr(logged, "the second thing"));
        ASSERT_TRUE(strstr(logged, strerror(EBUSY)));
}

/* What one reversal registers while the log runs is undone too. */
static int add_more(void *userdata) {
        strcat(trace, "m");
        return undo_add(userdata, "more", note, (char *) "x");
}

TEST(grows_while_running) {
        UndoLog log = {};

        trace[0] = 0;
        ASSERT_OK(undo_add(&log, "first", note, (char *) "a"));
        ASSERT_OK(undo_add(&log, "adds", add_more, &log));
        undo_run(&log);
        ASSERT_STREQ(trace, "mxa");
}

TEST_MAIN
