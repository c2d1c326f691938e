/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is on the host as long as a machine lives: the layer or copy of an ephemeral one, the temporary sources and
 * layers of --bind= and --overlay=. A file, a directory or a btrfs subvolume. */

#include "engine/undo.h"

typedef struct Temporaries {
        UndoLog *undo;
        int runtime_fd; /* the machine's runtime directory */
        unsigned n;     /* recorded so far */
} Temporaries;

/* Thinks of a path parent/.#LABEL.RANDOM and records it for residue.c: what the caller makes there is removed in the
 * end, by the undo log or by the record. *ret is the caller's to free. Silent. */
int temporary_reserve(Temporaries *t, const char *parent, const char *label, char **ret) _must_check_;

/* The same beside the last part of path. -EINVAL for the root directory. */
int temporary_reserve_beside(Temporaries *t, const char *path, char **ret) _must_check_;

/* The same, and makes a directory (0755) there. Silent, -EROFS and -EACCES being for the caller to judge. */
int temporary_make(Temporaries *t, const char *parent, const char *label, char **ret) _must_check_;
int temporary_make_beside(Temporaries *t, const char *beside, char **ret) _must_check_;

/* Removes all that a machine's records name. The first error; everything is tried. Silent. */
int temporary_remove_recorded(int runtime_fd);
