/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* The inner stage: the guest's PID 1 before it becomes the payload. Does not return if all goes well; else
 * returns the exit status for the process. */
int inner_stage(StageContext *context);
