/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* -a: forks; the child returns 0 and is the payload (PID 2), the parent stays PID 1, reaps whatever ends up with
 * it, and exits with the payload's status, 255 if a signal killed it. A negative errno in PID 1 on failure. */
int stub_init_fork(StageContext *context);
