/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program for the filter that a bundle spells out. Pure. */

#include "config/seccomp-profile.h"
#include "plan/seccomp-compiler.h"

/* Compiles it for this machine's architecture. A call that the table does not have is left out; one that was to be
 * restricted and is left out is warned of. -ENOMEM; -E2BIG when the kernel would refuse the length; -EINVAL,
 * logged, for a call that two rules without conditions give different actions. The caller frees with
 * seccomp_program_done(). */
int seccomp_profile_compile(const SyscallTable *table, const SeccompProfile *profile,
                            SeccompProgram *ret) _must_check_;
