/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The directory beside a tree in which an ephemeral machine's changes are kept until it ends. */

#include "engine/undo.h"

/* Makes it for the tree at directory and records it for residue.c. *ret is its path, the caller's to free; NULL where
 * the place beside the tree cannot hold one (read-only, or itself an overlay): then memory has to do. Logs. */
int layer_make(UndoLog *undo, const char *directory, int runtime_fd, char **ret) _must_check_;

/* Removes the layer of a record. Missing is success. Silent. */
int layer_remove(const char *path);
