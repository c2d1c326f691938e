/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A system call filter as a bundle spells it out. */

#include <stdint.h>

#include "macros.h"

typedef enum SeccompOperator {
        SECCOMP_EQUAL,
        SECCOMP_NOT_EQUAL,
        SECCOMP_LESS,
        SECCOMP_LESS_EQUAL,
        SECCOMP_GREATER,
        SECCOMP_GREATER_EQUAL,
        SECCOMP_MASKED_EQUAL, /* what value leaves of the argument is value_two */
} SeccompOperator;

typedef struct SeccompCondition {
        unsigned argument; /* 0 to 5 */
        SeccompOperator op;
        uint64_t value, value_two;
} SeccompCondition;

/* All conditions hold, or there are none. */
typedef struct SeccompRule {
        char **names;
        uint32_t action; /* SECCOMP_RET_*, with its data */
        SeccompCondition *conditions;
        size_t n_conditions;
} SeccompRule;

typedef struct SeccompProfile {
        bool set;
        uint32_t default_action;
        uint32_t *architectures; /* AUDIT_ARCH_*, besides the native one, which is meant in any case */
        size_t n_architectures;
        bool x32; /* the second convention of x86-64 as well */
        SeccompRule *rules;
        size_t n_rules;
        unsigned flags; /* SECCOMP_FILTER_FLAG_* */
} SeccompProfile;

/* Frees what it holds. */
void seccomp_profile_done(SeccompProfile *profile);
