/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Make the guest's /etc/resolv.conf and /etc/localtime follow the host's, as configured. A tree in which that
 * cannot be done (read-only, odd files in the way) gets a warning, not a refusal. */
int integration_resolv_conf(StageContext *context);
int integration_timezone(StageContext *context);
