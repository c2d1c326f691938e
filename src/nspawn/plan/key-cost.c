/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the text has been parsed and written anew by libcryptsetup, so a name is spelled in one way and
 * what is a string is quoted. That allows looking for names without understanding the structure around them: a name
 * that occurs elsewhere can only make the cost look greater than it is. */

#include "plan/key-cost.h"

#include <stdio.h>

/* cryptsetup's own defaults aim at two seconds: a gigabyte with a dozen passes at most, or some ten million iterations
 * on the fastest processors. */
#define ITERATIONS_MAX UINT64_C(100000000)
#define MEMORY_KIB_MAX (UINT64_C(4) << 20)
#define WORK_KIB_MAX (UINT64_C(64) << 20)
#define THREADS_MAX UINT64_C(16)

/* The number after "NAME": — one that is too long, or none that we would read as its reader does, is as great as can
 * be: what is negative may be taken for one without a sign. */
static uint64_t read_number(const char *s) {
        uint64_t value = 0;

        s += strspn(s, " \t\n:");
        if (*s == '-')
                return UINT64_MAX;
        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(value, 10u, &value) ||
                    __builtin_add_overflow(value, (unsigned) (*s - '0'), &value))
                        return UINT64_MAX;
        return *s == '.' || *s == 'e' || *s == 'E' ? UINT64_MAX : value;
}

static uint64_t greatest(const char *json, const char *name) {
        uint64_t max = 0;

        for (const char *s = json; (s = strstr(s, name));) {
                s += strlen(name);
                max = MAX(max, read_number(s));
        }
        return max;
}

KeyCost key_cost_read(const char *json) {
        return (KeyCost){
                .iterations = greatest(json, "\"iterations\""),
                .passes = greatest(json, "\"time\""),
                .memory_kib = greatest(json, "\"memory\""),
                .threads = greatest(json, "\"cpus\""),
        };
}

KeyCost key_cost_of_luks1(const LuksHeader *header) {
        return (KeyCost){
                .iterations = header->iterations,
                /* A key is spread over so many times its size, all of which is read. */
                .memory_kib = (uint64_t) header->stripes * header->key_size >> 10,
        };
}

bool key_cost_is_absurd(const KeyCost *cost, uint64_t available_kib, char *reason, size_t size) {
        uint64_t work;

        if (cost->memory_kib > MIN(MEMORY_KIB_MAX, available_kib))
                (void) snprintf(reason, size, "%llu MiB of memory to unlock it, %llu can be had",
                                (unsigned long long) (cost->memory_kib >> 10),
                                (unsigned long long) (MIN(MEMORY_KIB_MAX, available_kib) >> 10));
        else if (cost->iterations > ITERATIONS_MAX)
                (void) snprintf(reason, size, "%llu iterations to unlock it, which would take minutes or more",
                                (unsigned long long) cost->iterations);
        else if (cost->threads > THREADS_MAX)
                (void) snprintf(reason, size, "%llu threads to unlock it", (unsigned long long) cost->threads);
        else if (__builtin_mul_overflow(cost->passes, MAX(cost->memory_kib, 1u), &work) || work > WORK_KIB_MAX)
                (void) snprintf(reason, size, "%llu passes over memory to unlock it, which would take minutes or more",
                                (unsigned long long) cost->passes);
        else
                return false;
        return true;
}
