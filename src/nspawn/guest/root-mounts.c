/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the user mounts on / is attached at a place of its own (guest/root.c), and the tree keeps
 * the one that it has, so that the user's other mounts can show parts of the tree, or all of it, in what is now the
 * root ("+" sources).
 *
 * With --pivot-root=, the new root is a copy of the mounts in a directory of what has been the root so far, stacked on
 * top of that. A copy of the former root is taken before, or it would have the new one on top of it, too; it is
 * attached after the layers that --volatile= may lay over the new root, which show nothing of what is mounted below
 * them. */

#include "guest/root-mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/execute.h"
#include "fd.h"
#include "guest/root.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

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

/* An optional source may be missing: then the tree stays the root. */
static void stay_with_tree(StageContext *context) {
        context->place = PLACE_OF_TREE;
        context->origin_fd = -EBADF;
}

int root_mounts_add(StageContext *context) {
        _cleanup_close_ int place = -EBADF, top = -EBADF;
        int r;

        if (context->plan->filesystem.root.n_items == 0)
                return 0;
        context->origin_fd = context->root_fd;
        context->place = PLACE_OF_ROOT;
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
                stay_with_tree(context);
        else
                context->root_fd = TAKE_FD(top);
        return 0;
}

static int pivot_to(StageContext *context, int directory_fd) {
        _cleanup_close_ int mount = mount_clone(directory_fd, "", true), former = -EBADF;

        if (mount < 0)
                return TAKE_FD(mount);
        if (context->config->source.pivot.former) {
                former = mount_clone(context->root_fd, "", true);
                if (former < 0)
                        return TAKE_FD(former);
        }
        context->origin_fd = safe_close(context->origin_fd);
        context->former_fd = TAKE_FD(former);
        return root_stack(context, mount, &context->root_fd);
}

int root_pivot(StageContext *context) {
        const char *path = context->config->source.pivot.root;
        _cleanup_close_ int directory = -EBADF;
        int r;

        if (!path)
                return 0;
        directory = root_open(context->root_fd, path, O_PATH | O_DIRECTORY);
        r = directory < 0 ? directory : pivot_to(context, directory);
        return r < 0 ? log_error_errno(r, "--pivot-root=%s: %m", path) : 0;
}

int root_attach_former(StageContext *context) {
        const char *path = context->config->source.pivot.former;
        _cleanup_close_ int target = -EBADF;
        int r;

        if (!path)
                return 0;
        target = root_mount_point(context->root_fd, path, true);
        r = target < 0 ? target : mount_attach(context->former_fd, target);
        context->former_fd = safe_close(context->former_fd);
        return r < 0 ? log_error_errno(r, "--pivot-root=: cannot show the former root at %s in the new one: %m", path)
                     : 0;
}
