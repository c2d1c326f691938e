/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From a verdict for each system call to one program for all architectures of a machine. Pure. */

#include "plan/seccomp-compiler.h"

typedef struct SeccompEmitter SeccompEmitter;

/* Verdicts are numbers of the caller's, below n. */
typedef struct SeccompVerdicts {
        const uint16_t *of_entries; /* for each entry of the table */
        uint16_t unknown;           /* for numbers that no entry has */
        uint16_t allow;             /* for the number -1, which a tracer sets to skip a call */
        size_t n;
        unsigned abis; /* bit n: the calls of the table's ABI n; those of others do not exist */

        /* Emits the code of a verdict and gives the position of its first instruction. */
        size_t (*emit)(SeccompEmitter *e, uint16_t verdict, const void *userdata);
        const void *userdata;
} SeccompVerdicts;

#define SECCOMP_ALL_ABIS ((1u << SYSCALL_ABI_MAX) - 1)

/* -ENOMEM; -E2BIG when the kernel would refuse the length. */
int seccomp_emit_program(const SyscallTable *table, const SeccompVerdicts *verdicts, SeccompProgram *ret) _must_check_;

/* For the code of a verdict, which is written from its end: all return the position of their first instruction, and go
 * on at positions that are known already. condition is BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET. */
size_t seccomp_emit_return(SeccompEmitter *e, uint32_t action);
size_t seccomp_emit_errno(SeccompEmitter *e, int error);
size_t seccomp_emit_branch(SeccompEmitter *e, int condition, uint32_t k, size_t if_true, size_t if_false);
size_t seccomp_emit_mask(SeccompEmitter *e, uint32_t mask, size_t next);

/* Half of an argument. */
size_t seccomp_emit_load_low(SeccompEmitter *e, size_t argument, size_t next);
size_t seccomp_emit_load_high(SeccompEmitter *e, size_t argument, size_t next);

/* Verdicts by the low half of an argument: for each value below n, which is SECCOMP_LOOKUP_MAX at most, and beyond. */
#define SECCOMP_LOOKUP_MAX 64
size_t seccomp_emit_lookup(SeccompEmitter *e, size_t argument, const uint16_t *verdicts, size_t n, uint16_t beyond);
