/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's settings that a machine has of its own. */

#include "engine/machine.h"

/* Inner stage, with the host's tree still in view: sets what a bundle wants. Logs. */
int sysctl_apply(StageContext *context);
