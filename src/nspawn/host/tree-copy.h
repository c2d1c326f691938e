/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Copies of whole trees, made beside their place by whoever has reserved that (host/temporary.h). */

#include "macros.h"

/* Makes a snapshot of the tree at path. Returns an fd (O_PATH) for it; -EOPNOTSUPP where that is not possible, since
 * the tree is no subvolume of btrfs or path is elsewhere. Silent. */
int tree_snapshot(int tree_fd, const char *path) _must_check_;

typedef struct TreeCopy {
        const char *from; /* path, for messages */
        int from_fd;
        const char *path; /* of the copy, where nothing is */
        bool share_only;  /* -EOPNOTSUPP, silent, where blocks would have to be copied */
        bool quiet;       /* no progress */
} TreeCopy;

/* Copies the tree file by file, see copy_tree(); with progress on a terminal, until SIGINT or SIGTERM, both of which
 * must be blocked: one that is pending makes it -EINTR. Returns an fd (O_PATH) for the copy. Logs. */
int tree_copy(const TreeCopy *copy) _must_check_;
