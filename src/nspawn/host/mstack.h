/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mount stacks on the host's side: reading them, opening and locking what is in them. */

#include "config/config.h"
#include "engine/mstack.h"
#include "engine/undo.h"
#include "host/machine-lock.h"

/* Reads the stack that the configuration names, opens its entries and takes their locks, shared for what is only read;
 * attaches loop devices to images. The reversals are registered; ret and *ret_locks (one for each entry) belong to the
 * undo log. ret is zeroed at first and lives until that has run. Logs. */
int mount_stack_open(UndoLog *undo, const MachineConfig *config, int runtime_fd, MountStack *ret,
                     MachineLock **ret_locks) _must_check_;

/* The directory whose owner tells whom the stack belongs to: that of the root or of the lowest layer. -EBADF where that
 * is an image. */
int mount_stack_owner_fd(const MountStack *stack);

/* Detached mounts of all directories for one start (mount_fd), to be closed after the stage was forked. Logs. */
int mount_stack_clone(MountStack *stack) _must_check_;
void mount_stack_close_clones(MountStack *stack);

/* For the minder, with its copies: waits for images and lets go of all locks. */
void mount_stack_release(MountStack *stack, MachineLock *locks);
