/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a mount on / is attached on top of the tree, at the machine's place (guest/root.c), which is then
 * opened anew: an fd that was opened before still leads below it. That one is kept, so that the user's other mounts can
 * show parts of the tree ("+" sources) in what is now the root. */

#include "guest/root-mounts.h"

#include "engine/execute.h"
#include "fd.h"
#include "guest/root.h"
#include "log.h"

int root_mounts_add(StageContext *context) {
        ExecuteContext execute = {
                .root_fd = context->root_fd,
                .origin_fd = context->root_fd,
                .temporaries = context->mount_temporaries,
                .users_fd = context->users_fd,
                .users_base = context->users.base,
                .sysfs_fd = -EBADF,
        };
        int r;

        if (context->plan->filesystem.root.n_items == 0)
                return 0;
        r = execute_operations(&execute, &context->plan->filesystem.root);
        if (r < 0)
                return r;
        context->origin_fd = TAKE_FD(context->root_fd);
        context->root_fd = root_open_place(context);
        return context->root_fd < 0 ? log_error_errno(context->root_fd, "cannot find the machine's root: %m") : 0;
}
