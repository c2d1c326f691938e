/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Copies of directory trees, true to the last attribute, that share blocks with their source where the file system can
 * do that. */

#include <limits.h>
#include <stdint.h>

#include "macros.h"

typedef struct CopyProgress {
        uint64_t files, bytes; /* of whatever kind; of data, shared or copied */
        char path[PATH_MAX];   /* relative, what is being copied or could not be; "" for the top */
} CopyProgress;

typedef struct CopyOptions {
        bool share_only; /* -EOPNOTSUPP where blocks cannot be shared, instead of copying them */
        int (*report)(const CopyProgress *progress, void *userdata); /* often; negative: stop with this error */
        void *userdata;
} CopyOptions;

/* Copies what is in the directory from_fd, and its attributes, to the empty directory to_fd (O_PATH will do for both).
 * Symlinks, nodes, sockets, hard links, holes, owners, modes, times and extended attributes (ACLs and file
 * capabilities among them) are copied as they are; what is mounted below from_fd is not, but what is beneath.
 * Nothing is followed or opened but directories and regular files, so the tree may be a hostile one, and may change
 * meanwhile. On failure a part of it is there, and progress->path tells how far it came. */
int copy_tree(int from_fd, int to_fd, const CopyOptions *options, CopyProgress *progress) _must_check_;

/* Makes the empty file at to_fd share all blocks of the one at from_fd. -EOPNOTSUPP: these file systems cannot;
 * -EINVAL, -ETXTBSY: this file cannot. */
int copy_by_sharing(int from_fd, int to_fd) _must_check_;
