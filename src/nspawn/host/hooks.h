/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bundle's hooks: programs of the host, run at certain times of a machine's life. */

#include <sys/types.h>

#include "config/config.h"
#include "host/minder.h"

/* Runs those of one time, one after the other, each with the machine's state (leader 0: it has none) on its standard
 * input, and waits for them: the first that fails ends it. Logs, and gives a negative errno: -ECANCELED if a signal to
 * end us arrived meanwhile. */
int hooks_run(const Minder *minder, const OciConfig *oci, OciHookTime when, const char *machine, pid_t leader);

/* Begins to run those of OCI_HOOK_POSTSTART, in a child of their own, whose failures are warnings. *ret_pidfd is -EBADF
 * if there are none. */
int hooks_begin(const Minder *minder, const OciConfig *oci, const char *machine, pid_t leader, int *ret_pidfd);

/* Waits for that child, but not beyond a signal to end us. */
void hooks_end(int pidfd);
