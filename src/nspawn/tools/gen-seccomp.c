/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs once when the program is built, on the build machine, for the architecture
 * given on its command line (meson's cpu_family and endian), and prints a C source with the table of
 * system calls and the programs of the default policies. The names and numbers are libseccomp's, and for
 * calls that are younger than the installed library those of our own list. The library is asked for names
 * by number, not the other way round: asked by name it answers with numbers of its own for the calls that
 * i386 also offers through socketcall(2) and ipc(2). Nothing else of the build machine shows in the
 * output. */

#include <linux/audit.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdio.h>

#include "plan/seccomp-policy.h"

#define X32_BIT 0x40000000U
#define ARM_PRIVATE 0x0f0000U
#define NUMBERS_PER_ABI 1024U

typedef struct Abi {
        uint32_t scmp_arch, audit_arch;
        uint32_t base;    /* what is added to the numbers that all architectures share */
        uint32_t private; /* where numbers of its own begin, or 0 */
} Abi;

typedef struct Machine {
        const char *cpu_family, *endian;
        Abi abis[SYSCALL_ABI_MAX]; /* the native one first */
} Machine;

#define ABI_X86_64                                                                                                    \
        { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0, 0 }
#define ABI_X32                                                                                                       \
        { SCMP_ARCH_X32, AUDIT_ARCH_X86_64, X32_BIT, 0 }
#define ABI_X86                                                                                                       \
        { SCMP_ARCH_X86, AUDIT_ARCH_I386, 0, 0 }
#define ABI_AARCH64                                                                                                   \
        { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0, 0 }
#define ABI_ARM                                                                                                       \
        { SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0, ARM_PRIVATE }

static const Machine machines[] = {
        { "x86_64", "little", { ABI_X86_64, ABI_X32, ABI_X86 } },
        { "x86", "little", { ABI_X86, ABI_X86_64, ABI_X32 } },
        { "aarch64", "little", { ABI_AARCH64, ABI_ARM } },
        { "arm", "little", { ABI_ARM, ABI_AARCH64 } },
        { "ppc64", "little", { { SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, 0, 0 } } },
        { "ppc64", "big", { { SCMP_ARCH_PPC64, AUDIT_ARCH_PPC64, 0, 0 }, { SCMP_ARCH_PPC, AUDIT_ARCH_PPC, 0, 0 } } },
        { "s390x", "big", { { SCMP_ARCH_S390X, AUDIT_ARCH_S390X, 0, 0 }, { SCMP_ARCH_S390, AUDIT_ARCH_S390, 0, 0 } } },
        { "riscv64", "little", { { SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 0, 0 } } },
#ifdef SCMP_ARCH_LOONGARCH64
        { "loongarch64", "little", { { SCMP_ARCH_LOONGARCH64, AUDIT_ARCH_LOONGARCH64, 0, 0 } } },
#endif
};

/* Calls that a libseccomp of our floor may not know. Since Linux 5.1 all architectures share the numbers. */
static const struct {
        const char *name;
        uint32_t number;
        uint32_t audit_arch; /* 0: all */
} young[] = {
        { "set_mempolicy_home_node", 450, 0 },
        { "cachestat", 451, 0 },
        { "fchmodat2", 452, 0 },
        { "map_shadow_stack", 453, 0 },
        { "futex_wake", 454, 0 },
        { "futex_wait", 455, 0 },
        { "futex_requeue", 456, 0 },
        { "statmount", 457, 0 },
        { "listmount", 458, 0 },
        { "lsm_get_self_attr", 459, 0 },
        { "lsm_set_self_attr", 460, 0 },
        { "lsm_list_modules", 461, 0 },
        { "mseal", 462, 0 },
        { "setxattrat", 463, 0 },
        { "getxattrat", 464, 0 },
        { "listxattrat", 465, 0 },
        { "removexattrat", 466, 0 },
        { "open_tree_attr", 467, 0 },
        { "file_getattr", 468, 0 },
        { "file_setattr", 469, 0 },
        { "listns", 470, 0 },
        { "rseq_slice_yield", 471, 0 },
        { "uretprobe", 335, AUDIT_ARCH_X86_64 },
        { "uprobe", 336, AUDIT_ARCH_X86_64 },
        { "riscv_hwprobe", 258, AUDIT_ARCH_RISCV64 },
        { "riscv_flush_icache", 259, AUDIT_ARCH_RISCV64 },
};

/* What systemd-nspawn gives by default, and all: the sets that are worth a program of their own. */
static const uint64_t builtin_capabilities[] = {
        (UINT64_C(1) << CAP_SYS_PTRACE) | (UINT64_C(1) << CAP_SYS_BOOT) | (UINT64_C(1) << CAP_SYS_TTY_CONFIG),
        UINT64_MAX,
};

typedef struct Call {
        char name[64];
        uint32_t number[SYSCALL_ABI_MAX];
} Call;

static Call calls[4096];
static size_t n_calls;

static Call *find_or_add(const char *name) {
        for (size_t i = 0; i < n_calls; i++)
                if (streq(calls[i].name, name))
                        return &calls[i];

        if (n_calls >= ELEMENTSOF(calls) || strlen(name) >= sizeof(calls->name))
                abort();
        (void) snprintf(calls[n_calls].name, sizeof(calls->name), "%s", name);
        for (size_t i = 0; i < SYSCALL_ABI_MAX; i++)
                calls[n_calls].number[i] = SYSCALL_NONE;
        return &calls[n_calls++];
}

/* slot: which number to fill in; negative only to learn the names. */
static void add_numbers(uint32_t scmp_arch, uint32_t first, int slot) {
        for (uint32_t i = 0; i < NUMBERS_PER_ABI; i++) {
                _cleanup_free_ char *name = seccomp_syscall_resolve_num_arch(scmp_arch, (int) (first + i));
                Call *call;

                if (!name)
                        continue;
                call = find_or_add(name);
                if (slot >= 0)
                        call->number[slot] = first + i;
        }
}

/* A name on an architecture that this machine does not run is no mistake in a settings file. */
static void add_foreign_names(void) {
        static const uint32_t others[] = { SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS, SCMP_ARCH_PARISC };

        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                for (size_t j = 0; j < SYSCALL_ABI_MAX && machines[i].abis[j].audit_arch; j++) {
                        const Abi *abi = &machines[i].abis[j];

                        add_numbers(abi->scmp_arch, abi->base, -1);
                        if (abi->private)
                                add_numbers(abi->scmp_arch, abi->private, -1);
                }
        add_numbers(others[0], 5000, -1);
        add_numbers(others[1], 4000, -1);
        add_numbers(others[2], 0, -1);
}

static bool number_taken(uint32_t number, size_t slot) {
        for (size_t i = 0; i < n_calls; i++)
                if (calls[i].number[slot] == number)
                        return true;
        return false;
}

static void add_young(const Machine *machine) {
        for (size_t i = 0; i < ELEMENTSOF(young); i++) {
                Call *call = find_or_add(young[i].name);

                for (size_t j = 0; j < SYSCALL_ABI_MAX && machine->abis[j].audit_arch; j++) {
                        const Abi *abi = &machine->abis[j];
                        uint32_t number = abi->base + young[i].number;
                        bool has =
                                young[i].audit_arch == 0 || (young[i].audit_arch == abi->audit_arch && abi->base == 0);

                        if (has && call->number[j] == SYSCALL_NONE && !number_taken(number, j))
                                call->number[j] = number;
                }
        }
}

static int call_compare(const void *a, const void *b) {
        return strcmp(((const Call *) a)->name, ((const Call *) b)->name);
}

static void print_program(size_t index, const SeccompProgram *program) {
        printf("static const struct sock_filter program_%zu[] = {\n", index);
        for (size_t i = 0; i < program->n_instructions; i++)
                printf("        { 0x%02x, %u, %u, 0x%08x },\n", program->instructions[i].code,
                       program->instructions[i].jt, program->instructions[i].jf, program->instructions[i].k);
        printf("};\n\n");
}

static int print_programs(const SyscallTable *table) {
        size_t length[ELEMENTSOF(builtin_capabilities)];

        for (size_t i = 0; i < ELEMENTSOF(builtin_capabilities); i++) {
                _cleanup_seccomp_program_ SeccompProgram program = { 0 };
                int r = seccomp_compile(table, &(SeccompPolicy){ .capabilities = builtin_capabilities[i] }, &program);
                if (r < 0)
                        return r;
                print_program(i, &program);
                length[i] = program.n_instructions;
        }

        printf("const SeccompBuiltin seccomp_builtins[] = {\n");
        for (size_t i = 0; i < ELEMENTSOF(builtin_capabilities); i++)
                printf("        { 0x%016llx, program_%zu, %zu },\n",
                       (unsigned long long) (builtin_capabilities[i] & seccomp_gating_capabilities()), i, length[i]);
        printf("};\nconst size_t seccomp_n_builtins = %zu;\n", ELEMENTSOF(builtin_capabilities));
        return 0;
}

static void print_table(const SyscallTable *table) {
        printf("static const char names[] =\n");
        for (size_t i = 0; i < n_calls; i++)
                printf("        \"%s\\0\"\n", calls[i].name);
        printf("        ;\n\nstatic const SyscallEntry entries[] = {\n");
        for (size_t i = 0; i < n_calls; i++) {
                const SyscallEntry *entry = &table->entries[i];

                printf("        { { 0x%x, 0x%x, 0x%x }, %u },\n", entry->number[0], entry->number[1], entry->number[2],
                       entry->name);
        }
        printf("};\n\nconst SyscallTable syscall_table = {\n"
               "        .names = names,\n        .entries = entries,\n        .n_entries = %zu,\n"
               "        .audit_arch = { 0x%x, 0x%x, 0x%x },\n        .n_abis = %zu,\n"
               "        .big_endian = %s,\n"
               "};\n\n",
               n_calls, table->audit_arch[0], table->audit_arch[1], table->audit_arch[2], table->n_abis,
               table->big_endian ? "true" : "false");
}

static int generate(const Machine *machine) {
        static char names[sizeof(calls)];
        static SyscallEntry entries[ELEMENTSOF(calls)];
        SyscallTable table = {
                .names = names,
                .entries = entries,
                .big_endian = streq(machine->endian, "big"),
        };
        size_t offset = 0;

        for (; table.n_abis < SYSCALL_ABI_MAX && machine->abis[table.n_abis].audit_arch; table.n_abis++) {
                const Abi *abi = &machine->abis[table.n_abis];

                add_numbers(abi->scmp_arch, abi->base, (int) table.n_abis);
                if (abi->private)
                        add_numbers(abi->scmp_arch, abi->private, (int) table.n_abis);
                table.audit_arch[table.n_abis] = abi->audit_arch;
        }
        add_foreign_names();
        add_young(machine);
        qsort(calls, n_calls, sizeof(*calls), call_compare);

        for (size_t i = 0; i < n_calls; i++) {
                size_t length = strlen(calls[i].name) + 1;

                memcpy(names + offset, calls[i].name, length);
                memcpy(entries[i].number, calls[i].number, sizeof(calls[i].number));
                entries[i].name = (uint16_t) offset;
                offset += length;
        }
        table.n_entries = n_calls;
        if (offset > UINT16_MAX)
                return -E2BIG;

        printf("/* SPDX-License-Identifier: LGPL-2.1-or-later */\n\n"
               "/* Generated by gen-seccomp for %s. */\n\n"
               "#include \"plan/seccomp-policy.h\"\n\n",
               machine->cpu_family);
        print_table(&table);
        return print_programs(&table);
}

int main(int argc, char *argv[]) {
        int r;

        if (argc != 3) {
                fprintf(stderr, "usage: gen-seccomp CPU-FAMILY ENDIAN\n");
                return EXIT_FAILURE;
        }
        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (streq(machines[i].cpu_family, argv[1]) && streq(machines[i].endian, argv[2])) {
                        r = generate(&machines[i]);
                        if (r < 0)
                                fprintf(stderr, "gen-seccomp: %s\n", strerror(-r));
                        return r < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                }

        fprintf(stderr, "gen-seccomp: no row for %s (%s endian), add one to machines[]\n", argv[1], argv[2]);
        return EXIT_FAILURE;
}
