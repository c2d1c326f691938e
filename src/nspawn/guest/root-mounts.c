/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the user mounts on / is attached at a place of its own (guest/root.c), and the tree keeps
 * the one that it has, so that the user's other mounts can show parts of the tree, or all of it, in what is now the
 * root ("+" sources). */

#include "guest/root-mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/execute.h"
#include "fd.h"
#include "guest/root.h"
#include "log.h"

static bool same_directory(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) >= 0 && fstat(b, &y) >= 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int mount_at(StageContext *context, int place_fd) {
        ExecuteContext execute = {
                .root_fd = place_fd,
                .origin_fd = context->origin_fd,
                .temporaries = context->mount_temporaries,
                .users_fd = context->users_fd,
                .users_base = context->users.base,
                .sysfs_fd = -EBADF,
        };

        return execute_operations(&execute, &context->plan->filesystem.root);
}

int root_mounts_add(StageContext *context) {
        _cleanup_close_ int place = -EBADF, top = -EBADF;
        int r;

        if (context->plan->filesystem.root.n_items == 0)
                return 0;
        context->origin_fd = context->root_fd;
        place = root_open_place(context);
        if (place < 0)
                return log_error_errno(place, "%s" PLACE_OF_ROOT ": %m", context->runtime_directory);
        r = mount_at(context, place);
        if (r < 0)
                return r;
        top = root_open_place(context);
        if (top < 0)
                return log_error_errno(top, "%s" PLACE_OF_ROOT ": %m", context->runtime_directory);
        if (same_directory(place, top))
                context->origin_fd = -EBADF; /* an optional source is missing: the tree stays the root */
        else
                context->root_fd = TAKE_FD(top);
        return 0;
}
