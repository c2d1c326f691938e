/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: for each audit architecture the numbers and their verdicts are sorted, and neighbours of equal
 * verdict fall together into ranges; then a binary search over the ranges is emitted. One program serves all
 * architectures:
 *
 *     load arch → (native) load nr → search
 *               → (compat) load nr → search
 *               → (other)  ENOSYS
 *
 * Instructions are emitted from the last to the first: BPF jumps only forward, so every target is known
 * when the jump to it is written, and a target out of the reach of the 8-bit offsets gets a long jump in
 * between. Positions therefore count from the end of the program.
 *
 * Only loads of arch and nr lead to an ALLOW that depends on nothing else. The kernel notices that when
 * the filter is loaded, and later lets these calls pass without running the filter at all. */

#include "plan/seccomp-emitter.h"

#include <linux/seccomp.h>
#include <stddef.h>

/* --- verdicts to ranges --- */

typedef struct Range {
        uint32_t first; /* reaches up to the next range's first */
        uint16_t verdict;
} Range;

static int range_compare(const void *a, const void *b) {
        const Range *x = a, *y = b;

        return x->first < y->first ? -1 : x->first > y->first;
}

static void range_append(Range *ranges, size_t *n, uint32_t first, uint16_t verdict) {
        if (*n > 0 && ranges[*n - 1].verdict == verdict)
                return;
        ranges[(*n)++] = (Range){ first, verdict };
}

static bool is_used(const SyscallTable *table, const SeccompVerdicts *verdicts, size_t abi, uint32_t arch) {
        return table->audit_arch[abi] == arch && verdicts->abis & 1u << abi;
}

/* The numbers of all ABIs with this audit architecture, as a partition of all 32-bit numbers. ret has
 * room for two ranges for each number and three more. Returns how many it gave. */
static size_t make_ranges(const SyscallTable *table, uint32_t arch, const SeccompVerdicts *verdicts, Range *points,
                          Range *ret) {
        size_t n_points = 0, n = 0;
        uint64_t next = 0;

        for (size_t abi = 0; abi < table->n_abis; abi++)
                for (size_t i = 0; is_used(table, verdicts, abi, arch) && i < table->n_entries; i++)
                        if (table->entries[i].number[abi] != SYSCALL_NONE)
                                points[n_points++] = (Range){ table->entries[i].number[abi], verdicts->of_entries[i] };

        /* A tracer sets the number -1 to skip a call whose result it has put in place: leave that alone. */
        points[n_points++] = (Range){ UINT32_MAX, verdicts->allow };
        qsort(points, n_points, sizeof(*points), range_compare);

        for (size_t i = 0; i < n_points; i++) {
                if (points[i].first > next)
                        range_append(ret, &n, (uint32_t) next, verdicts->unknown);
                range_append(ret, &n, points[i].first, points[i].verdict);
                next = (uint64_t) points[i].first + 1;
        }
        return n;
}

/* --- ranges to instructions --- */

struct SeccompEmitter {
        struct sock_filter code[BPF_MAXINSNS]; /* filled from the end */
        size_t n;
        bool overflow, big_endian;
        const SeccompVerdicts *verdicts;
        size_t *leaf; /* by verdict, 1 + the position of the last code for it; 0 for none */
};

/* All return the position of their first instruction. */
static size_t emit(SeccompEmitter *e, int code, size_t jt, size_t jf, uint32_t k) {
        if (e->n >= BPF_MAXINSNS) {
                e->overflow = true;
                return 0;
        }
        e->code[BPF_MAXINSNS - 1 - e->n] = (struct sock_filter){ (uint16_t) code, (uint8_t) jt, (uint8_t) jf, k };
        return e->n++;
}

size_t seccomp_emit_return(SeccompEmitter *e, uint32_t action) {
        return emit(e, BPF_RET | BPF_K, 0, 0, action);
}

size_t seccomp_emit_errno(SeccompEmitter *e, int error) {
        return seccomp_emit_return(e, SECCOMP_RET_ERRNO | (uint32_t) error);
}

/* A position from which target is within a short jump of the next two instructions. */
static size_t bring_near(SeccompEmitter *e, size_t target) {
        size_t distance = e->n - target - 1;

        return distance < UINT8_MAX ? target : emit(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t) distance);
}

size_t seccomp_emit_branch(SeccompEmitter *e, int condition, uint32_t k, size_t if_true, size_t if_false) {
        if_false = bring_near(e, if_false);
        if_true = bring_near(e, if_true);
        return emit(e, BPF_JMP | condition | BPF_K, e->n - if_true - 1, e->n - if_false - 1, k);
}

/* Loads a field of struct seccomp_data and goes on at next. */
static size_t emit_load(SeccompEmitter *e, size_t offset, size_t next) {
        if (next + 1 != e->n)
                (void) emit(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t) (e->n - next - 1));
        return emit(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t) offset);
}

size_t seccomp_emit_load_low(SeccompEmitter *e, size_t argument, size_t next) {
        return emit_load(e, offsetof(struct seccomp_data, args) + argument * 8 + (e->big_endian ? 4 : 0), next);
}

size_t seccomp_emit_load_high(SeccompEmitter *e, size_t argument, size_t next) {
        return emit_load(e, offsetof(struct seccomp_data, args) + argument * 8 + (e->big_endian ? 0 : 4), next);
}

size_t seccomp_emit_mask(SeccompEmitter *e, uint32_t mask, size_t next) {
        if (next + 1 != e->n)
                (void) emit(e, BPF_JMP | BPF_JA, 0, 0, (uint32_t) (e->n - next - 1));
        return emit(e, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
}

/* The code of a verdict is shared by the jumps near it. */
static size_t emit_leaf(SeccompEmitter *e, uint16_t verdict) {
        size_t *known = &e->leaf[verdict];

        if (*known == 0 || e->n - *known >= UINT8_MAX / 2)
                *known = e->verdicts->emit(e, verdict, e->verdicts->userdata) + 1;
        return *known - 1;
}

/* Binary search over ranges[low, high) for the number in the accumulator. */
static size_t emit_search(SeccompEmitter *e, const Range *ranges, size_t low, size_t high) {
        size_t middle = (low + high) / 2, left, right;

        if (high - low == 1)
                return emit_leaf(e, ranges[low].verdict);

        right = emit_search(e, ranges, middle, high);
        left = emit_search(e, ranges, low, middle);
        return seccomp_emit_branch(e, BPF_JGE, ranges[middle].first, right, left);
}

size_t seccomp_emit_lookup(SeccompEmitter *e, size_t argument, const uint16_t *verdicts, size_t n, uint16_t beyond) {
        Range ranges[SECCOMP_LOOKUP_MAX + 1];
        size_t n_ranges = 0;

        for (uint32_t i = 0; i < n; i++)
                range_append(ranges, &n_ranges, i, verdicts[i]);
        range_append(ranges, &n_ranges, (uint32_t) n, beyond);
        return seccomp_emit_load_low(e, argument, emit_search(e, ranges, 0, n_ranges));
}

/* Whether this is the first ABI in use of its architecture. */
static bool arch_is_new(const SyscallTable *table, const SeccompVerdicts *verdicts, size_t abi) {
        for (size_t i = 0; i < abi; i++)
                if (is_used(table, verdicts, i, table->audit_arch[abi]))
                        return false;
        return is_used(table, verdicts, abi, table->audit_arch[abi]);
}

static int emit_program(SeccompEmitter *e, const SyscallTable *table) {
        size_t block[SYSCALL_ABI_MAX] = { 0 }, max = table->n_entries * SYSCALL_ABI_MAX + 1, next;
        _cleanup_free_ Range *ranges = calloc(2 * max + 2, sizeof(Range));
        _cleanup_free_ Range *points = calloc(max, sizeof(Range));

        if (!points || !ranges)
                return -ENOMEM;

        for (size_t abi = table->n_abis; abi-- > 0;) {
                size_t n;

                if (!arch_is_new(table, e->verdicts, abi))
                        continue;
                n = make_ranges(table, table->audit_arch[abi], e->verdicts, points, ranges);
                next = emit_search(e, ranges, 0, n);
                block[abi] = emit_load(e, offsetof(struct seccomp_data, nr), next);
        }

        next = seccomp_emit_errno(e, ENOSYS);
        for (size_t abi = table->n_abis; abi-- > 0;)
                if (arch_is_new(table, e->verdicts, abi))
                        next = seccomp_emit_branch(e, BPF_JEQ, table->audit_arch[abi], block[abi], next);
        (void) emit_load(e, offsetof(struct seccomp_data, arch), next);

        return e->overflow ? -E2BIG : 0;
}

int seccomp_emit_program(const SyscallTable *table, const SeccompVerdicts *verdicts, SeccompProgram *ret) {
        _cleanup_free_ size_t *leaf = calloc(verdicts->n, sizeof(size_t));
        _cleanup_free_ SeccompEmitter *e = malloc(sizeof(*e));
        struct sock_filter *copy;
        int r;

        if (!leaf || !e)
                return -ENOMEM;
        e->n = 0;
        e->overflow = false;
        e->big_endian = table->big_endian;
        e->verdicts = verdicts;
        e->leaf = leaf;
        r = emit_program(e, table);
        if (r < 0)
                return r;

        copy = calloc(e->n, sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        memcpy(copy, e->code + BPF_MAXINSNS - e->n, e->n * sizeof(*copy));
        *ret = (SeccompProgram){ .instructions = copy, .n_instructions = e->n, .allocated = copy };
        return 0;
}
