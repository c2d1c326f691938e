/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: all resource limits are one field, set entry by entry, so that a file's limit on open
 * files and the command line's on core dumps both count. Each kind of limit has a unit of its own. */

#include <strings.h>

#include "config/value-types.h"
#include "parse.h"

typedef enum LimitUnit { LIMIT_PLAIN, LIMIT_BYTES, LIMIT_SECONDS, LIMIT_MICROSECONDS, LIMIT_NICE } LimitUnit;

static const struct {
        const char *name;
        LimitUnit unit;
} limits[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = { "CPU", LIMIT_SECONDS },         [RLIMIT_FSIZE] = { "FSIZE", LIMIT_BYTES },
        [RLIMIT_DATA] = { "DATA", LIMIT_BYTES },         [RLIMIT_STACK] = { "STACK", LIMIT_BYTES },
        [RLIMIT_CORE] = { "CORE", LIMIT_BYTES },         [RLIMIT_RSS] = { "RSS", LIMIT_BYTES },
        [RLIMIT_NOFILE] = { "NOFILE", LIMIT_PLAIN },     [RLIMIT_AS] = { "AS", LIMIT_BYTES },
        [RLIMIT_NPROC] = { "NPROC", LIMIT_PLAIN },       [RLIMIT_MEMLOCK] = { "MEMLOCK", LIMIT_BYTES },
        [RLIMIT_LOCKS] = { "LOCKS", LIMIT_PLAIN },       [RLIMIT_SIGPENDING] = { "SIGPENDING", LIMIT_PLAIN },
        [RLIMIT_MSGQUEUE] = { "MSGQUEUE", LIMIT_BYTES }, [RLIMIT_NICE] = { "NICE", LIMIT_NICE },
        [RLIMIT_RTPRIO] = { "RTPRIO", LIMIT_PLAIN },     [RLIMIT_RTTIME] = { "RTTIME", LIMIT_MICROSECONDS },
};

static void list_limits(FILE *f) {
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                fprintf(f, "%s\n", limits[i].name);
}

/* A signed value is a nice level, which the kernel counts as 20 minus it; an unsigned one is the kernel's. */
static int parse_nice_limit(const char *text, uint64_t *ret) {
        uint64_t n;
        int nice;

        if (*text == '+' || *text == '-') {
                if (parse_int(text, -20, 19, &nice) < 0)
                        return -EINVAL;
                n = (uint64_t) (20 - nice);
        } else if (parse_unsigned(text, 40, &n) < 0)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int parse_limit(const char *text, LimitUnit unit, rlim_t *ret) {
        uint64_t n = 0;
        int r;

        if (streq(text, "infinity")) {
                *ret = RLIM_INFINITY;
                return 0;
        }
        switch (unit) {
        case LIMIT_BYTES:
                r = parse_size(text, 1024, &n);
                break;
        case LIMIT_SECONDS:
                r = parse_timespan(text, USEC_PER_SEC, &n);
                n = n / USEC_PER_SEC + (n % USEC_PER_SEC != 0);
                break;
        case LIMIT_MICROSECONDS:
                r = parse_timespan(text, 1, &n);
                break;
        case LIMIT_NICE:
                r = parse_nice_limit(text, &n);
                break;
        default:
                r = parse_unsigned(text, UINT64_MAX, &n);
        }
        if (r < 0 || n == RLIM_INFINITY)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int parse_rlimit(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        _cleanup_free_ char *name = NULL, *soft = NULL;
        const char *rest = startswith(text, "RLIMIT_") ?: text;
        ResourceLimit limit = { .set = true };
        size_t i;

        if (split_field(&rest, '=', &name) < 0 || !rest || split_field(&rest, ':', &soft) < 0)
                return -EINVAL;
        for (i = 0; i < ELEMENTSOF(limits); i++)
                if (strcasecmp(limits[i].name, name) == 0)
                        break;
        if (i == ELEMENTSOF(limits) || parse_limit(soft, limits[i].unit, &limit.soft) < 0)
                return -EINVAL;
        limit.hard = limit.soft;
        if ((rest && parse_limit(rest, limits[i].unit, &limit.hard) < 0) || limit.soft > limit.hard)
                return -EINVAL;
        ((ResourceLimit *) field)[i] = limit;
        return 0;
}

static void combine_rlimits(void *field, const void *weaker) {
        ResourceLimit *to = field;
        const ResourceLimit *from = weaker;

        for (size_t i = 0; i < RLIM_NLIMITS; i++)
                if (!to[i].set)
                        to[i] = from[i];
}

const ValueType value_rlimit = {
        .size = sizeof(ResourceLimit) * RLIM_NLIMITS,
        .parse = parse_rlimit,
        .combine = combine_rlimits,
        .expects = "a resource limit NAME=SOFT[:HARD], soft at most hard; \"help\" lists the names",
        .list = list_limits,
};
