/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the generator at build time for the default policies, and in the
 * supervisor for every other. First each name of the table gets a verdict; then, for each audit
 * architecture, the numbers and their verdicts are sorted and neighbours of equal verdict fall together
 * into ranges; then a binary search over the ranges is emitted. One program serves all architectures:
 *
 *     load arch → (native) load nr → search        a name that the policy allows   → ALLOW
 *               → (compat) load nr → search        a name that it does not         → EPERM
 *               → (other)  ENOSYS                  a number without a name         → ENOSYS
 *
 * ENOSYS for what nobody here has heard of is what makes C libraries fall back to an older call.
 *
 * Instructions are emitted from the last to the first: BPF jumps only forward, so every target is known
 * when the jump to it is written, and a target out of the reach of the 8-bit offsets gets a long jump in
 * between. Positions therefore count from the end of the program.
 *
 * A policy that denies address families has to know all ways to a socket. socket() and socketpair() have the
 * family as an argument. socketcall(), through which 32-bit programs can do the same, has it in memory, where
 * a filter cannot look, so what would make a socket there is refused. And io_uring makes sockets without any
 * call that a filter sees, so there is none.
 *
 * Only loads of arch and nr lead to an ALLOW that depends on nothing else. The kernel notices that when
 * the filter is loaded, and later lets these calls pass without running the filter at all. Where
 * arguments are looked at, only their low half is: the kernel takes int there, and a comparison of all 64
 * bits could be evaded by setting a high one. */

#include "plan/seccomp-compiler.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "plan/syscall-groups.h"

typedef enum Verdict {
        VERDICT_UNKNOWN,   /* ENOSYS */
        VERDICT_DENY,      /* EPERM */
        VERDICT_ALLOW,
        VERDICT_SUCCEED,   /* returns 0 and does nothing */
        VERDICT_SOCKET,    /* allowed, but not for audit netlink, which does not exist in containers */
        VERDICT_FAMILY,    /* allowed, but not in the address families that are denied */
        VERDICT_SOCKET_FAMILY, /* both */
        VERDICT_NETLINK,   /* allowed, but not for audit in the third argument */
        VERDICT_NO_FAMILY, /* EAFNOSUPPORT */
        VERDICT_MULTIPLEXED, /* socketcall(): allowed, but not to make a socket */
        VERDICT_OPEN_ARG1, /* allowed without O_SYNC and O_DSYNC in the second argument, otherwise EINVAL */
        VERDICT_OPEN_ARG2, /* likewise in the third */
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

static void set_members(const SyscallTable *table, const char *members, Verdict verdict, uint8_t *verdicts);

/* Gives a call or all members of a group this verdict. -EINVAL if nothing has this name. */
static int set_name(const SyscallTable *table, const char *name, Verdict verdict, uint8_t *verdicts) {
        const SyscallEntry *entry;
        const SyscallGroup *group;

        if (streq(name, "@known")) {
                memset(verdicts, verdict, table->n_entries);
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
                verdicts[entry - table->entries] = (uint8_t) verdict;
        return entry ? 0 : -EINVAL;
}

static void set_members(const SyscallTable *table, const char *members, Verdict verdict, uint8_t *verdicts) {
        char word[SYSCALL_NAME_MAX];

        while (syscall_group_next(&members, word, sizeof(word)))
                (void) set_name(table, word, verdict, verdicts); /* other architectures' calls are missing */
}

static int set_list(const SyscallTable *table, char *const *names, Verdict verdict, uint8_t *verdicts) {
        for (; names && *names; names++) {
                int r = set_name(table, *names, verdict, verdicts);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Refines a call that is allowed so far. */
static void refine(const SyscallTable *table, const char *name, Verdict verdict, uint8_t *verdicts) {
        const SyscallEntry *entry = syscall_table_find(table, name);

        if (entry && verdicts[entry - table->entries] == VERDICT_ALLOW)
                verdicts[entry - table->entries] = (uint8_t) verdict;
}

/* openat2() takes its flags from memory, where a filter cannot look. It stays allowed: a sync that slips
 * through costs only time, while programs without openat2() break. */
static void refine_sync(const SyscallTable *table, uint8_t *verdicts) {
        const char *members = syscall_group_find("@sync")->members;
        char word[SYSCALL_NAME_MAX];

        while (syscall_group_next(&members, word, sizeof(word)))
                refine(table, word, VERDICT_SUCCEED, verdicts);
        refine(table, "open", VERDICT_OPEN_ARG1, verdicts);
        refine(table, "openat", VERDICT_OPEN_ARG2, verdicts);
}

static void refine_families(const SyscallTable *table, uint8_t *verdicts) {
        refine(table, "socket", VERDICT_SOCKET_FAMILY, verdicts);
        refine(table, "socketpair", VERDICT_FAMILY, verdicts);
        refine(table, "socketcall", VERDICT_MULTIPLEXED, verdicts);
        refine(table, "io_uring_setup", VERDICT_DENY, verdicts);
}

static int decide(const SyscallTable *table, const SeccompPolicy *policy, uint8_t *verdicts) {
        int r;

        memset(verdicts, VERDICT_DENY, table->n_entries);
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

/* --- verdicts to ranges --- */

typedef struct Range {
        uint32_t first; /* reaches up to the next range's first */
        Verdict verdict;
} Range;

static int range_compare(const void *a, const void *b) {
        const Range *x = a, *y = b;

        return x->first < y->first ? -1 : x->first > y->first;
}

static void range_append(Range *ranges, size_t *n, uint32_t first, Verdict verdict) {
        if (*n > 0 && ranges[*n - 1].verdict == verdict)
                return;
        ranges[(*n)++] = (Range){ first, verdict };
}

/* The numbers of all ABIs with this audit architecture, as a partition of all 32-bit numbers. ret has
 * room for two ranges for each number and three more. Returns how many it gave. */
static size_t make_ranges(const SyscallTable *table, uint32_t arch, const uint8_t *verdicts, Range *points,
                          Range *ret) {
        size_t n_points = 0, n = 0;
        uint64_t next = 0;

        for (size_t abi = 0; abi < table->n_abis; abi++)
                for (size_t i = 0; table->audit_arch[abi] == arch && i < table->n_entries; i++)
                        if (table->entries[i].number[abi] != SYSCALL_NONE)
                                points[n_points++] =
                                        (Range){ table->entries[i].number[abi], (Verdict) verdicts[i] };

        /* A tracer sets the number -1 to skip a call whose result it has put in place: leave that alone. */
        points[n_points++] = (Range){ UINT32_MAX, VERDICT_ALLOW };
        qsort(points, n_points, sizeof(*points), range_compare);

        for (size_t i = 0; i < n_points; i++) {
                if (points[i].first > next)
                        range_append(ret, &n, (uint32_t) next, VERDICT_UNKNOWN);
                range_append(ret, &n, points[i].first, points[i].verdict);
                next = (uint64_t) points[i].first + 1;
        }
        return n;
}

/* --- ranges to instructions --- */

typedef struct Emitter {
        struct sock_filter code[BPF_MAXINSNS]; /* filled from the end */
        size_t n;
        bool overflow, big_endian;
        uint64_t denied_families;
        size_t leaf[_VERDICT_MAX]; /* 1 + the position of the last code for this verdict; 0 for none */
} Emitter;

/* All return the position of their first instruction. */
static size_t emit(Emitter *e, int code, size_t jt, size_t jf, uint32_t k) {
        if (e->n >= BPF_MAXINSNS) {
                e->overflow = true;
                return 0;
        }
        e->code[BPF_MAXINSNS - 1 - e->n] =
                (struct sock_filter){ (uint16_t) code, (uint8_t) jt, (uint8_t) jf, k };
        return e->n++;
}

static size_t emit_return(Emitter *e, uint32_t action) {
        return emit(e, BPF_RET | BPF_K, 0, 0, action);
}

static size_t emit_errno(Emitter *e, int error) {
        return emit_return(e, SECCOMP_RET_ERRNO | (uint32_t) error);
}

/* A position from which target is within a short jump of the next two instructions. */
static size_t bring_near(Emitter *e, size_t target) {
        size_t distance = e->n - target - 1;

        return distance < UINT8_MAX ? target : emit(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t) distance);
}

static size_t emit_branch(Emitter *e, int condition, uint32_t k, size_t if_true, size_t if_false) {
        if_false = bring_near(e, if_false);
        if_true = bring_near(e, if_true);
        return emit(e, BPF_JMP | condition | BPF_K, e->n - if_true - 1, e->n - if_false - 1, k);
}

/* Loads a field of struct seccomp_data and goes on at next. */
static size_t emit_load(Emitter *e, size_t offset, size_t next) {
        if (next + 1 != e->n)
                (void) emit(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t) (e->n - next - 1));
        return emit(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t) offset);
}

static size_t emit_load_argument(Emitter *e, size_t i, size_t next) {
        return emit_load(e, offsetof(struct seccomp_data, args) + i * 8 + (e->big_endian ? 4 : 0), next);
}

static size_t emit_netlink(Emitter *e, size_t allow) {
        size_t audit, next;

        audit = emit_errno(e, EAFNOSUPPORT);
        next = emit_branch(e, BPF_JEQ, NETLINK_AUDIT, audit, allow);
        return emit_load_argument(e, 2, next);
}

static size_t emit_socket(Emitter *e) {
        size_t allow, next;

        allow = emit_return(e, SECCOMP_RET_ALLOW);
        next = emit_netlink(e, allow);
        next = emit_branch(e, BPF_JEQ, AF_NETLINK, next, allow);
        return emit_load_argument(e, 0, next);
}

static size_t emit_search(Emitter *e, const Range *ranges, size_t low, size_t high);

/* The kernel has fewer families than bits, and what it may have later is not in the policy. */
static size_t emit_family(Emitter *e, Verdict netlink) {
        Range ranges[64 + 1];
        size_t n = 0, next;

        for (uint32_t family = 0; family < 64; family++) {
                Verdict verdict = e->denied_families & UINT64_C(1) << family ? VERDICT_NO_FAMILY :
                        family == AF_NETLINK                                ? netlink :
                                                                              VERDICT_ALLOW;

                range_append(ranges, &n, family, verdict);
        }
        range_append(ranges, &n, 64, VERDICT_NO_FAMILY);
        next = emit_search(e, ranges, 0, n);
        return emit_load_argument(e, 0, next);
}

static size_t emit_multiplexed(Emitter *e) {
        size_t allow, refuse, next;

        allow = emit_return(e, SECCOMP_RET_ALLOW);
        refuse = emit_errno(e, EAFNOSUPPORT);
        next = emit_branch(e, BPF_JEQ, SYS_SOCKETPAIR, refuse, allow);
        next = emit_branch(e, BPF_JEQ, SYS_SOCKET, refuse, next);
        return emit_load_argument(e, 0, next);
}

static size_t emit_open(Emitter *e, size_t argument) {
        size_t allow, refuse, next;

        allow = emit_return(e, SECCOMP_RET_ALLOW);
        refuse = emit_errno(e, EINVAL);
        next = emit_branch(e, BPF_JSET, O_SYNC | O_DSYNC, refuse, allow);
        return emit_load_argument(e, argument, next);
}

static size_t emit_verdict(Emitter *e, Verdict verdict) {
        switch (verdict) {
        case VERDICT_DENY:
                return emit_errno(e, EPERM);
        case VERDICT_ALLOW:
                return emit_return(e, SECCOMP_RET_ALLOW);
        case VERDICT_SUCCEED:
                return emit_errno(e, 0);
        case VERDICT_SOCKET:
                return emit_socket(e);
        case VERDICT_FAMILY:
                return emit_family(e, VERDICT_ALLOW);
        case VERDICT_SOCKET_FAMILY:
                return emit_family(e, VERDICT_NETLINK);
        case VERDICT_NETLINK:
                return emit_netlink(e, emit_return(e, SECCOMP_RET_ALLOW));
        case VERDICT_NO_FAMILY:
                return emit_errno(e, EAFNOSUPPORT);
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
        return emit_errno(e, ENOSYS);
}

/* The code of a verdict is shared by the jumps near it. */
static size_t emit_leaf(Emitter *e, Verdict verdict) {
        size_t *known = &e->leaf[verdict];

        if (*known == 0 || e->n - *known >= UINT8_MAX / 2)
                *known = emit_verdict(e, verdict) + 1;
        return *known - 1;
}

/* Binary search over ranges[low, high) for the number in the accumulator. */
static size_t emit_search(Emitter *e, const Range *ranges, size_t low, size_t high) {
        size_t middle = (low + high) / 2, left, right;

        if (high - low == 1)
                return emit_leaf(e, ranges[low].verdict);

        right = emit_search(e, ranges, middle, high);
        left = emit_search(e, ranges, low, middle);
        return emit_branch(e, BPF_JGE, ranges[middle].first, right, left);
}

static bool arch_seen_before(const SyscallTable *table, size_t abi) {
        for (size_t i = 0; i < abi; i++)
                if (table->audit_arch[i] == table->audit_arch[abi])
                        return true;
        return false;
}

static int emit_program(Emitter *e, const SyscallTable *table, const uint8_t *verdicts) {
        size_t block[SYSCALL_ABI_MAX] = { 0 }, max = table->n_entries * SYSCALL_ABI_MAX + 1, next;
        _cleanup_free_ Range *ranges = calloc(2 * max + 2, sizeof(Range));
        _cleanup_free_ Range *points = calloc(max, sizeof(Range));

        if (!points || !ranges)
                return -ENOMEM;

        for (size_t abi = table->n_abis; abi-- > 0;) {
                size_t n;

                if (arch_seen_before(table, abi))
                        continue;
                n = make_ranges(table, table->audit_arch[abi], verdicts, points, ranges);
                next = emit_search(e, ranges, 0, n);
                block[abi] = emit_load(e, offsetof(struct seccomp_data, nr), next);
        }

        next = emit_errno(e, ENOSYS);
        for (size_t abi = table->n_abis; abi-- > 0;)
                if (!arch_seen_before(table, abi))
                        next = emit_branch(e, BPF_JEQ, table->audit_arch[abi], block[abi], next);
        (void) emit_load(e, offsetof(struct seccomp_data, arch), next);

        return e->overflow ? -E2BIG : 0;
}

int seccomp_compile(const SyscallTable *table, const SeccompPolicy *policy, SeccompProgram *ret) {
        _cleanup_free_ uint8_t *verdicts = malloc(table->n_entries);
        _cleanup_free_ Emitter *e = malloc(sizeof(*e));
        struct sock_filter *copy;
        int r;

        if (!verdicts || !e)
                return -ENOMEM;
        e->n = 0;
        e->overflow = false;
        e->big_endian = table->big_endian;
        e->denied_families = policy->denied_families;
        memset(e->leaf, 0, sizeof(e->leaf));

        r = decide(table, policy, verdicts);
        if (r >= 0)
                r = emit_program(e, table, verdicts);
        if (r < 0)
                return r;

        copy = calloc(e->n, sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        memcpy(copy, e->code + BPF_MAXINSNS - e->n, e->n * sizeof(*copy));
        *ret = (SeccompProgram){ copy, e->n, copy };
        return 0;
}
