/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the child processes. Log lines go to the supervisor as messages, since standard
 * error may be the guest's by then. The child ends by _exit() of its caller; nothing is unwound in it, because
 * all it made lives in its own namespaces. */

#include "engine/stage.h"

#include <stdio.h>
#include <sys/stat.h>

#include "engine/handshake.h"
#include "log.h"

static void forward_line(int level, const char *text, void *userdata) {
        const StageContext *context = userdata;
        Message m = { .type = MESSAGE_LOG, .level = level };

        (void) snprintf(m.text, sizeof(m.text), "%.*s", (int) sizeof(m.text) - 1, text);
        if (handshake_send(context->socket_fd, &m, -EBADF) < 0) {
                /* The supervisor is gone, and this process is about to follow. */
        }
}

int stage_step_fails(const char *stage, const char *step) {
        const char *wanted = getenv("NSPAWN_FAIL"), *rest = wanted ? startswith(wanted, stage) : NULL;

        if (!rest || *rest != '/' || !streq(rest + 1, step))
                return 0;
        return log_error_errno(-ECANCELED, "%s/%s: failure asked for by $NSPAWN_FAIL", stage, step);
}

static int abort_start(const StageContext *context, const char *step, int error) {
        Message m = { .type = MESSAGE_ABORT, .error = error };

        (void) snprintf(m.stage, sizeof(m.stage), "%s", context->stage);
        (void) snprintf(m.step, sizeof(m.step), "%s", step);
        (void) snprintf(m.text, sizeof(m.text), "%s", log_last_error());
        if (handshake_send(context->socket_fd, &m, -EBADF) < 0) {
                /* As above. */
        }
        return error;
}

int stage_run(StageContext *context, const char *stage, const Step *steps, size_t n_steps) {
        (void) umask(0); /* things are made with the mode they shall have, see engine/execute.c */
        context->stage = stage;
        log_set_sink(forward_line, context);

        for (size_t i = 0; i < n_steps; i++) {
                int r = stage_step_fails(stage, steps[i].name) ?: steps[i].run(context);

                if (r < 0)
                        return abort_start(context, steps[i].name, r);
        }
        return 0;
}
