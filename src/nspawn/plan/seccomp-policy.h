/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The system call policies of this machine's architecture: check them, and get the program for one. */

#include "plan/seccomp-compiler.h"

/* -EINVAL, with an error line that names it, if allow or deny holds a name that is neither a group nor a
 * system call of any architecture. */
int seccomp_policy_check(const SeccompPolicy *policy) _must_check_;

/* The program for a policy: one that was compiled at build time where the policy is a default one, else a new
 * one. Empty if the policy is disabled. Logs its errors. The caller frees with seccomp_program_done(). */
int seccomp_for(const SeccompPolicy *policy, SeccompProgram *ret) _must_check_;

/* What the generator made for this architecture. */
typedef struct SeccompBuiltin {
        uint64_t capabilities; /* only those that seccomp_gating_capabilities() names */
        const struct sock_filter *instructions;
        size_t n_instructions;
} SeccompBuiltin;

extern const SyscallTable syscall_table;
extern const SeccompBuiltin seccomp_builtins[];
extern const size_t seccomp_n_builtins;
