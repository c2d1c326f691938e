/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a stack of reversals, owned by the supervisor. A reversal that fails is reported and
 * does not keep the others from running: each one stands for something of its own on the host. */

#include "engine/undo.h"

#include "log.h"

int undo_add(UndoLog *log, const char *name, undo_function_t function, void *userdata) {
        UndoEntry *bigger = reallocarray(log->entries, log->n_entries + 1, sizeof(UndoEntry));

        if (!bigger) {
                (void) function(userdata);
                return log_oom();
        }
        log->entries = bigger;
        log->entries[log->n_entries++] = (UndoEntry){ name, function, userdata };
        return 0;
}

void undo_run(UndoLog *log) {
        while (log->n_entries > 0) {
                UndoEntry e = log->entries[--log->n_entries];
                int r = e.function(e.userdata);

                if (r < 0)
                        (void) log_warning_errno(r, "could not undo: %s: %m", e.name);
        }
        free(TAKE_PTR(log->entries));
}
