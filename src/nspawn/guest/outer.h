/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* The outer stage: builds the guest's tree in a mount namespace of its own and gives birth to PID 1. Returns the
 * exit status for the child process. */
int outer_stage(StageContext *context);
