/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Turns a system call policy into one classic BPF program for all architectures of a machine. Pure. */

#include <linux/filter.h>
#include <stdint.h>

#include "macros.h"

/* The calls of one kind of machine: every name that is known on any architecture, with its number in each
 * calling convention (ABI) that this machine's kernel offers. Sorted by name. */
#define SYSCALL_ABI_MAX 3
#define SYSCALL_NONE UINT32_MAX /* this ABI does not have the call */

typedef struct SyscallEntry {
        uint32_t number[SYSCALL_ABI_MAX];
        uint16_t name; /* offset in SyscallTable.names */
} SyscallEntry;

typedef struct SyscallTable {
        const char *names;
        const SyscallEntry *entries;
        size_t n_entries;
        uint32_t audit_arch[SYSCALL_ABI_MAX]; /* AUDIT_ARCH_*; x32 has x86-64's, and bit 30 in its numbers */
        size_t n_abis;
        bool big_endian;
} SyscallTable;

/* What the guest may call. All pointers are borrowed. */
typedef struct SeccompPolicy {
        uint64_t capabilities;            /* the bounding set: some calls come with a capability */
        char *const *allow, *const *deny; /* names and @groups, NULL for none; deny wins */
        uint64_t denied_families;         /* bit n: no sockets of address family n; 0 to look at none */
        bool suppress_sync;               /* fsync() and friends succeed without doing anything */
        bool disabled;                    /* no filter at all */
} SeccompPolicy;

typedef struct SeccompProgram {
        const struct sock_filter *instructions; /* built-in, or the same as allocated */
        size_t n_instructions;                  /* 0: nothing to load */
        struct sock_filter *allocated;
        unsigned flags; /* SECCOMP_FILTER_FLAG_* */
} SeccompProgram;

/* The capabilities that a policy looks at; two sets that agree in these give the same program. */
uint64_t seccomp_gating_capabilities(void);

/* The entry of this name, or NULL. */
const SyscallEntry *syscall_table_find(const SyscallTable *table, const char *name);

/* Compiles a policy. The caller frees with seccomp_program_done(). -ENOMEM; -EINVAL when allow or deny
 * holds a name that neither the table nor the groups know; -E2BIG when the kernel would refuse the
 * length. */
int seccomp_compile(const SyscallTable *table, const SeccompPolicy *policy, SeccompProgram *ret) _must_check_;

static inline void seccomp_program_done(SeccompProgram *program) {
        free(program->allocated);
        *program = (SeccompProgram){ 0 };
}
#define _cleanup_seccomp_program_ _cleanup_(seccomp_program_done)
