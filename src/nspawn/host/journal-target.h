/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where --forward-journal= leads: a directory, or a file and what is renamed of it when it is full. */

#include "config/config.h"
#include "engine/undo.h"
#include "host/temporary.h"

typedef struct JournalTarget {
        int directory_fd; /* what the receiver writes to: the directory, or one of its own beside the file */
        int holder_fd;    /* of a file: the directory that it is in; else -EBADF */
        char *file;       /* the file's name there, and in the receiver's directory; NULL: it is a directory */
        uid_t owner;      /* whom it all belongs to */
        gid_t group;
} JournalTarget;

#define JOURNAL_TARGET_NONE ((JournalTarget){ .directory_fd = -EBADF, .holder_fd = -EBADF })

/* Opens it, and makes what is missing: a directory, but not those above it. What was made and is still empty when the
 * undo log runs goes again. path must live until then. Logs. */
int journal_target_open(UndoLog *undo, Temporaries *temporaries, const char *path, JournalTarget *ret) _must_check_;
void journal_target_close(JournalTarget *target);

/* Of a file: repeats beside it what the receiver has done to its own directory. The first error; everything is tried.
 * Silent. */
int journal_target_publish(const JournalTarget *target);

/* The files in it take up *ret_used bytes, and its file system has *ret_available to give. Silent. */
int journal_target_measure(const JournalTarget *target, uint64_t *ret_used, uint64_t *ret_available) _must_check_;

/* Whether a file of this name is the file or was renamed of it. Pure. */
bool journal_name_belongs_to(const char *name, const char *file);

/* What may be used in all, UINT64_MAX for no limit, if these are used and available now. Never less than a journal
 * needs. Pure. */
uint64_t journal_budget(const ForwardJournalConfig *config, uint64_t used, uint64_t available);
