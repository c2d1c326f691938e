/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "test.h"

static int saved_stderr = -EBADF, captured = -EBADF;

/* From here to end_capture(), standard error goes to a pipe: each write(2) can be told from the next. */
static void begin_capture(int to) {
        saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
        ASSERT_TRUE(dup2(to, STDERR_FILENO) >= 0);
}

static void end_capture(void) {
        ASSERT_TRUE(dup2(saved_stderr, STDERR_FILENO) >= 0);
        saved_stderr = safe_close(saved_stderr);
}

static void begin_pipe(void) {
        int pair[2];

        ASSERT_TRUE(pipe2(pair, O_CLOEXEC | O_NONBLOCK | O_DIRECT) >= 0);
        begin_capture(pair[1]);
        (void) close(pair[1]);
        captured = pair[0];
}

/* One packet is what one write(2) wrote. */
static void assert_packet(const char *expected) {
        char text[2048];
        ssize_t n = read(captured, text, sizeof(text) - 1);

        text[MAX(n, (ssize_t) 0)] = 0;
        if (!streq(text, expected)) {
                end_capture();
                TEST_FAIL("written: \"%s\", expected: \"%s\"", text, expected);
        }
}

static void end_pipe(void) {
        assert_packet("");
        end_capture();
        captured = safe_close(captured);
}

TEST(lines) {
        begin_pipe();
        log_error("one %i", 1);
        log_info("two");
        assert_packet("nspawn: one 1\n");
        assert_packet("nspawn: two\n");
        end_pipe();
}

TEST(levels) {
        begin_pipe();
        log_set_max_level(LOG_WARNING);
        log_info("no");
        log_debug("no");
        log_warning("yes");
        assert_packet("nspawn: yes\n");
        log_set_max_level(LOG_EMERG);
        log_error("kept, not shown");
        log_set_max_level(LOG_INFO);
        end_pipe();
        ASSERT_STREQ(log_last_error(), "kept, not shown");
}

TEST(errors) {
        begin_pipe();
        errno = ENODEV;
        ASSERT_EQ(log_error_errno(-ENOENT, "file: %m"), -ENOENT);
        ASSERT_EQ(errno, ENODEV);
        assert_packet("nspawn: file: No such file or directory\n");
        ASSERT_EQ(log_error_errno(EPERM, "%m"), -EPERM);
        assert_packet("nspawn: Operation not permitted\n");
        ASSERT_EQ(log_debug_errno(EIO, "unseen"), -EIO);
        ASSERT_EQ(log_oom(), -ENOMEM);
        assert_packet("nspawn: out of memory\n");
        end_pipe();
        ASSERT_STREQ(log_last_error(), "out of memory");
}

TEST(escapes) {
        begin_pipe();
        log_info("name \"%s\"", "\033[31mred\n\xff");
        assert_packet("nspawn: name \"\\x1b[31mred\\x0a\\xff\"\n");
        end_pipe();
}

/* Always one whole line. */
TEST(long_text) {
        char text[4000], line[2048];
        ssize_t n;

        for (const char *fill = "a\033"; *fill; fill++) {
                memset(text, *fill, sizeof(text) - 1);
                text[sizeof(text) - 1] = 0;
                begin_pipe();
                log_error("%s", text);
                n = read(captured, line, sizeof(line) - 1);
                end_pipe();
                ASSERT_TRUE(n > 500 && n < 1200);
                ASSERT_EQ(line[n - 1], '\n');
                ASSERT_TRUE(strlen(log_last_error()) < 512);
        }
}

static int sink_level;
static char sink_text[512];

static void sink(int level, const char *text, void *userdata) {
        sink_level = level;
        (void) snprintf(sink_text, sizeof(sink_text), "%s%s", (const char *) userdata, text);
}

TEST(sink) {
        begin_pipe();
        log_set_sink(sink, (void *) "> ");
        log_warning("to the sink\n");
        log_debug("not even there");
        log_set_sink(NULL, NULL);
        log_info("back");
        assert_packet("nspawn: back\n");
        end_pipe();
        ASSERT_EQ(sink_level, LOG_WARNING);
        ASSERT_STREQ(sink_text, "> to the sink\\x0a");
}

TEST(environment) {
        static const struct {
                const char *value;
                int level;
        } levels[] = {
                { "debug", LOG_DEBUG }, { "7", LOG_DEBUG },         { "err", LOG_ERR },
                { "0", LOG_EMERG },     { "warning", LOG_WARNING },
        };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++) {
                ASSERT_TRUE(setenv("SYSTEMD_LOG_LEVEL", levels[i].value, true) >= 0);
                log_setup();
                ASSERT_EQ(log_get_max_level(), levels[i].level);
        }
        /* What is no level changes nothing. */
        for (const char *const *v = (const char *const[]){ "", "loud", "8", "77", "-1", NULL }; *v; v++) {
                ASSERT_TRUE(setenv("SYSTEMD_LOG_LEVEL", *v, true) >= 0);
                log_set_max_level(LOG_NOTICE);
                log_setup();
                ASSERT_EQ(log_get_max_level(), LOG_NOTICE);
        }
        (void) unsetenv("SYSTEMD_LOG_LEVEL");
        log_set_max_level(LOG_INFO);
}

TEST(journal) {
        char stream[64];
        struct stat st;

        begin_pipe();
        ASSERT_TRUE(fstat(STDERR_FILENO, &st) >= 0);
        (void) snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        ASSERT_TRUE(setenv("JOURNAL_STREAM", stream, true) >= 0);
        log_setup();
        log_error("bad");
        log_info("good");
        assert_packet("<3>bad\n");
        assert_packet("<6>good\n");
        /* Inherited from somebody else, whose standard error was the journal. */
        ASSERT_TRUE(setenv("JOURNAL_STREAM", "1:1", true) >= 0);
        log_setup();
        log_info("plain");
        assert_packet("nspawn: plain\n");
        (void) unsetenv("JOURNAL_STREAM");
        log_setup();
        end_pipe();
}

TEST(raw_terminal) {
        int master, slave;
        struct termios t;
        char text[64];
        ssize_t n;

        ASSERT_TRUE(openpty(&master, &slave, NULL, NULL, NULL) >= 0);
        ASSERT_TRUE(tcgetattr(slave, &t) >= 0);
        cfmakeraw(&t);
        ASSERT_TRUE(tcsetattr(slave, TCSANOW, &t) >= 0);
        begin_capture(slave);
        log_info("raw");
        end_capture();
        n = read(master, text, sizeof(text) - 1);
        text[MAX(n, (ssize_t) 0)] = 0;
        ASSERT_STREQ(text, "nspawn: raw\r\n");
        (void) close(master);
        (void) close(slave);
}

/* A closed or full standard error is no reason to die or wait. */
TEST(nobody_listens) {
        int pair[2];

        ASSERT_TRUE(pipe2(pair, O_CLOEXEC | O_NONBLOCK) >= 0);
        begin_capture(pair[1]);
        for (unsigned i = 0; i < 4000; i++)
                log_info("a line that is some fifty characters long, or so it seems");
        (void) close(STDERR_FILENO);
        log_info("into nothing");
        end_capture();
        (void) close(pair[0]);
        (void) close(pair[1]);
}

TEST_MAIN
