/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "engine/handshake.h"
#include "engine/stage.h"
#include "fd.h"
#include "log.h"
#include "process.h"
#include "test.h"

static char trace[64];

static int step_good(StageContext *context) {
        (void) context;
        strcat(trace, "g");
        return 0;
}

static int step_says(StageContext *context) {
        (void) context;
        strcat(trace, "s");
        log_info("said");
        return 0;
}

static int step_bad(StageContext *context) {
        (void) context;
        strcat(trace, "b");
        return log_error_errno(-ENOSPC, "the thing: %m");
}

static const Step good[] = { { "one", step_good }, { "two", step_says }, { "three", step_good } };
static const Step bad[] = { { "one", step_good }, { "two", step_bad }, { "three", step_good } };

/* Runs a stage here, and what it told the supervisor is left in *supervisor. */
static int run(const char *stage, const Step *steps, size_t n_steps, const char *inject, int *supervisor) {
        _cleanup_close_ int stage_fd = -EBADF;
        StageContext context = {};
        int r;

        trace[0] = 0;
        if (inject)
                (void) setenv("NSPAWN_FAIL", inject, true);
        else
                (void) unsetenv("NSPAWN_FAIL");
        (void) safe_close(*supervisor);
        ASSERT_OK(handshake_socketpair(supervisor, &stage_fd));
        context.socket_fd = stage_fd;
        r = stage_run(&context, stage, steps, n_steps);
        log_set_sink(NULL, NULL);
        ASSERT_STREQ(context.stage, stage);
        return r;
}

static void assert_message(int supervisor, MessageType type, const char *text) {
        Message m;

        ASSERT_OK(handshake_expect(supervisor, type, &m, NULL));
        ASSERT_STREQ(m.text, text);
}

static void assert_end(int supervisor) {
        ASSERT_ERR(handshake_expect(supervisor, MESSAGE_LOG, NULL, NULL), -ECONNRESET);
}

TEST(all_good) {
        _cleanup_close_ int supervisor = -EBADF;

        ASSERT_OK(run("outer", good, ELEMENTSOF(good), NULL, &supervisor));
        ASSERT_STREQ(trace, "gsg");
        assert_message(supervisor, MESSAGE_LOG, "said");
        assert_end(supervisor);
        ASSERT_OK(run("outer", NULL, 0, NULL, &supervisor));
        assert_end(supervisor);
}

TEST(failure) {
        _cleanup_close_ int supervisor = -EBADF;
        Message m;

        ASSERT_ERR(run("inner", bad, ELEMENTSOF(bad), NULL, &supervisor), -ENOSPC);
        ASSERT_STREQ(trace, "gb");
        assert_message(supervisor, MESSAGE_LOG, "the thing: No space left on device");
        ASSERT_OK(handshake_expect(supervisor, MESSAGE_ABORT, &m, NULL));
        ASSERT_STREQ(m.stage, "inner");
        ASSERT_STREQ(m.step, "two");
        ASSERT_EQ(m.error, -ENOSPC);
        ASSERT_STREQ(m.text, "the thing: No space left on device");
        assert_end(supervisor);
}

TEST(injected_failure) {
        _cleanup_close_ int supervisor = -EBADF;
        Message m;

        ASSERT_ERR(run("outer", good, ELEMENTSOF(good), "outer/two", &supervisor), -ECANCELED);
        ASSERT_STREQ(trace, "g");
        ASSERT_OK(handshake_expect(supervisor, MESSAGE_LOG, &m, NULL));
        ASSERT_EQ(m.level, LOG_ERR);
        ASSERT_OK(handshake_expect(supervisor, MESSAGE_ABORT, &m, NULL));
        ASSERT_STREQ(m.step, "two");
        assert_end(supervisor);
        for (const char *const *no = (const char *const[]){ "", "/", "outer", "outer/", "outer/tw", "outer/twoo",
                                                            "inner/two", "out/two", "outertwo", NULL };
             *no; no++) {
                ASSERT_OK(run("outer", good, ELEMENTSOF(good), *no, &supervisor));
                ASSERT_STREQ(trace, "gsg");
        }
}

/* A stage whose supervisor is gone runs on to its end without a signal. */
TEST(no_supervisor) {
        int pidfd = -EBADF, supervisor, stage;
        StageContext context = {};
        siginfo_t info;
        pid_t pid;

        ASSERT_OK(handshake_socketpair(&supervisor, &stage));
        (void) unsetenv("NSPAWN_FAIL");
        pid = process_clone(0, -EBADF, &pidfd);
        ASSERT_OK(pid);
        if (pid == 0) {
                (void) close(supervisor);
                context.socket_fd = stage;
                _exit(stage_run(&context, "outer", bad, ELEMENTSOF(bad)) != -ENOSPC);
        }
        (void) close(stage);
        (void) close(supervisor);
        ASSERT_OK(process_wait(pidfd, &info));
        ASSERT_EQ(info.si_code, CLD_EXITED);
        ASSERT_EQ(info.si_status, 0);
        (void) close(pidfd);
}

TEST_MAIN
