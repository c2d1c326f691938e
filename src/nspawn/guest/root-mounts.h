/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: what the user puts in the place of the tree's root. */

#include "engine/machine.h"

/* Mounts on / itself. root_fd is what they make, origin_fd the tree below. */
int root_mounts_add(StageContext *context);
