/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The programs are run by a small interpreter over all numbers of all ABIs; the default one also for real. */

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/seccomp.h"
#include "log.h"
#include "plan/seccomp-profile.h"
#include "strv.h"
#include "test.h"

#define RET_ALLOW SECCOMP_RET_ALLOW
#define RET_ERRNO(e) (SECCOMP_RET_ERRNO | (uint32_t) (e))

#define DEFAULT_CAPABILITIES                                                                                          \
        ((UINT64_C(1) << CAP_SYS_ADMIN) | (UINT64_C(1) << CAP_SYS_PTRACE) | (UINT64_C(1) << CAP_SYS_BOOT) |           \
         (UINT64_C(1) << CAP_SYS_TTY_CONFIG))

static bool jump_taken(const struct sock_filter *insn, uint32_t a) {
        switch (BPF_OP(insn->code)) {
        case BPF_JEQ:
                return a == insn->k;
        case BPF_JGE:
                return a >= insn->k;
        case BPF_JGT:
                return a > insn->k;
        case BPF_JSET:
                return a & insn->k;
        }
        TEST_FAIL("jump %#x", insn->code);
}

static uint32_t run(const SeccompProgram *program, const struct seccomp_data *data) {
        const struct sock_filter *code = program->instructions;
        uint32_t a = 0;

        for (size_t pc = 0; pc < program->n_instructions; pc++)
                if (code[pc].code == (BPF_LD | BPF_W | BPF_ABS)) {
                        ASSERT_TRUE(code[pc].k % 4 == 0 && code[pc].k < sizeof(*data));
                        memcpy(&a, (const char *) data + code[pc].k, sizeof(a));
                } else if (code[pc].code == (BPF_RET | BPF_K))
                        return code[pc].k;
                else if (code[pc].code == (BPF_ALU | BPF_AND | BPF_K))
                        a &= code[pc].k;
                else if (code[pc].code == (BPF_JMP | BPF_JA))
                        pc += code[pc].k;
                else if (BPF_CLASS(code[pc].code) == BPF_JMP)
                        pc += jump_taken(&code[pc], a) ? code[pc].jt : code[pc].jf;
                else
                        TEST_FAIL("instruction %#x", code[pc].code);
        TEST_FAIL("fell off the end");
}

/* The action for a call by name, the same in all ABIs that have it; by default it has arguments of zero. */
static uint32_t run_name(const SeccompProgram *program, const char *name, const uint64_t *args) {
        const SyscallEntry *entry = syscall_table_find(&syscall_table, name);
        uint32_t action = 0;
        bool found = false;

        if (!entry)
                TEST_FAIL("no \"%s\" in the table", name);
        for (size_t i = 0; i < syscall_table.n_abis; i++) {
                struct seccomp_data data = { .nr = (int) entry->number[i], .arch = syscall_table.audit_arch[i] };
                uint32_t one;

                if (entry->number[i] == SYSCALL_NONE)
                        continue;
                if (args)
                        memcpy(data.args, args, sizeof(data.args));
                one = run(program, &data);
                if (found && one != action)
                        TEST_FAIL("%s is %#x in ABI %zu and %#x in another", name, one, i, action);
                action = one;
                found = true;
        }
        ASSERT_TRUE(found);
        return action;
}

#define ASSERT_ACTION(program, name, action) ASSERT_EQ(run_name(program, name, NULL), action)

static bool on_this_machine(const SyscallEntry *entry) {
        for (size_t i = 0; i < syscall_table.n_abis; i++)
                if (entry->number[i] != SYSCALL_NONE)
                        return true;
        return false;
}

static void check_all_names(const SeccompProgram *program) {
        for (size_t i = 0; i < syscall_table.n_entries; i++) {
                const SyscallEntry *entry = &syscall_table.entries[i];
                const char *name = syscall_table.names + entry->name;

                if (i > 0)
                        ASSERT_TRUE(strcmp(syscall_table.names + entry[-1].name, name) < 0);
                if (on_this_machine(entry))
                        ASSERT_TRUE(run_name(program, name, NULL) != RET_ERRNO(ENOSYS));
        }
}

static bool has_number(size_t abi, uint32_t number) {
        for (size_t i = 0; i < syscall_table.n_entries; i++)
                for (size_t j = 0; j < syscall_table.n_abis; j++)
                        if (syscall_table.audit_arch[j] == syscall_table.audit_arch[abi] &&
                            syscall_table.entries[i].number[j] == number)
                                return true;
        return false;
}

static void check_unknown_numbers(const SeccompProgram *program) {
        static const uint32_t bases[] = { 0, 0xf0000, 0x40000000, 0x80000000, 0xfffffff0 };

        for (size_t abi = 0; abi < syscall_table.n_abis; abi++)
                for (size_t b = 0; b < ELEMENTSOF(bases); b++)
                        for (uint32_t i = 0; i < (b + 1 == ELEMENTSOF(bases) ? 15 : 1200); i++) {
                                struct seccomp_data data = { .nr = (int) (bases[b] + i),
                                                             .arch = syscall_table.audit_arch[abi] };

                                if (!has_number(abi, bases[b] + i))
                                        ASSERT_EQ(run(program, &data), RET_ERRNO(ENOSYS));
                        }
}

static void check_sanity(const SeccompProgram *program) {
        struct seccomp_data data = { .nr = 0, .arch = 0x1234 };

        check_all_names(program);
        check_unknown_numbers(program);
        ASSERT_EQ(run(program, &data), RET_ERRNO(ENOSYS));
        for (size_t i = 0; i < syscall_table.n_abis; i++) {
                data = (struct seccomp_data){ .nr = -1, .arch = syscall_table.audit_arch[i] };
                ASSERT_EQ(run(program, &data), RET_ALLOW);
        }
}

TEST(default_policy_is_built_in) {
        _cleanup_seccomp_program_ SeccompProgram builtin = { 0 }, compiled = { 0 };
        const SeccompPolicy policy = { .capabilities = DEFAULT_CAPABILITIES };

        ASSERT_OK(seccomp_for(&policy, &builtin));
        ASSERT_TRUE(!builtin.allocated);
        ASSERT_OK(seccomp_compile(&syscall_table, &policy, &compiled));
        ASSERT_EQ(builtin.n_instructions, compiled.n_instructions);
        ASSERT_EQ(memcmp(builtin.instructions, compiled.instructions,
                         compiled.n_instructions * sizeof(struct sock_filter)),
                  0);
        check_sanity(&builtin);
}

TEST(default_verdicts) {
        static const char *const allowed[] = {
                "read",           "execve",      "clone3",  "mount",          "keyctl",
                "setns",          "unshare",     "ptrace",  "reboot",         "vhangup",
                "io_uring_setup", "userfaultfd", "openat2", "fsync",          "cachestat",
                "fchmodat2",      "statmount",   "mseal",   "open_tree_attr", "file_setattr",
                "prctl",          "seccomp",     "capset",  "setdomainname",  "sethostname",
        };
        static const char *const denied[] = {
                "swapon",
                "kexec_load",
                "bpf",
                "syslog",
                "init_module",
                "finit_module",
                "delete_module",
                "clock_settime",
                "settimeofday",
                "adjtimex",
                "mlock",
                "mlockall",
                "acct",
                "perf_event_open",
                "open_by_handle_at",
                "quotactl",
                "fanotify_init",
                "pkey_alloc",
                "lookup_dcookie",
                "pidfd_getfd",
                "map_shadow_stack",
                "listns",
                "rseq_slice_yield",
        };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES }, &program));
        for (size_t i = 0; i < ELEMENTSOF(allowed); i++)
                if (run_name(&program, allowed[i], NULL) != RET_ALLOW)
                        TEST_FAIL("%s is not allowed", allowed[i]);
        for (size_t i = 0; i < ELEMENTSOF(denied); i++)
                if (run_name(&program, denied[i], NULL) != RET_ERRNO(EPERM))
                        TEST_FAIL("%s is not EPERM", denied[i]);
}

TEST(audit_netlink) {
        static const struct {
                uint64_t family, protocol;
                uint32_t action;
        } cases[] = {
                { AF_NETLINK, NETLINK_ROUTE, RET_ALLOW },
                { AF_UNIX, NETLINK_AUDIT, RET_ALLOW },
                { AF_NETLINK, NETLINK_AUDIT, RET_ERRNO(EAFNOSUPPORT) },
                { AF_NETLINK, NETLINK_AUDIT | (UINT64_C(1) << 32), RET_ERRNO(EAFNOSUPPORT) },
                { AF_NETLINK | (UINT64_C(1) << 63), NETLINK_AUDIT, RET_ERRNO(EAFNOSUPPORT) },
        };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES }, &program));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const uint64_t args[6] = { cases[i].family, SOCK_RAW, cases[i].protocol };
                ASSERT_EQ(run_name(&program, "socket", args), cases[i].action);
        }
}

TEST(capabilities_bring_calls) {
        static const struct {
                int capability;
                const char *name;
        } cases[] = {
                { CAP_SYS_TIME, "clock_settime" }, { CAP_SYS_MODULE, "init_module" }, { CAP_SYS_PACCT, "acct" },
                { CAP_IPC_LOCK, "mlock" },         { CAP_SYSLOG, "syslog" },          { CAP_BPF, "bpf" },
                { CAP_SYS_PTRACE, "ptrace" },      { CAP_SYS_BOOT, "reboot" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_seccomp_program_ SeccompProgram with = { 0 }, without = { 0 };
                uint64_t bit = UINT64_C(1) << cases[i].capability;

                ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = bit }, &with));
                ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = ~bit }, &without));
                ASSERT_ACTION(&with, cases[i].name, RET_ALLOW);
                ASSERT_ACTION(&without, cases[i].name, RET_ERRNO(EPERM));
                check_sanity(&with);
        }
}

TEST(allow_and_deny) {
        char *allow[] = { (char *) "@memlock", (char *) "@pkey", (char *) "@privileged", NULL };
        char *deny[] = { (char *) "@keyring", (char *) "bpf", (char *) "@timer", NULL };
        const SeccompPolicy policy = { .capabilities = DEFAULT_CAPABILITIES, .allow = allow, .deny = deny };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_policy_check(&policy));
        ASSERT_OK(seccomp_for(&policy, &program));
        ASSERT_TRUE(program.allocated);
        ASSERT_ACTION(&program, "mlock", RET_ALLOW);
        ASSERT_ACTION(&program, "pkey_alloc", RET_ALLOW);
        ASSERT_ACTION(&program, "swapon", RET_ALLOW);     /* by way of @swap in @privileged */
        ASSERT_ACTION(&program, "bpf", RET_ERRNO(EPERM)); /* in @privileged, but deny wins */
        ASSERT_ACTION(&program, "keyctl", RET_ERRNO(EPERM));
        ASSERT_ACTION(&program, "timer_create", RET_ERRNO(EPERM));
        check_sanity(&program);
}

TEST(known_means_all) {
        char *all[] = { (char *) "@known", NULL };
        _cleanup_seccomp_program_ SeccompProgram allow = { 0 }, deny = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .allow = all }, &allow));
        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .deny = all }, &deny));
        ASSERT_ACTION(&allow, "kexec_load", RET_ALLOW);
        ASSERT_ACTION(&deny, "read", RET_ERRNO(EPERM));
        check_sanity(&allow);
}

TEST(unknown_names) {
        char *no_call[] = { (char *) "frobnicate", NULL }, *no_group[] = { (char *) "@frob", NULL };
        char *foreign[] = { (char *) "arm_fadvise64_64", (char *) "riscv_hwprobe", NULL };
        SeccompProgram program = { 0 };

        log_set_max_level(LOG_EMERG);
        ASSERT_ERR(seccomp_policy_check(&(SeccompPolicy){ .allow = no_call }), -EINVAL);
        ASSERT_TRUE(strstr(log_last_error(), "frobnicate"));
        ASSERT_ERR(seccomp_policy_check(&(SeccompPolicy){ .deny = no_group }), -EINVAL);
        ASSERT_ERR(seccomp_compile(&syscall_table, &(SeccompPolicy){ .deny = no_group }, &program), -EINVAL);
        ASSERT_OK(seccomp_policy_check(&(SeccompPolicy){ .allow = foreign }));
        log_set_max_level(LOG_INFO);
}

TEST(suppress_sync) {
        char *deny[] = { (char *) "syncfs", NULL };
        const uint64_t plain[6] = { 0, O_RDWR, O_RDWR }, sync1[6] = { 0, O_RDWR | O_SYNC, 0 };
        const uint64_t dsync2[6] = { 0, 0, O_RDWR | O_DSYNC };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES,
                                                .suppress_sync = true,
                                                .deny = deny },
                              &program));
        ASSERT_ACTION(&program, "fsync", RET_ERRNO(0));
        ASSERT_ACTION(&program, "sync", RET_ERRNO(0));
        ASSERT_ACTION(&program, "syncfs", RET_ERRNO(EPERM));
        ASSERT_ACTION(&program, "openat2", RET_ALLOW);
        ASSERT_EQ(run_name(&program, "openat", plain), RET_ALLOW);
        ASSERT_EQ(run_name(&program, "openat", sync1), RET_ALLOW); /* that is not its flags argument */
        ASSERT_EQ(run_name(&program, "openat", dsync2), RET_ERRNO(EINVAL));
        if (syscall_table_find(&syscall_table, "open")->number[0] != SYSCALL_NONE)
                ASSERT_EQ(run_name(&program, "open", sync1), RET_ERRNO(EINVAL));
        check_sanity(&program);
}

/* What a socket of this family meets, and that a set high half of the argument changes nothing. */
static uint32_t family_action(const SeccompProgram *program, const char *name, uint64_t family, uint64_t protocol) {
        const uint64_t args[6] = { family, SOCK_RAW, protocol };
        const uint64_t high[6] = { family | UINT64_C(1) << 40, SOCK_RAW, protocol | UINT64_C(1) << 40 };
        uint32_t action = run_name(program, name, args);

        ASSERT_EQ(run_name(program, name, high), action);
        return action;
}

static void check_denied_families(uint64_t denied) {
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES, .denied_families = denied },
                              &program));
        ASSERT_TRUE(program.allocated);
        check_sanity(&program);
        for (unsigned family = 0; family < 64; family++) {
                uint32_t action = denied & UINT64_C(1) << family ? RET_ERRNO(EAFNOSUPPORT) : RET_ALLOW;

                ASSERT_EQ(family_action(&program, "socket", family, 0), action);
                ASSERT_EQ(family_action(&program, "socketpair", family, 0), action);
                if (family == AF_NETLINK)
                        action = RET_ERRNO(EAFNOSUPPORT);
                ASSERT_EQ(family_action(&program, "socket", family, NETLINK_AUDIT), action);
        }
        ASSERT_EQ(family_action(&program, "socket", 64, 0), RET_ERRNO(EAFNOSUPPORT));
        ASSERT_EQ(family_action(&program, "socket", UINT32_MAX, 0), RET_ERRNO(EAFNOSUPPORT));
        ASSERT_ACTION(&program, "io_uring_setup", RET_ERRNO(EPERM));
        ASSERT_ACTION(&program, "bind", RET_ALLOW);
        ASSERT_ACTION(&program, "io_submit", RET_ALLOW);
}

TEST(address_families) {
        check_denied_families(UINT64_MAX);
        check_denied_families(~(UINT64_C(1) << AF_UNIX | UINT64_C(1) << AF_INET | UINT64_C(1) << AF_INET6));
        check_denied_families(~(UINT64_C(1) << AF_NETLINK));
        check_denied_families(UINT64_C(1) << AF_NETLINK);
        check_denied_families(UINT64_C(1) << AF_VSOCK | UINT64_C(1) << AF_ALG);
        check_denied_families(UINT64_C(0x5555555555555555));
        check_denied_families(UINT64_C(0xaaaaaaaaaaaaaaaa));
}

TEST(address_families_behind_socketcall) {
        _cleanup_seccomp_program_ SeccompProgram some = { 0 }, all = { 0 };

        if (!on_this_machine(syscall_table_find(&syscall_table, "socketcall")))
                return;
        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .denied_families = UINT64_C(1) << AF_VSOCK }, &some));
        ASSERT_OK(seccomp_for(&(SeccompPolicy){}, &all));
        for (uint64_t call = SYS_SOCKET; call <= SYS_SENDMMSG; call++) {
                const uint64_t args[6] = { call | UINT64_C(1) << 32 };
                bool makes = call == SYS_SOCKET || call == SYS_SOCKETPAIR;

                ASSERT_EQ(run_name(&some, "socketcall", args), makes ? RET_ERRNO(EAFNOSUPPORT) : RET_ALLOW);
                ASSERT_EQ(run_name(&all, "socketcall", args), RET_ALLOW);
        }
}

/* A filter of the user's is not widened by this. */
TEST(address_families_of_no_socket) {
        char *deny[] = { (char *) "socket", NULL };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .deny = deny, .denied_families = UINT64_C(1) << AF_VSOCK }, &program));
        ASSERT_EQ(family_action(&program, "socket", AF_INET, 0), RET_ERRNO(EPERM));
        ASSERT_EQ(family_action(&program, "socketpair", AF_UNIX, 0), RET_ALLOW);
}

TEST(disabled) {
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_for(&(SeccompPolicy){ .disabled = true }, &program));
        ASSERT_EQ(program.n_instructions, 0);
        ASSERT_OK(seccomp_load(&program, false));
}

/* — for real — */

#if defined(__x86_64__)
#define X32_BIT 0x40000000

/* What the i386 entry returns; memory arguments would have to lie below 4 GiB. */
static long call_i386(long nr, long a, long b, long c) {
        long ret = nr;

        __asm__ volatile("int $0x80" : "+a"(ret) : "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
        return (int) ret;
}

static bool i386_works(void) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0)
                _exit(call_i386(20, 0, 0, 0) == getpid() ? 0 : 1); /* getpid; else SIGSEGV */
        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int foreign_verdicts(bool i386) {
        if (syscall(X32_BIT | SYS_swapon, NULL, 0) >= 0 || errno != EPERM)
                return 10;
        if (syscall(X32_BIT | 1100) >= 0 || errno != ENOSYS)
                return 11;
        if (syscall(X32_BIT | SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) >= 0 || errno != EAFNOSUPPORT)
                return 12;
        if (!i386)
                return 0;
        if (call_i386(20, 0, 0, 0) != getpid())
                return 20;
        if (call_i386(87, 0, 0, 0) != -EPERM) /* swapon */
                return 21;
        if (call_i386(1100, 0, 0, 0) != -ENOSYS)
                return 22;
        if (call_i386(359, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) != -EAFNOSUPPORT) /* socket */
                return 23;
        return 0;
}

/* AF_INET is denied, AF_UNIX is not. Memory for socketcall() must lie below 4 GiB. */
static int foreign_families(bool i386) {
        uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

        if (syscall(X32_BIT | SYS_socket, AF_INET, SOCK_DGRAM, 0) >= 0 || errno != EAFNOSUPPORT)
                return 10;
        if (!i386)
                return 0;
        if (call_i386(359, AF_INET, SOCK_DGRAM, 0) != -EAFNOSUPPORT) /* socket */
                return 20;
        if (call_i386(359, AF_UNIX, SOCK_DGRAM, 0) < 0)
                return 21;
        if (args == MAP_FAILED)
                return 22;
        args[0] = AF_UNIX, args[1] = SOCK_STREAM;
        if (call_i386(102, SYS_SOCKET, (long) args, 0) != -EAFNOSUPPORT) /* socketcall */
                return 23;
        args[0] = UINT32_MAX, args[1] = 1;
        if (call_i386(102, SYS_LISTEN, (long) args, 0) != -EBADF)
                return 24;
        return 0;
}
#else
static int foreign_families(bool i386) {
        (void) i386;
        return 0;
}

static bool i386_works(void) {
        return false;
}

static int foreign_verdicts(bool i386) {
        (void) i386;
        return 0;
}
#endif

static int live_verdicts(const SeccompProgram *program, bool i386) {
        int fd;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(program, false) < 0)
                return 1;
        if (syscall(SYS_getpid) != getpid())
                return 2;
        if (syscall(SYS_swapon, NULL, 0) >= 0 || errno != EPERM)
                return 3;
        if (syscall(1100) >= 0 || errno != ENOSYS)
                return 4;
        if (syscall(SYS_socket, (long) AF_NETLINK, SOCK_RAW, (long) NETLINK_AUDIT | (1L << 32)) >= 0 ||
            errno != EAFNOSUPPORT)
                return 5;
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0)
                return 6;
        (void) close(fd);
        return foreign_verdicts(i386);
}

/* — profiles — */

static bool holds(const SeccompCondition *c, uint64_t value) {
        switch (c->op) {
        case SECCOMP_EQUAL:
                return value == c->value;
        case SECCOMP_NOT_EQUAL:
                return value != c->value;
        case SECCOMP_LESS:
                return value < c->value;
        case SECCOMP_LESS_EQUAL:
                return value <= c->value;
        case SECCOMP_GREATER:
                return value > c->value;
        case SECCOMP_GREATER_EQUAL:
                return value >= c->value;
        case SECCOMP_MASKED_EQUAL:
                return (value & c->value) == c->value_two;
        }
        return false;
}

/* What the profile says, read as its definition has it. */
static uint32_t expected(const SeccompProfile *p, const char *name, const uint64_t *args) {
        for (size_t i = 0; i < p->n_rules; i++) {
                bool all = p->rules[i].n_conditions > 0 && strv_find(p->rules[i].names, name);

                for (size_t k = 0; k < p->rules[i].n_conditions; k++)
                        all = all && holds(&p->rules[i].conditions[k], args[p->rules[i].conditions[k].argument]);
                if (all)
                        return p->rules[i].action;
        }
        for (size_t i = 0; i < p->n_rules; i++)
                if (p->rules[i].n_conditions == 0 && strv_find(p->rules[i].names, name))
                        return p->rules[i].action;
        return p->default_action;
}

/* Values at which comparisons of halves can go wrong. */
static const uint64_t edges[] = {
        0,           1,           2,           0x7fffffff,         0x80000000,         0xffffffff,     0x100000000,
        0x100000001, 0x1ffffffff, 0x200000000, 0xfffffffeffffffff, 0xffffffff00000000, UINT64_MAX - 1, UINT64_MAX,
};

#define NAMES(...) ((char *[]){ __VA_ARGS__, NULL })

TEST(profile_conditions) {
        static const uint32_t other[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM };

        log_set_max_level(LOG_ERR); /* of the call that is missing */
        for (SeccompOperator op = SECCOMP_EQUAL; op <= SECCOMP_MASKED_EQUAL; op++)
                for (size_t v = 0; v < ELEMENTSOF(edges); v++) {
                        SeccompCondition one = { 1, op, edges[v], edges[v] & 0x100000001 };
                        SeccompCondition two[] = { { 0, SECCOMP_EQUAL, 7, 0 }, one };
                        SeccompRule rules[] = {
                                { NAMES((char *) "read", (char *) "no_such_call"), SECCOMP_RET_KILL_PROCESS, two, 2 },
                                { NAMES((char *) "read", (char *) "close"), SECCOMP_RET_ERRNO | 5, &one, 1 },
                                { NAMES((char *) "close", (char *) "getpid"), SECCOMP_RET_ALLOW, NULL, 0 },
                        };
                        const SeccompProfile p = {
                                .set = true,
                                .default_action = SECCOMP_RET_ERRNO | EPERM,
                                .architectures = (uint32_t *) other,
                                .n_architectures = 2,
                                .rules = rules,
                                .n_rules = 3,
                        };
                        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

                        ASSERT_OK(seccomp_profile_compile(&syscall_table, &p, &program));
                        for (size_t i = 0; i < ELEMENTSOF(edges) * 2; i++) {
                                const uint64_t args[6] = { i % 2 ? 7 : 8, edges[i / 2] };
                                static const char *const names[] = { "read", "close", "getpid", "write" };

                                for (size_t n = 0; n < ELEMENTSOF(names); n++) {
                                        const SyscallEntry *entry = syscall_table_find(&syscall_table, names[n]);
                                        struct seccomp_data data = { .nr = (int) entry->number[0],
                                                                     .arch = syscall_table.audit_arch[0] };

                                        memcpy(data.args, args, sizeof(args));
                                        ASSERT_EQ(run(&program, &data), expected(&p, names[n], args));
                                }
                        }
                }
}

TEST(profile_architectures) {
        SeccompRule rule = { NAMES((char *) "getpid"), SECCOMP_RET_ALLOW, NULL, 0 };
        SeccompProfile p = { .set = true, .default_action = SECCOMP_RET_ALLOW, .rules = &rule, .n_rules = 1 };
        uint32_t all[SYSCALL_ABI_MAX];

        for (unsigned foreign = 0; foreign < 2; foreign++) {
                _cleanup_seccomp_program_ SeccompProgram program = { 0 };
                struct seccomp_data unknown = { .nr = 100000, .arch = syscall_table.audit_arch[0] };

                memcpy(all, syscall_table.audit_arch, sizeof(all));
                p.architectures = all;
                p.n_architectures = foreign ? syscall_table.n_abis : 0;
                p.x32 = foreign;
                ASSERT_OK(seccomp_profile_compile(&syscall_table, &p, &program));
                for (size_t abi = 0; abi < syscall_table.n_abis; abi++) {
                        const SyscallEntry *entry = syscall_table_find(&syscall_table, "getpid");
                        struct seccomp_data data = { .nr = (int) entry->number[abi],
                                                     .arch = syscall_table.audit_arch[abi] };

                        ASSERT_EQ(run(&program, &data), foreign || abi == 0 ? RET_ALLOW : RET_ERRNO(ENOSYS));
                }
                ASSERT_EQ(run(&program, &unknown), RET_ERRNO(ENOSYS));
                unknown.nr = -1;
                ASSERT_EQ(run(&program, &unknown), RET_ALLOW);
        }
}

TEST(profile_that_contradicts_itself) {
        SeccompRule rules[] = {
                { NAMES((char *) "getpid"), SECCOMP_RET_ALLOW, NULL, 0 },
                { NAMES((char *) "getpid"), SECCOMP_RET_ALLOW, NULL, 0 },
                { NAMES((char *) "getpid"), SECCOMP_RET_KILL_PROCESS, NULL, 0 },
        };
        SeccompProfile p = { .set = true, .rules = rules, .n_rules = 2 };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        ASSERT_OK(seccomp_profile_compile(&syscall_table, &p, &program));
        p.n_rules = 3;
        log_set_max_level(LOG_EMERG);
        ASSERT_ERR(seccomp_profile_compile(&syscall_table, &p, &program), -EINVAL);
}

static int live_families(const SeccompProgram *program, bool i386) {
        int pair[2];

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(program, false) < 0)
                return 1;
        if (syscall(SYS_socket, (long) AF_INET | (1L << 32), SOCK_DGRAM, 0) >= 0 || errno != EAFNOSUPPORT)
                return 2;
        if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
                return 3;
        if (socketpair(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0 || errno != EAFNOSUPPORT)
                return 4;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return 5;
        if (syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno != EPERM)
                return 6;
        return foreign_families(i386);
}

static int in_child(int (*verdicts)(const SeccompProgram *, bool), const SeccompPolicy *policy) {
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };
        bool i386 = i386_works();
        int status;
        pid_t pid;

        ASSERT_OK(seccomp_for(policy, &program));
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                _exit(verdicts(&program, i386));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

TEST(loaded_for_real) {
        ASSERT_EQ(in_child(live_verdicts, &(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES }), 0);
}

TEST(address_families_for_real) {
        ASSERT_EQ(in_child(live_families,
                           &(SeccompPolicy){ .capabilities = DEFAULT_CAPABILITIES,
                                             .denied_families = ~(UINT64_C(1) << AF_UNIX) }),
                  0);
}

TEST_MAIN
