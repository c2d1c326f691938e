/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: on standard error, if that is a terminal, one line is written over itself ten times a second; it
 * is there before the machine's console is. The service manager hears of it every five seconds, and has patience for
 * thirty more each time: what makes no progress still runs into the unit's time-out. It listens to the supervisor only,
 * so a stage passes its lines on. */

#include "engine/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define SHOW_EVERY_MSEC 100u
#define TELL_EVERY_MSEC 5000u
#define PATIENCE_USEC "30000000"
#define WIPE "\r\033[K"

static uint64_t now_msec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static bool is_due(uint64_t now, uint64_t *next_msec, uint64_t every_msec) {
        if (now < *next_msec)
                return false;
        *next_msec = now + every_msec;
        return true;
}

void progress_show(Progress *progress, const char *format, ...) {
        uint64_t now = now_msec();
        bool show, tell;
        char line[128];
        va_list ap;

        if (progress->next_tell_msec == 0)
                progress->next_tell_msec = now + TELL_EVERY_MSEC; /* most things are over before */
        show = is_due(now, &progress->next_show_msec, SHOW_EVERY_MSEC) && !progress->quiet && isatty(STDERR_FILENO);
        tell = is_due(now, &progress->next_tell_msec, TELL_EVERY_MSEC);
        if (!show && !tell)
                return;
        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (show)
                (void) dprintf(STDERR_FILENO, WIPE "%s", line);
        progress->shown |= show;
        if (tell && progress->pass_on)
                progress->pass_on(line, progress->userdata);
        else if (tell)
                progress_tell_manager(line);
}

void progress_end(Progress *progress) {
        if (progress->shown)
                (void) dprintf(STDERR_FILENO, WIPE);
        progress->shown = false;
}

void progress_tell_manager(const char *line) {
        (void) sd_notifyf(false, "EXTEND_TIMEOUT_USEC=" PATIENCE_USEC "\nSTATUS=%s", line);
}
