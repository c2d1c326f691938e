/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: the root that a mount stack makes. Each step does nothing where the machine is made from something
 * else. */

#include "engine/machine.h"

/* Lays the layers over each other; tree_fd is the detached mount of the result, or of what the stack has as root. */
int mount_stack_mount_root(StageContext *context);

/* Shows the layers' /usr in root_fd, where the stack has a root of its own. */
int mount_stack_mount_usr(StageContext *context);

/* The same again if a layer of --volatile= covers it; and the stack's binds. */
int mount_stack_mount_rest(StageContext *context);
