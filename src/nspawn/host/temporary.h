/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Directories on the host that live as long as a machine: the layer of an ephemeral one, the temporary sources and
 * layers of --bind= and --overlay=. */

#include "engine/undo.h"

/* Makes the directory parent/.#LABEL.RANDOM (0755) and records it for residue.c under the number, which no other of
 * this machine has. *ret is its path, the caller's to free. Silent, -EROFS and -EACCES being for the caller to judge. */
int temporary_make(UndoLog *undo, int runtime_fd, unsigned number, const char *parent, const char *label,
                   char **ret) _must_check_;

/* The same beside the last part of path. -EINVAL for the root directory. */
int temporary_make_beside(UndoLog *undo, int runtime_fd, unsigned number, const char *path, char **ret) _must_check_;

/* Removes all that a machine's records name. The first error; everything is tried. Silent. */
int temporary_remove_recorded(int runtime_fd);
