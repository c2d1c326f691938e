/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the host's user database says. */

#include "config/config.h"
#include "plan/facts.h"

/* For each mount whom it maps, as a new array; NULL if none of them maps anybody. Logs. */
int host_users_of_mounts(const MountsConfig *mounts, HostIds **ret) _must_check_;
