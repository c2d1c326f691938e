/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: on standard error, if that is a terminal, one line is written over itself ten times a second; it
 * is there before the machine's console is. The service manager hears of it every five seconds, and has patience for
 * thirty more each time: what makes no progress still runs into the unit's time-out. It listens to the supervisor only,
 * so a stage passes its lines on. */

#include "engine/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "clock.h"

#define SHOW_EVERY_USEC 100000u
#define TELL_EVERY_USEC 5000000u
#define PATIENCE_USEC "30000000"
#define WIPE "\r\033[K"

static bool is_due(uint64_t now, uint64_t *next_usec, uint64_t every_usec) {
        if (now < *next_usec)
                return false;
        *next_usec = now + every_usec;
        return true;
}

void progress_show(Progress *progress, const char *format, ...) {
        uint64_t now = clock_usec();
        bool show, tell;
        char line[128];
        va_list ap;

        if (progress->next_tell_usec == 0)
                progress->next_tell_usec = now + TELL_EVERY_USEC; /* most things are over before */
        show = is_due(now, &progress->next_show_usec, SHOW_EVERY_USEC) && !progress->quiet && isatty(STDERR_FILENO);
        tell = is_due(now, &progress->next_tell_usec, TELL_EVERY_USEC);
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
