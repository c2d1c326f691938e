/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Opens a pty in the guest's devpts, makes it /dev/console and hands the master to the supervisor. With a pipe
 * console there is none, and the payload gets the supervisor's own stdio. */
int console_open(StageContext *context);

/* Starts a session and puts the console on standard input, output and error. */
int console_become_stdio(StageContext *context);
