/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Setting limits and giving up privileges on the way to the payload. */

#include <sys/types.h>

#include "plan/security.h"

/* Raises hard resource limits as far as planned and possible, and sets OOM score, CPU affinity and personality, all of
 * which children inherit. For the outer stage: it takes the privileges of the host, and the host's /proc. Logs its
 * errors. */
int privileges_raise_limits(const SecurityPlan *plan) _must_check_;

/* Sets the resource limits as planned, in either stage: a default above what we may have is lowered to that; what the user
 * asked for and cannot be had is an error. Logs its errors. */
int privileges_set_limits(const SecurityPlan *plan) _must_check_;

/* Asks the kernel whether this process may execute a program with this SELinux context; NULL is none to ask for. What
 * executes the program has to say so again. In the machine's /proc. Logs its errors. */
int privileges_try_context(const char *context) _must_check_;

/* Takes on the user's identity and what the plan leaves of the capabilities: the bounding set for
 * everybody; for root the whole of it, for others the ambient ones; inheritable are exactly the ambient
 * ones. Then no_new_privs, if planned. CAP_SYS_ADMIN stays until execve(2), which takes it away, because
 * seccomp_load() needs it: that is to come after this, since a policy may forbid the calls made here.
 * Logs its errors. */
int privileges_become(const SecurityPlan *plan, uid_t uid, gid_t gid, const gid_t *groups,
                      size_t n_groups) _must_check_;
