/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Resolves the configured user inside the guest: fills uid, gid, groups, and user_name, home, shell. */
int user_resolve(StageContext *context);
