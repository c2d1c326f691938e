/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: what the user puts in the place of the tree's root. */

#include "engine/machine.h"

/* Mounts on / itself. root_fd is what they make, origin_fd the tree below. */
int root_mounts_add(StageContext *context);

/* --pivot-root=: root_fd is the new root, and "+" sources are in it; former_fd the one that has been until now. */
int root_pivot(StageContext *context);

/* Attaches the former root in the new one, where it is wanted. */
int root_attach_former(StageContext *context);
