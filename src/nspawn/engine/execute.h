/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interpreter for operations (plan/operation.h). */

#include "plan/operation.h"

typedef struct ExecuteContext {
        int root_fd;              /* the guest's root, attached in this mount namespace */
        int origin_fd;            /* what the user's "+" sources are below: root_fd, or the tree under a mount on / */
        char *const *temporaries; /* by Operation.custom_index: a directory on the host, or NULL */
        int users_fd;             /* the guest's user namespace; -EBADF if it has the host's users */
        uid_t users_base;         /* whom its root is on the host */
        int sysfs_fd;             /* kept by OPERATION_SYSFS between its rows; -EBADF at start; the caller closes it */
} ExecuteContext;

/* Carries out all operations in order and stops at the first that fails, which is logged with its place. The
 * list borrows nothing beyond the call. */
int execute_operations(ExecuteContext *context, const OperationList *list) _must_check_;
