/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's users that a machine has for itself while it runs. */

#include "engine/undo.h"
#include "lock-file.h"
#include "plan/uid-range.h"

/* Decides a machine's users, for a tree whose root directory is tree_fd, or -EBADF: then it is an image, whose owner
 * will be known when it is mounted, and is root meanwhile. A range that is picked is locked, against
 * systemd-nspawn too, in *lock, which must be LOCK_FILE_NONE at first and live until the undo log has run, and
 * recorded in runtime_fd for residue.c. Logs. */
int uid_range_take(UndoLog *undo, const UserNamespaceConfig *config, const char *machine, int tree_fd, int runtime_fd,
                   LockFile *lock, UserMapping *ret) _must_check_;

/* Removes the lock file of a record, unless somebody holds it. Silent. */
void uid_range_remove_stale(const char *record);
