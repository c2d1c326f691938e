/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Users of the host that the guest has too (--bind-user=). */

#include "engine/machine.h"

/* Outer stage: gives each a number that is free in the guest (bound_ids), a record for its name service, and the home
 * from the host. */
int bind_users(StageContext *context);

/* Inner stage: the bound user of this name as an index into plan->bound and bound_ids, or -ESRCH. */
int bind_users_find(const StageContext *context, const char *name);

/* Where its home is in the guest, the caller's to free; NULL when out of memory. */
char *bind_users_home(const char *name);

/* The shell that was asked for, or NULL: the default one. */
const char *bind_users_shell(const StageContext *context, const HostUser *user);
