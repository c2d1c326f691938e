/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One-line messages on standard error. See log.c for where they go from a child stage. */

#include <stdarg.h>
#include <syslog.h>

#include "macros.h"

/* Reads the environment once: level from $SYSTEMD_LOG_LEVEL (a name or a digit, default info), and whether
 * standard error is the journal ($JOURNAL_STREAM), in which case every line carries its "<N>" prefix. */
void log_setup(void);

/* Messages above this syslog level are not written. */
void log_set_max_level(int level);
int log_get_max_level(void);

/* When set, messages go to this function instead of standard error; the text has no newline and no prefix. */
typedef void (*log_sink_t)(int level, const char *text, void *userdata);
void log_set_sink(log_sink_t sink, void *userdata);

/* Writes one line. error is a negative or positive errno, or 0 for none; it is what %m prints.
 * Control characters in the finished text are escaped, so guest-supplied strings are safe as arguments.
 * Returns -abs(error), so that "return log_error_errno(r, ...)" works. */
int log_write(int level, int error, const char *format, ...) _printf_(3, 4);

/* The last line logged at LOG_ERR or worse by this process, or "". For the ABORT message of a stage. */
const char *log_last_error(void);

#define log_full(level, error, ...)                                                                                   \
        ({                                                                                                            \
                int _level = (level), _error = (error);                                                               \
                _level <= log_get_max_level() || _level <= LOG_ERR ? log_write(_level, _error, __VA_ARGS__)           \
                                                                   : -abs(_error);                                    \
        })

#define log_debug(...) ((void) log_full(LOG_DEBUG, 0, __VA_ARGS__))
#define log_info(...) ((void) log_full(LOG_INFO, 0, __VA_ARGS__))
#define log_notice(...) ((void) log_full(LOG_NOTICE, 0, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, __VA_ARGS__))
#define log_error(...) ((void) log_full(LOG_ERR, 0, __VA_ARGS__))
#define log_debug_errno(e, ...) log_full(LOG_DEBUG, e, __VA_ARGS__)
#define log_info_errno(e, ...) log_full(LOG_INFO, e, __VA_ARGS__)
#define log_warning_errno(e, ...) log_full(LOG_WARNING, e, __VA_ARGS__)
#define log_error_errno(e, ...) log_full(LOG_ERR, e, __VA_ARGS__)
#define log_oom() log_error_errno(-ENOMEM, "out of memory")
