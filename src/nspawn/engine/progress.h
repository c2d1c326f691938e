/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Progress of what takes long at a start: to whoever looks at the terminal, and to the service manager, which would
 * else take us for hung when its time-out is over. */

#include <stdint.h>

#include "macros.h"

typedef struct Progress {
        bool quiet; /* nothing for the terminal */
        /* Passes a line on to the supervisor; NULL: this is the supervisor. */
        void (*pass_on)(const char *line, void *userdata);
        void *userdata;
        bool shown;
        uint64_t next_show_usec, next_tell_usec; /* 0 at first */
} Progress;

/* Call it as often as you like: it shows a line now and then. */
void progress_show(Progress *progress, const char *format, ...) _printf_(2, 3);

/* Wipes the line. */
void progress_end(Progress *progress);

/* Has the service manager show the line, and wait for us for another while. In the supervisor. */
void progress_tell_manager(const char *line);
