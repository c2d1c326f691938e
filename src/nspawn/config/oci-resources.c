/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the resources are those of control groups of version 1, in which the specification was
 * written; they become files of version 2 and what to write to them, by the conversions that all runtimes use. A
 * zero says nothing, as in them. Files that have no other name come in "unified". */

#include <stdarg.h>
#include <stdio.h>

#include "config/oci-reader.h"
#include "log.h"
#include "strv.h"

static _printf_(2, 3) int add(OciReader *r, const char *format, ...) {
        char text[512];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (n >= (int) sizeof(text))
                return oci_refuse(r, -EINVAL, "this value is too long");
        return strv_append(&r->settings->value.oci.cgroup, text) < 0 ? log_oom() : 0;
}

/* -1 is no limit. */
static int add_limit(OciReader *r, const char *file, int64_t value) {
        return value < 0 ? add(r, "%s=max", file) : add(r, "%s=%lld", file, (long long) value);
}

static int64_t signed_of(const OciNumber *number) {
        return (int64_t) number->value;
}

/* Version 1 counts memory and swap together. */
static int add_swap(OciReader *r) {
        int64_t limit = signed_of(&r->resources.limit), both = signed_of(&r->resources.swap);

        if (both == 0)
                return 0;
        if (both < 0)
                return add_limit(r, "memory.swap.max", -1);
        if (limit <= 0 || both < limit)
                return oci_refuse(r, -EINVAL, "swap is memory and swap together: it must not be less than limit");
        return add_limit(r, "memory.swap.max", both - limit);
}

static int apply_memory(OciReader *r, const JsonValue *value) {
        int error = 0;

        (void) value;
        if (signed_of(&r->resources.limit) != 0)
                error = add_limit(r, "memory.max", signed_of(&r->resources.limit));
        if (error >= 0 && signed_of(&r->resources.reservation) != 0)
                error = add_limit(r, "memory.low", signed_of(&r->resources.reservation));
        return error < 0 ? error : add_swap(r);
}

static int add_quota(OciReader *r) {
        int64_t quota = signed_of(&r->resources.quota);
        unsigned long long period = r->resources.period.value ?: 100000;

        if (quota == 0 && r->resources.period.value == 0)
                return 0;
        return quota > 0 ? add(r, "cpu.max=%lld %llu", (long long) quota, period) : add(r, "cpu.max=max %llu", period);
}

static int apply_cpu(OciReader *r, const JsonValue *value) {
        const uint64_t least = 2, most = 262144, shares = r->resources.shares.value;
        int error = add_quota(r);

        (void) value;
        if (error >= 0 && r->resources.burst.value > 0)
                error = add(r, "cpu.max.burst=%llu", (unsigned long long) r->resources.burst.value);
        /* 2 to 262144 becomes 1 to 10000 */
        if (error >= 0 && shares > 0) {
                const uint64_t within = shares < least ? least : MIN(shares, most);

                error = add(r, "cpu.weight=%llu", 1 + (unsigned long long) (within - least) * 9999 / (most - least));
        }
        if (error >= 0 && r->resources.idle.set)
                error = add(r, "cpu.idle=%lld", (long long) signed_of(&r->resources.idle));
        if (error >= 0 && !isempty(r->resources.cpus))
                error = add(r, "cpuset.cpus=%s", r->resources.cpus);
        if (error >= 0 && !isempty(r->resources.mems))
                error = add(r, "cpuset.mems=%s", r->resources.mems);
        return error;
}

static int apply_processes(OciReader *r, const JsonValue *value) {
        int64_t limit = signed_of(&r->resources.processes);

        (void) value;
        return limit != 0 ? add_limit(r, "pids.max", limit) : 0;
}

/* 10 to 1000 becomes 1 to 10000 */
static int apply_weight(OciReader *r, const JsonValue *value) {
        uint64_t weight = r->resources.weight.value;

        (void) value;
        if (weight == 0)
                return 0;
        if (weight < 10)
                return oci_refuse(r, -EINVAL, "this number is out of range");
        return add(r, "io.weight=%llu", 1 + (unsigned long long) (weight - 10) * 9999 / 990);
}

static int add_throttle(OciReader *r, const char *word) {
        __typeof__(r->resources.throttle) t = r->resources.throttle;

        memset(&r->resources.throttle, 0, sizeof(r->resources.throttle));
        if (!t.major.set || !t.minor.set || !t.rate.set)
                return oci_refuse(r, -EINVAL, "major, minor and rate are all needed");
        return add(r, "io.max=%u:%u %s=%llu", (unsigned) t.major.value, (unsigned) t.minor.value, word,
                   (unsigned long long) t.rate.value);
}

#define DEFINE_THROTTLE(word)                                                                                         \
        static int apply_##word(OciReader *r, const JsonValue *value) {                                               \
                (void) value;                                                                                         \
                return add_throttle(r, #word);                                                                        \
        }

DEFINE_THROTTLE(rbps)
DEFINE_THROTTLE(wbps)
DEFINE_THROTTLE(riops)
DEFINE_THROTTLE(wiops)

/* Only limits: what is below cgroup. moves and freezes processes. */
static int apply_unified(OciReader *r, const JsonValue *value) {
        const char *file = r->key, *text = json_value_string(value);
        bool clean = file[strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == 0;

        if (!clean || !strchr(file, '.') || *file == '.' || strchr(text, '\n'))
                return oci_refuse(r, -EINVAL, "this is not a file of a control group and one line for it");
        if (startswith(file, "cgroup.") && !startswith(file, "cgroup.max."))
                return oci_refuse(r, -EOPNOTSUPP, "this file is not a limit");
        return add(r, "%s=%s", file, text);
}

#define NUMBER(p, k, member, m)                                                                                       \
        { .path = R p, .kind = k, .offset = OCI_FIELD(resources.member), .max = m }
#define THROTTLE(p, word)                                                                                             \
        OCI_CONTAINER(R "blockIO." p, OCI_ARRAY),                                                                     \
                { .path = R "blockIO." p "[]", .kind = OCI_OBJECT, .apply = apply_##word },                           \
                NUMBER("blockIO." p "[].major", OCI_UNSIGNED, throttle.major, UINT32_MAX),                            \
                NUMBER("blockIO." p "[].minor", OCI_UNSIGNED, throttle.minor, UINT32_MAX),                            \
                NUMBER("blockIO." p "[].rate", OCI_UNSIGNED, throttle.rate, 0)
#define R "linux.resources."
#define OLD "this is of control groups of version 1"

static const OciRow rows[] = {
        OCI_CONTAINER("linux.resources", OCI_OBJECT),
        { .path = R "memory", .kind = OCI_OBJECT, .apply = apply_memory },
        NUMBER("memory.limit", OCI_SIGNED, limit, 0),
        NUMBER("memory.reservation", OCI_SIGNED, reservation, 0),
        NUMBER("memory.swap", OCI_SIGNED, swap, 0),
        OCI_REFUSED(R "memory.kernel", OLD),
        OCI_REFUSED(R "memory.kernelTCP", OLD),
        OCI_REFUSED(R "memory.swappiness", OLD),
        OCI_REFUSED(R "memory.disableOOMKiller", OLD),
        { .path = R "cpu", .kind = OCI_OBJECT, .apply = apply_cpu },
        NUMBER("cpu.shares", OCI_UNSIGNED, shares, 0),
        NUMBER("cpu.quota", OCI_SIGNED, quota, 0),
        NUMBER("cpu.period", OCI_UNSIGNED, period, 1000000),
        NUMBER("cpu.burst", OCI_UNSIGNED, burst, 0),
        NUMBER("cpu.idle", OCI_SIGNED, idle, 0),
        { .path = R "cpu.cpus", .kind = OCI_STRING, .offset = OCI_FIELD(resources.cpus) },
        { .path = R "cpu.mems", .kind = OCI_STRING, .offset = OCI_FIELD(resources.mems) },
        OCI_REFUSED(R "cpu.realtimeRuntime", OLD),
        OCI_REFUSED(R "cpu.realtimePeriod", OLD),
        { .path = R "pids", .kind = OCI_OBJECT, .apply = apply_processes },
        NUMBER("pids.limit", OCI_SIGNED, processes, 0),
        OCI_CONTAINER(R "blockIO", OCI_OBJECT),
        { .path = R "blockIO.weight",
          .kind = OCI_UNSIGNED,
          .offset = OCI_FIELD(resources.weight),
          .max = 1000,
          .apply = apply_weight },
        THROTTLE("throttleReadBpsDevice", rbps),
        THROTTLE("throttleWriteBpsDevice", wbps),
        THROTTLE("throttleReadIOPSDevice", riops),
        THROTTLE("throttleWriteIOPSDevice", wiops),
        OCI_REFUSED(R "blockIO.leafWeight", OLD),
        OCI_REFUSED(R "blockIO.weightDevice", "a device cannot have a weight of its own"),
        OCI_CONTAINER(R "unified", OCI_MAP),
        { .path = R "unified[]", .kind = OCI_STRING, .apply = apply_unified },
        OCI_REFUSED(R "hugepageLimits", "huge pages can be limited by unified"),
        OCI_REFUSED(R "network", OLD),
        OCI_REFUSED(R "rdma", "RDMA can be limited by unified"),
};

const OciRows oci_resources_rows = { rows, ELEMENTSOF(rows) };
