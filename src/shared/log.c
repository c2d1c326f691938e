/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: every process of the program logs through log_write(). The supervisor writes lines to
 * standard error, raw or with a journal priority prefix. A child stage installs a sink that hands the text to
 * the supervisor, because the child's standard error may already belong to the guest. The finished line is
 * escaped as a whole: the format strings are ours and hold no control characters, the arguments may be the
 * guest's. A line is written with one write(2), so lines of several processes do not mix. */

#include "log.h"

#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "escape.h"

static int max_level = LOG_INFO;
static bool to_journal = false;
static log_sink_t line_sink;
static void *line_sink_userdata;
static char last_error[512];

static bool stderr_is_journal(void) {
        const char *e = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        return e && sscanf(e, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == dev &&
                st.st_ino == ino;
}

void log_setup(void) {
        static const char *const names[] = {
                "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
        };
        const char *e = getenv("SYSTEMD_LOG_LEVEL");

        for (size_t i = 0; e && i < ELEMENTSOF(names); i++)
                if (streq(e, names[i]) || (e[0] == (char) ('0' + i) && !e[1]))
                        max_level = (int) i;

        to_journal = stderr_is_journal();
}

void log_set_max_level(int level) {
        max_level = level;
}

int log_get_max_level(void) {
        return max_level;
}

void log_set_sink(log_sink_t sink, void *userdata) {
        line_sink = sink;
        line_sink_userdata = userdata;
}

const char *log_last_error(void) {
        return last_error;
}

/* While a guest's console has the terminal in raw mode, a newline alone does not return to the first column. */
static bool stderr_is_raw_terminal(void) {
        struct termios t;

        return tcgetattr(STDERR_FILENO, &t) >= 0 && !(t.c_oflag & OPOST);
}

static void write_line(int level, const char *text) {
        const char *end = stderr_is_raw_terminal() ? "\r\n" : "\n";
        char line[1200];
        int n;

        if (to_journal)
                n = snprintf(line, sizeof(line), "<%i>%s\n", level, text);
        else
                n = snprintf(line, sizeof(line), "nspawn: %s%s", text, end);
        n = MIN(n, (int) sizeof(line) - 1);
        if (write(STDERR_FILENO, line, (size_t) n) < 0) {
                /* Nobody is left to be told. */
        }
}

int log_write(int level, int error, const char *format, ...) {
        PROTECT_ERRNO;
        char text[512], safe[1024];
        va_list ap;

        error = -abs(error);
        errno = -error;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        escape_control(text, safe, sizeof(safe));

        if (level <= LOG_ERR)
                (void) snprintf(last_error, sizeof(last_error), "%.*s", (int) sizeof(last_error) - 1, safe);

        if (level <= max_level) {
                if (line_sink)
                        line_sink(level, safe, line_sink_userdata);
                else
                        write_line(level, safe);
        }
        return error;
}
