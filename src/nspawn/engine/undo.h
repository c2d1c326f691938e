/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The undo log: whatever changes the host registers its reversal in the function that causes the change. The
 * log is run once, in reverse order, at the end of every start, failed or not. What must be undone even after
 * SIGKILL is found again by name at the next start, see host/residue.h. */

#include "macros.h"

/* Reverses one change. Returns 0 or a negative errno, which is logged with the entry's name; the rest goes on. */
typedef int (*undo_function_t)(void *userdata);

typedef struct UndoEntry {
        const char *name; /* a literal: what is being undone, for messages */
        undo_function_t function;
        void *userdata;
} UndoEntry;

typedef struct UndoLog {
        UndoEntry *entries;
        size_t n_entries;
} UndoLog;

/* Registers a reversal. userdata must live until undo_run(). If this fails (-ENOMEM), function has been called
 * already, so the caller only passes the error on. */
int undo_add(UndoLog *log, const char *name, undo_function_t function, void *userdata) _must_check_;

/* Runs and empties the log, last entry first. */
void undo_run(UndoLog *log);
