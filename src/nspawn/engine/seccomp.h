/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Puts the calling process, and all it will ever start, under a system call filter. */

#include "plan/seccomp-policy.h"

/* Loads a program, or does nothing for an empty one. log: the kernel is to log what it refuses. Needs CAP_SYS_ADMIN in the process's user namespace, or
 * no_new_privs. Logs its errors: -EACCES when neither is there. */
int seccomp_load(const SeccompProgram *program, bool log) _must_check_;
