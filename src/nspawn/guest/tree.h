/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Refuses what is no operating system tree, and finds init for -b (context->init). */
int tree_check(StageContext *context);
