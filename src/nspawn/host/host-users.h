/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the host's user database says. */

#include "config/config.h"
#include "plan/facts.h"

/* All that the machine is to have too. Loads what writes their records. Logs. */
int host_users_of_names(char *const *names, HostUser **ret, size_t *ret_n) _must_check_;
void host_users_free(HostUser *users, size_t n);

/* For each mount whom it maps, as a new array; NULL if none of them maps anybody. Logs. */
int host_users_of_mounts(const MountsConfig *mounts, HostIds **ret) _must_check_;
