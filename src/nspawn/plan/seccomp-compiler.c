/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the generator at build time for the default policies, and in the
 * supervisor for every other. Each name of the table gets a verdict, of which plan/seccomp-emitter.c makes the program:
 *
 *     a name that the policy allows    → ALLOW
 *     a name that it does not          → EPERM
 *     a number without a name          → ENOSYS
 *
 * ENOSYS for what nobody here has heard of is what makes C libraries fall back to an older call.
 *
 * A policy that denies address families has to know all ways to a socket. socket() and socketpair() have the
 * family as an argument. socketcall(), through which 32-bit programs can do the same, has it in memory, where
 * a filter cannot look, so what would make a socket there is refused. And io_uring makes sockets without any
 * call that a filter sees, so there is none.
 *
 * Where arguments are looked at, only their low half is: the kernel takes int there, and a comparison of all 64
 * bits could be evaded by setting a high one. */

#include "plan/seccomp-compiler.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include "plan/seccomp-emitter.h"
#include "plan/syscall-groups.h"

typedef enum Verdict {
        VERDICT_UNKNOWN, /* ENOSYS */
        VERDICT_DENY,    /* EPERM */
        VERDICT_ALLOW,
        VERDICT_SUCCEED,       /* returns 0 and does nothing */
        VERDICT_SOCKET,        /* allowed, but not for audit netlink, which does not exist in containers */
        VERDICT_FAMILY,        /* allowed, but not in the address families that are denied */
        VERDICT_SOCKET_FAMILY, /* both */
        VERDICT_NETLINK,       /* allowed, but not for audit in the third argument */
        VERDICT_NO_FAMILY,     /* EAFNOSUPPORT */
        VERDICT_MULTIPLEXED,   /* socketcall(): allowed, but not to make a socket */
        VERDICT_OPEN_ARG1,     /* allowed without O_SYNC and O_DSYNC in the second argument, otherwise EINVAL */
        VERDICT_OPEN_ARG2,     /* likewise in the third */
        _VERDICT_MAX,
} Verdict;

static const struct {
        int capability; /* the rule counts only if the guest may have this; -1 for always */
        const char *members;
} default_rules[] = {
        { -1,
          "@aio @basic-io @chown @default @file-system @io-event @ipc @keyring @mount @network-io @process "
          "@resources @setuid @signal @sync @timer" },
        { -1,
          "arm_fadvise64_64 brk cachestat capget capset copy_file_range fadvise64 fadvise64_64 flock "
          "get_mempolicy getcpu getpriority getrandom ioctl ioprio_get kcmp madvise mincore mprotect "
          "mremap name_to_handle_at oldolduname olduname personality readahead readdir remap_file_pages "
          "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
          "sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_yield sendfile "
          "sendfile64 setdomainname setfsgid setfsgid32 setfsuid setfsuid32 sethostname setpgid setsid "
          "splice sysinfo tee umask uname userfaultfd vmsplice" },
        { CAP_SYS_TIME, "@clock" },
        { CAP_SYS_MODULE, "@module" },
        { CAP_SYS_RAWIO, "@raw-io" },
        { CAP_IPC_LOCK, "@memlock" },
        { CAP_SYS_PACCT, "acct" },
        { CAP_SYS_PTRACE, "process_vm_readv process_vm_writev ptrace" },
        { CAP_SYS_BOOT, "reboot" },
        { CAP_SYSLOG, "syslog" },
        { CAP_SYS_TTY_CONFIG, "vhangup" },
        { CAP_BPF, "bpf" },
};

uint64_t seccomp_gating_capabilities(void) {
        uint64_t mask = 0;

        for (size_t i = 0; i < ELEMENTSOF(default_rules); i++)
                if (default_rules[i].capability >= 0)
                        mask |= UINT64_C(1) << default_rules[i].capability;
        return mask;
}

const SyscallEntry *syscall_table_find(const SyscallTable *table, const char *name) {
        size_t low = 0, high = table->n_entries;

        while (low < high) {
                size_t middle = (low + high) / 2;
                int c = strcmp(name, table->names + table->entries[middle].name);

                if (c == 0)
                        return &table->entries[middle];
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* --- names to verdicts --- */

static void set_all(const SyscallTable *table, Verdict verdict, uint16_t *verdicts) {
        for (size_t i = 0; i < table->n_entries; i++)
                verdicts[i] = (uint16_t) verdict;
}

static void set_members(const SyscallTable *table, const char *members, Verdict verdict, uint16_t *verdicts);

/* Gives a call or all members of a group this verdict. -EINVAL if nothing has this name. */
static int set_name(const SyscallTable *table, const char *name, Verdict verdict, uint16_t *verdicts) {
        const SyscallEntry *entry;
        const SyscallGroup *group;

        if (streq(name, "@known")) {
                set_all(table, verdict, verdicts);
                return 0;
        }
        if (name[0] == '@') {
                group = syscall_group_find(name);
                if (group)
                        set_members(table, group->members, verdict, verdicts);
                return group ? 0 : -EINVAL;
        }
        entry = syscall_table_find(table, name);
        if (entry)
                verdicts[entry - table->entries] = (uint16_t) verdict;
        return entry ? 0 : -EINVAL;
}

static void set_members(const SyscallTable *table, const char *members, Verdict verdict, uint16_t *verdicts) {
        char word[SYSCALL_NAME_MAX];

        while (syscall_group_next(&members, word, sizeof(word)))
                (void) set_name(table, word, verdict, verdicts); /* other architectures' calls are missing */
}

static int set_list(const SyscallTable *table, char *const *names, Verdict verdict, uint16_t *verdicts) {
        for (; names && *names; names++) {
                int r = set_name(table, *names, verdict, verdicts);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Refines a call that is allowed so far. */
static void refine(const SyscallTable *table, const char *name, Verdict verdict, uint16_t *verdicts) {
        const SyscallEntry *entry = syscall_table_find(table, name);

        if (entry && verdicts[entry - table->entries] == VERDICT_ALLOW)
                verdicts[entry - table->entries] = (uint16_t) verdict;
}

/* openat2() takes its flags from memory, where a filter cannot look. It stays allowed: a sync that slips
 * through costs only time, while programs without openat2() break. */
static void refine_sync(const SyscallTable *table, uint16_t *verdicts) {
        const char *members = syscall_group_find("@sync")->members;
        char word[SYSCALL_NAME_MAX];

        while (syscall_group_next(&members, word, sizeof(word)))
                refine(table, word, VERDICT_SUCCEED, verdicts);
        refine(table, "open", VERDICT_OPEN_ARG1, verdicts);
        refine(table, "openat", VERDICT_OPEN_ARG2, verdicts);
}

static void refine_families(const SyscallTable *table, uint16_t *verdicts) {
        refine(table, "socket", VERDICT_SOCKET_FAMILY, verdicts);
        refine(table, "socketpair", VERDICT_FAMILY, verdicts);
        refine(table, "socketcall", VERDICT_MULTIPLEXED, verdicts);
        refine(table, "io_uring_setup", VERDICT_DENY, verdicts);
}

static int decide(const SyscallTable *table, const SeccompPolicy *policy, uint16_t *verdicts) {
        int r;

        set_all(table, VERDICT_DENY, verdicts);
        for (size_t i = 0; i < ELEMENTSOF(default_rules); i++)
                if (default_rules[i].capability < 0 ||
                    (policy->capabilities & (UINT64_C(1) << default_rules[i].capability)))
                        set_members(table, default_rules[i].members, VERDICT_ALLOW, verdicts);

        r = set_list(table, policy->allow, VERDICT_ALLOW, verdicts);
        if (r >= 0)
                r = set_list(table, policy->deny, VERDICT_DENY, verdicts);
        if (r < 0)
                return r;

        if (policy->denied_families != 0)
                refine_families(table, verdicts);
        refine(table, "socket", VERDICT_SOCKET, verdicts);
        if (policy->suppress_sync)
                refine_sync(table, verdicts);
        return 0;
}

/* --- verdicts to instructions --- */

static size_t emit_netlink(SeccompEmitter *e, size_t allow) {
        size_t audit, next;

        audit = seccomp_emit_errno(e, EAFNOSUPPORT);
        next = seccomp_emit_branch(e, BPF_JEQ, NETLINK_AUDIT, audit, allow);
        return seccomp_emit_load_low(e, 2, next);
}

static size_t emit_socket(SeccompEmitter *e) {
        size_t allow, next;

        allow = seccomp_emit_return(e, SECCOMP_RET_ALLOW);
        next = emit_netlink(e, allow);
        next = seccomp_emit_branch(e, BPF_JEQ, AF_NETLINK, next, allow);
        return seccomp_emit_load_low(e, 0, next);
}

/* The kernel has fewer families than bits, and what it may have later is not in the policy. */
static size_t emit_family(SeccompEmitter *e, const SeccompPolicy *policy, Verdict netlink) {
        uint16_t verdicts[64];

        for (unsigned family = 0; family < ELEMENTSOF(verdicts); family++)
                verdicts[family] = policy->denied_families & UINT64_C(1) << family ? VERDICT_NO_FAMILY
                        : family == AF_NETLINK                                     ? netlink
                                                                                   : VERDICT_ALLOW;
        return seccomp_emit_lookup(e, 0, verdicts, ELEMENTSOF(verdicts), VERDICT_NO_FAMILY);
}

static size_t emit_multiplexed(SeccompEmitter *e) {
        size_t allow, refuse, next;

        allow = seccomp_emit_return(e, SECCOMP_RET_ALLOW);
        refuse = seccomp_emit_errno(e, EAFNOSUPPORT);
        next = seccomp_emit_branch(e, BPF_JEQ, SYS_SOCKETPAIR, refuse, allow);
        next = seccomp_emit_branch(e, BPF_JEQ, SYS_SOCKET, refuse, next);
        return seccomp_emit_load_low(e, 0, next);
}

static size_t emit_open(SeccompEmitter *e, size_t argument) {
        size_t allow, refuse, next;

        allow = seccomp_emit_return(e, SECCOMP_RET_ALLOW);
        refuse = seccomp_emit_errno(e, EINVAL);
        next = seccomp_emit_branch(e, BPF_JSET, O_SYNC | O_DSYNC, refuse, allow);
        return seccomp_emit_load_low(e, argument, next);
}

static size_t emit_verdict(SeccompEmitter *e, uint16_t verdict, const void *userdata) {
        switch ((Verdict) verdict) {
        case VERDICT_DENY:
                return seccomp_emit_errno(e, EPERM);
        case VERDICT_ALLOW:
                return seccomp_emit_return(e, SECCOMP_RET_ALLOW);
        case VERDICT_SUCCEED:
                return seccomp_emit_errno(e, 0);
        case VERDICT_SOCKET:
                return emit_socket(e);
        case VERDICT_FAMILY:
                return emit_family(e, userdata, VERDICT_ALLOW);
        case VERDICT_SOCKET_FAMILY:
                return emit_family(e, userdata, VERDICT_NETLINK);
        case VERDICT_NETLINK:
                return emit_netlink(e, seccomp_emit_return(e, SECCOMP_RET_ALLOW));
        case VERDICT_NO_FAMILY:
                return seccomp_emit_errno(e, EAFNOSUPPORT);
        case VERDICT_MULTIPLEXED:
                return emit_multiplexed(e);
        case VERDICT_OPEN_ARG1:
                return emit_open(e, 1);
        case VERDICT_OPEN_ARG2:
                return emit_open(e, 2);
        case VERDICT_UNKNOWN:
        case _VERDICT_MAX:
                break;
        }
        return seccomp_emit_errno(e, ENOSYS);
}

int seccomp_compile(const SyscallTable *table, const SeccompPolicy *policy, SeccompProgram *ret) {
        _cleanup_free_ uint16_t *of_entries = calloc(table->n_entries, sizeof(uint16_t));
        const SeccompVerdicts verdicts = {
                .of_entries = of_entries,
                .unknown = VERDICT_UNKNOWN,
                .allow = VERDICT_ALLOW,
                .n = _VERDICT_MAX,
                .abis = SECCOMP_ALL_ABIS,
                .emit = emit_verdict,
                .userdata = policy,
        };
        int r;

        if (!of_entries)
                return -ENOMEM;
        r = decide(table, policy, of_entries);
        return r < 0 ? r : seccomp_emit_program(table, &verdicts, ret);
}
