/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Refuses what is no operating system tree, and finds init for -b (context->init): the first before anything is
 * mounted over the tree, the second after all the user's mounts; which of them does it depends on whether one is on /
 * itself. */
int tree_check(StageContext *context);
int tree_check_mounted(StageContext *context);
