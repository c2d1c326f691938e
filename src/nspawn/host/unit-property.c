/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a table from the names that unit files use to the D-Bus name and the kind of value.
 * Each kind has one function that parses the text and appends one "(sv)" or, where a percentage goes by
 * another name, that one. The manager checks ranges and meaning; here only the type has to come out right,
 * because a type cannot be left to the manager. Names missing here are refused by name instead of guessed. */

#include "host/unit-property.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "log.h"
#include "parse.h"

typedef struct Property Property;
typedef int (*append_t)(sd_bus_message *m, const Property *p, const char *value);

struct Property {
        const char *name; /* in unit files */
        append_t append;
        const char *bus_name; /* NULL: the same */
        int arg;              /* for the append function */
};

static const char *bus_name(const Property *p) {
        return p->bus_name ?: p->name;
}

static int append_u64(sd_bus_message *m, const char *name, uint64_t value) {
        return sd_bus_message_append(m, "(sv)", name, "t", value);
}

static int parse_limit(const char *text, unsigned base, uint64_t *ret) {
        if (!streq(text, "infinity"))
                return parse_size(text, base, ret);
        *ret = UINT64_MAX;
        return 0;
}

static int append_bool(sd_bus_message *m, const Property *p, const char *value) {
        int b = parse_bool(value);

        return b < 0 ? b : sd_bus_message_append(m, "(sv)", bus_name(p), "b", b);
}

static int append_string(sd_bus_message *m, const Property *p, const char *value) {
        return sd_bus_message_append(m, "(sv)", bus_name(p), "s", value);
}

/* arg: 1 if a percentage is allowed, which goes as NAMEScale. */
static int append_size(sd_bus_message *m, const Property *p, const char *value) {
        char scale[64];
        uint64_t v;

        if (p->arg && parse_percentage(value, &v) >= 0 && v <= 10000) {
                (void) snprintf(scale, sizeof(scale), "%sScale", bus_name(p));
                return sd_bus_message_append(m, "(sv)", scale, "u", (uint32_t) (v * UINT32_MAX / 10000));
        }
        return parse_limit(value, 1024, &v) < 0 ? -EINVAL : append_u64(m, bus_name(p), v);
}

/* arg: 1 if "idle" is a weight. */
static int append_weight(sd_bus_message *m, const Property *p, const char *value) {
        uint64_t v;

        if (isempty(value))
                return append_u64(m, bus_name(p), UINT64_MAX);
        if (p->arg && streq(value, "idle"))
                return append_u64(m, bus_name(p), 0);
        return parse_limit(value, 1000, &v) < 0 ? -EINVAL : append_u64(m, bus_name(p), v);
}

static int append_quota(sd_bus_message *m, const Property *p, const char *value) {
        uint64_t v;

        if (isempty(value))
                return append_u64(m, bus_name(p), UINT64_MAX);
        if (parse_percentage(value, &v) < 0 || v > UINT64_MAX / 100)
                return -EINVAL;
        return append_u64(m, bus_name(p), v * 100); /* of a second's microseconds */
}

static int append_timespan(sd_bus_message *m, const Property *p, const char *value) {
        uint64_t v;

        return parse_timespan(value, USEC_PER_SEC, &v) < 0 ? -EINVAL : append_u64(m, bus_name(p), v);
}

static int append_signal(sd_bus_message *m, const Property *p, const char *value) {
        int n = parse_signal(value);

        return n < 0 ? n : sd_bus_message_append(m, "(sv)", bus_name(p), "i", (int32_t) n);
}

/* Opens "(sv)" with a variant of this type; close_value() ends both. */
static int open_value(sd_bus_message *m, const char *name, const char *type) {
        int r = sd_bus_message_open_container(m, 'r', "sv");

        if (r < 0 || (r = sd_bus_message_append(m, "s", name)) < 0)
                return r;
        return sd_bus_message_open_container(m, 'v', type);
}

static int close_value(sd_bus_message *m) {
        int r = sd_bus_message_close_container(m);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Words separated by spaces, each handed to append_word with the array open. */
static int append_words(sd_bus_message *m, const char *name, const char *type, const char *value,
                        int (*append_word)(sd_bus_message *m, const char *word)) {
        _cleanup_free_ char *words = strdup(value);
        char *save = NULL, variant[16];
        int r;

        if (!words)
                return -ENOMEM;
        (void) snprintf(variant, sizeof(variant), "a%s", type);
        if ((r = open_value(m, name, variant)) < 0 || (r = sd_bus_message_open_container(m, 'a', type)) < 0)
                return r;
        for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
                if ((r = append_word(m, w)) < 0)
                        return r;
        r = sd_bus_message_close_container(m);
        return r < 0 ? r : close_value(m);
}

static int append_word_string(sd_bus_message *m, const char *word) {
        return sd_bus_message_append(m, "s", word);
}

static int append_strings(sd_bus_message *m, const Property *p, const char *value) {
        return append_words(m, bus_name(p), "s", value, append_word_string);
}

/* "192.168.0.0/16", "::1" or one of four names, as family, address bytes and prefix length. */
static int append_word_address(sd_bus_message *m, const char *word) {
        static const char *const names[][3] = {
                { "any", "0.0.0.0/0", "::/0" },
                { "localhost", "127.0.0.0/8", "::1/128" },
                { "link-local", "169.254.0.0/16", "fe80::/64" },
                { "multicast", "224.0.0.0/4", "ff00::/8" },
        };
        unsigned char address[sizeof(struct in6_addr)];
        int family, width, prefix, r;
        char text[64], *slash;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(word, names[i][0])) {
                        r = append_word_address(m, names[i][1]);
                        return r < 0 ? r : append_word_address(m, names[i][2]);
                }

        if (snprintf(text, sizeof(text), "%s", word) >= (int) sizeof(text))
                return -EINVAL;
        slash = strchr(text, '/');
        if (slash)
                *slash++ = 0;
        family = strchr(text, ':') ? AF_INET6 : AF_INET;
        width = family == AF_INET6 ? 128 : 32;
        prefix = width;
        if (inet_pton(family, text, address) != 1 ||
            (slash && (sscanf(slash, "%3d%1s", &prefix, text) != 1 || prefix < 0 || prefix > width)))
                return -EINVAL;

        if ((r = sd_bus_message_open_container(m, 'r', "iayu")) < 0 ||
            (r = sd_bus_message_append(m, "i", (int32_t) family)) < 0 ||
            (r = sd_bus_message_append_array(m, 'y', address, (size_t) width / 8)) < 0 ||
            (r = sd_bus_message_append(m, "u", (uint32_t) prefix)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_addresses(sd_bus_message *m, const Property *p, const char *value) {
        return append_words(m, bus_name(p), "(iayu)", value, append_word_address);
}

/* "0-3,7 9" as a bit string. */
static int append_bits(sd_bus_message *m, const Property *p, const char *value) {
        unsigned char bits[1024] = {};
        size_t used = 0;
        int r;

        for (const char *s = value + strspn(value, " ,\t"); *s; s += strspn(s, " ,\t")) {
                char *end;
                unsigned long first, last;

                if (!isdigit((unsigned char) *s))
                        return -EINVAL;
                first = last = strtoul(s, &end, 10);
                if (end[0] == '-' && isdigit((unsigned char) end[1]))
                        last = strtoul(end + 1, &end, 10);
                if (last < first || last >= sizeof(bits) * CHAR_BIT || (*end && !strchr(" ,\t", *end)))
                        return -EINVAL;
                for (unsigned long i = first; i <= last; i++)
                        bits[i / CHAR_BIT] |= (unsigned char) (1U << i % CHAR_BIT);
                used = MAX(used, last / CHAR_BIT + 1);
                s = end;
        }
        if ((r = open_value(m, bus_name(p), "ay")) < 0 || (r = sd_bus_message_append_array(m, 'y', bits, used)) < 0)
                return r;
        return close_value(m);
}

/* Splits "PATH REST" at the last gap; *ret_rest is NULL without one. Modifies s. */
static void split_device(char *s, char **ret_rest) {
        char *gap = strrchr(s, ' ') ?: strrchr(s, '\t');

        *ret_rest = gap ? gap + 1 : NULL;
        while (gap && gap >= s && (*gap == ' ' || *gap == '\t'))
                *gap-- = 0;
}

static int append_device(sd_bus_message *m, const Property *p, const char *value) {
        _cleanup_free_ char *path = strdup(value);
        char *access;

        if (!path)
                return -ENOMEM;
        if (isempty(value))
                return sd_bus_message_append(m, "(sv)", bus_name(p), "a(ss)", 0);
        split_device(path, &access);
        return sd_bus_message_append(m, "(sv)", bus_name(p), "a(ss)", 1, path, access ?: "");
}

/* "PATH VALUE"; arg says what the value is. */
enum { DEVICE_BYTES, DEVICE_WEIGHT, DEVICE_TIME };

static int append_device_value(sd_bus_message *m, const Property *p, const char *value) {
        _cleanup_free_ char *path = strdup(value);
        char *text;
        uint64_t v;
        int r;

        if (!path)
                return -ENOMEM;
        if (isempty(value))
                return sd_bus_message_append(m, "(sv)", bus_name(p), "a(st)", 0);
        split_device(path, &text);
        if (!text)
                return -EINVAL;
        r = p->arg == DEVICE_TIME ? parse_timespan(text, USEC_PER_SEC, &v) : parse_limit(text, 1000, &v);
        return r < 0 ? -EINVAL : sd_bus_message_append(m, "(sv)", bus_name(p), "a(st)", 1, path, v);
}

static const Property properties[] = {
        { "Description", append_string, NULL, 0 },
        { "Slice", append_string, NULL, 0 },
        { "CollectMode", append_string, NULL, 0 },
        { "DevicePolicy", append_string, NULL, 0 },
        { "KillMode", append_string, NULL, 0 },
        { "OOMPolicy", append_string, NULL, 0 },
        { "ManagedOOMSwap", append_string, NULL, 0 },
        { "ManagedOOMMemoryPressure", append_string, NULL, 0 },
        { "ManagedOOMPreference", append_string, NULL, 0 },
        { "MemoryPressureWatch", append_string, NULL, 0 },
        { "Documentation", append_strings, NULL, 0 },

        { "CPUAccounting", append_bool, NULL, 0 },
        { "MemoryAccounting", append_bool, NULL, 0 },
        { "TasksAccounting", append_bool, NULL, 0 },
        { "IOAccounting", append_bool, NULL, 0 },
        { "BlockIOAccounting", append_bool, NULL, 0 },
        { "IPAccounting", append_bool, NULL, 0 },
        { "CoredumpReceive", append_bool, NULL, 0 },
        { "DefaultDependencies", append_bool, NULL, 0 },
        { "IgnoreOnIsolate", append_bool, NULL, 0 },
        { "MemoryZSwapWriteback", append_bool, NULL, 0 },
        { "SendSIGHUP", append_bool, NULL, 0 },
        { "SendSIGKILL", append_bool, NULL, 0 },
        { "KillSignal", append_signal, NULL, 0 },
        { "FinalKillSignal", append_signal, NULL, 0 },

        { "MemoryMin", append_size, NULL, 1 },
        { "MemoryLow", append_size, NULL, 1 },
        { "MemoryHigh", append_size, NULL, 1 },
        { "MemoryMax", append_size, NULL, 1 },
        { "MemorySwapMax", append_size, NULL, 1 },
        { "MemoryZSwapMax", append_size, NULL, 1 },
        { "DefaultMemoryMin", append_size, NULL, 1 },
        { "DefaultMemoryLow", append_size, NULL, 1 },
        { "StartupMemoryLow", append_size, NULL, 1 },
        { "StartupMemoryHigh", append_size, NULL, 1 },
        { "StartupMemoryMax", append_size, NULL, 1 },
        { "StartupMemorySwapMax", append_size, NULL, 1 },
        { "StartupMemoryZSwapMax", append_size, NULL, 1 },
        { "MemoryLimit", append_size, NULL, 1 },
        { "TasksMax", append_size, NULL, 1 },

        { "CPUWeight", append_weight, NULL, 1 },
        { "StartupCPUWeight", append_weight, NULL, 1 },
        { "CPUShares", append_weight, NULL, 0 },
        { "IOWeight", append_weight, NULL, 0 },
        { "StartupIOWeight", append_weight, NULL, 0 },
        { "CPUQuota", append_quota, "CPUQuotaPerSecUSec", 0 },
        { "CPUQuotaPeriodSec", append_timespan, "CPUQuotaPeriodUSec", 0 },
        { "AllowedCPUs", append_bits, NULL, 0 },
        { "StartupAllowedCPUs", append_bits, NULL, 0 },
        { "AllowedMemoryNodes", append_bits, NULL, 0 },
        { "StartupAllowedMemoryNodes", append_bits, NULL, 0 },

        { "TimeoutStopSec", append_timespan, "TimeoutStopUSec", 0 },
        { "RuntimeMaxSec", append_timespan, "RuntimeMaxUSec", 0 },
        { "RuntimeRandomizedExtraSec", append_timespan, "RuntimeRandomizedExtraUSec", 0 },
        { "JobTimeoutSec", append_timespan, "JobTimeoutUSec", 0 },
        { "JobRunningTimeoutSec", append_timespan, "JobRunningTimeoutUSec", 0 },
        { "MemoryPressureThresholdSec", append_timespan, "MemoryPressureThresholdUSec", 0 },
        { "ManagedOOMMemoryPressureDurationSec", append_timespan, "ManagedOOMMemoryPressureDurationUSec", 0 },

        { "DeviceAllow", append_device, NULL, 0 },
        { "IODeviceWeight", append_device_value, NULL, DEVICE_WEIGHT },
        { "IOReadBandwidthMax", append_device_value, NULL, DEVICE_BYTES },
        { "IOWriteBandwidthMax", append_device_value, NULL, DEVICE_BYTES },
        { "IOReadIOPSMax", append_device_value, NULL, DEVICE_BYTES },
        { "IOWriteIOPSMax", append_device_value, NULL, DEVICE_BYTES },
        { "IODeviceLatencyTargetSec", append_device_value, "IODeviceLatencyTargetUSec", DEVICE_TIME },

        { "IPAddressAllow", append_addresses, NULL, 0 },
        { "IPAddressDeny", append_addresses, NULL, 0 },
        { "IPIngressFilterPath", append_strings, NULL, 0 },
        { "IPEgressFilterPath", append_strings, NULL, 0 },
        { "DisableControllers", append_strings, NULL, 0 },

        { "After", append_strings, NULL, 0 },
        { "Before", append_strings, NULL, 0 },
        { "BindsTo", append_strings, NULL, 0 },
        { "Conflicts", append_strings, NULL, 0 },
        { "OnFailure", append_strings, NULL, 0 },
        { "OnSuccess", append_strings, NULL, 0 },
        { "PartOf", append_strings, NULL, 0 },
        { "PropagatesStopTo", append_strings, NULL, 0 },
        { "Requires", append_strings, NULL, 0 },
        { "RequiresMountsFor", append_strings, NULL, 0 },
        { "Requisite", append_strings, NULL, 0 },
        { "StopPropagatedFrom", append_strings, NULL, 0 },
        { "Upholds", append_strings, NULL, 0 },
        { "Wants", append_strings, NULL, 0 },
        { "WantsMountsFor", append_strings, NULL, 0 },
};

/* If assignment is to this name, its value. */
static const char *value_of(const char *assignment, const char *name) {
        const char *rest = startswith(assignment, name);

        return rest && *rest == '=' ? rest + 1 : NULL;
}

int unit_property_append(sd_bus_message *m, const char *assignment) {
        const char *equals = strchr(assignment, '=');
        int r;

        if (!equals || equals == assignment) {
                log_error("--property=%s: not of the form NAME=VALUE", assignment);
                return -EINVAL;
        }
        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                const char *value = value_of(assignment, properties[i].name);

                if (!value)
                        continue;
                r = properties[i].append(m, properties + i, value);
                if (r == -EINVAL || r == -ERANGE)
                        return log_error_errno(-EINVAL, "--property=%s: not a value that %s= takes", assignment,
                                               properties[i].name);
                return r < 0 ? log_error_errno(r, "--property=%s: %m", assignment) : 0;
        }
        log_error("--property=%s: %.*s= is not a property that can be set on a machine's scope", assignment,
                  (int) (equals - assignment), assignment);
        return -EINVAL;
}

const char *unit_property_last(char *const *assignments, const char *name) {
        const char *last = NULL;

        for (char *const *a = assignments; a && *a; a++)
                last = value_of(*a, name) ?: last;
        return last;
}

bool unit_property_given(char *const *assignments, const char *name) {
        return unit_property_last(assignments, name);
}
