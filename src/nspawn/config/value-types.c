/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: each type is a row of functions and words; many share a parse function and differ in
 * the words. Parsing judges the text alone: whether a path exists or an interface is there is found out
 * later, by whoever uses it. Only a relative path looks at the outside: at the working directory. */

#include "config/value-types.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "config/names.h"
#include "hex.h"
#include "parse.h"

/* — strings — */

void value_destroy_string(void *field) {
        free(*(char **) field);
}

int value_replace_string(void *field, char *s) {
        if (!s)
                return -ENOMEM;
        free(*(char **) field);
        *(char **) field = s;
        return 0;
}

static int replace_with_copy(void *field, const char *text) {
        return value_replace_string(field, strdup(text));
}

/* Copies s behind out's n bytes, leaving out doubled slashes, "." parts and a trailing slash. */
static void append_simplified(char *out, size_t n, const char *s) {
        while (*s) {
                size_t length;

                s += strspn(s, "/");
                length = strcspn(s, "/");
                if (length > 0 && !(length == 1 && *s == '.')) {
                        out[n++] = '/';
                        memcpy(out + n, s, length);
                        n += length;
                }
                s += length;
        }
        if (n == 0)
                out[n++] = '/';
        out[n] = 0;
}

static bool has_dot_dot(const char *s) {
        for (const char *p = s; (p = strstr(p, "..")); p += 2)
                if ((p == s || p[-1] == '/') && (p[2] == '/' || !p[2]))
                        return true;
        return false;
}

int value_make_host_path(const char *text, char **ret) {
        _cleanup_free_ char *cwd = NULL;
        char *path;
        size_t n;

        if (!*text || strlen(text) >= PATH_MAX)
                return -EINVAL;
        if (*text != '/') {
                cwd = getcwd(NULL, 0);
                if (!cwd)
                        return -errno;
        }

        n = cwd && !streq(cwd, "/") ? strlen(cwd) : 0;
        path = malloc(n + strlen(text) + 2);
        if (!path)
                return -ENOMEM;
        if (n > 0)
                memcpy(path, cwd, n);
        append_simplified(path, n, text);
        *ret = path;
        return 0;
}

int value_make_guest_path(const char *text, char **ret) {
        char *path;

        if (*text != '/' || strlen(text) >= PATH_MAX || has_dot_dot(text))
                return -EINVAL;
        path = malloc(strlen(text) + 2);
        if (!path)
                return -ENOMEM;
        append_simplified(path, 0, text);
        *ret = path;
        return 0;
}

static int parse_host_path(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        char *path;
        int r;

        r = value_make_host_path(text, &path);
        return r < 0 ? r : value_replace_string(field, path);
}

static int parse_guest_path(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        char *path;
        int r;

        r = value_make_guest_path(text, &path);
        return r < 0 ? r : value_replace_string(field, path);
}

static int parse_machine_name(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return machine_name_is_valid(text) ? replace_with_copy(field, text) : -EINVAL;
}

static int parse_user(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return user_name_is_valid(text) ? replace_with_copy(field, text) : -EINVAL;
}

static int parse_interface(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return interface_name_is_valid(text) ? replace_with_copy(field, text) : -EINVAL;
}

static int parse_zone(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        char bridge[32];

        if (!*text || snprintf(bridge, sizeof(bridge), "vz-%s", text) >= (int) sizeof(bridge))
                return -EINVAL;
        return interface_name_is_valid(bridge) ? replace_with_copy(field, text) : -EINVAL;
}

static bool consists_of(const char *text, const char *characters) {
        return text[strspn(text, characters)] == 0;
}

/* A dash in a slice's name is a level of its cgroup path, so none may be empty. */
static int parse_slice(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\";
        const char *suffix = endswith(text, ".slice");
        size_t n = suffix ? (size_t) (suffix - text) : strlen(text);
        char *slice;

        if (n == 0 || n > 240 || !consists_of(text, allowed))
                return -EINVAL;
        if (!(n == 1 && *text == '-') && (*text == '-' || *text == '.' || text[n - 1] == '-' || strstr(text, "--")))
                return -EINVAL;
        if (asprintf(&slice, "%.*s.slice", (int) n, text) < 0)
                return -ENOMEM;
        return value_replace_string(field, slice);
}

static int parse_color(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        if (!consists_of(text, "0123456789;:") || strlen(text) > 64)
                return -EINVAL;
        return replace_with_copy(field, text);
}

/* What the policy knows is the kernel's to say; no quotes, as it becomes a mount option in quotes. */
static int parse_selinux_context(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        unsigned separators = 0;

        if (!consists_of(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:,"))
                return -EINVAL;
        for (const char *s = text; (s = strchr(s, ':')); s++)
                separators++;
        return separators >= 2 ? replace_with_copy(field, text) : -EINVAL;
}

static int parse_word(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return file_name_is_valid(text) && !strchr(text, ' ') ? replace_with_copy(field, text) : -EINVAL;
}

/* At least 16 bytes: by two halves of that size its partitions are known. */
static int parse_root_hash(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        size_t n = strlen(text);

        if (n < 32 || n > 128 || n % 2 != 0 || !consists_of(text, "0123456789abcdefABCDEF"))
                return -EINVAL;
        return replace_with_copy(field, text);
}

static int parse_root_hash_signature(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        const char *base64 = startswith(text, "base64:");
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t size;
        int r;

        if (!base64)
                return parse_host_path(type, origin, text, field);
        r = base64_decode(base64, strlen(base64), &bytes, &size);
        if (r >= 0 && size == 0)
                r = -EINVAL;
        return r < 0 ? r : replace_with_copy(field, text);
}

/* — bool and enum — */

static int parse_bool_value(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        int r = parse_bool(text);

        if (r < 0)
                return r;
        *(bool *) field = r;
        return 0;
}

/* The first two names of an enum that begins with "no" and "yes" stand for all words of a boolean. */
static int parse_enum(const ValueType *type, _unused_ ValueOrigin origin, const char *text, void *field) {
        bool boolean = streq(type->names[0], "no") && streq(type->names[1], "yes");
        int r;

        for (size_t i = 0; i < type->n_names; i++)
                if (*text && streq(type->names[i], text)) {
                        *(unsigned *) field = (unsigned) i;
                        return 0;
                }

        r = boolean ? parse_bool(text) : -EINVAL;
        if (r < 0)
                return r;
        *(unsigned *) field = (unsigned) r;
        return 0;
}

/* — numbers — */

static int parse_signal_value(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        int r = parse_signal(text);

        if (r < 0)
                return r;
        *(int *) field = r;
        return 0;
}

static void list_signals(FILE *f) {
        for (int i = 1; i < SIGRTMIN; i++)
                if (sigabbrev_np(i))
                        fprintf(f, "SIG%s\n", sigabbrev_np(i));
        for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
                fprintf(f, i == SIGRTMIN ? "SIGRTMIN\n" : "SIGRTMIN+%i\n", i - SIGRTMIN);
}

static int parse_timespan_value(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return parse_timespan(text, USEC_PER_SEC, field);
}

static int parse_uuid(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        sd_id128_t id;

        if (sd_id128_from_string(text, &id) < 0 || sd_id128_is_null(id))
                return -EINVAL;
        *(sd_id128_t *) field = id;
        return 0;
}

/* The fields below are two neighbours in config.h: "is it set" and the value. The structs mirror them. */
typedef struct OomScore {
        bool set;
        int value;
} OomScore;
_Static_assert(offsetof(SecurityConfig, oom_score_adjust) ==
                       offsetof(SecurityConfig, oom_score_adjust_set) + offsetof(OomScore, value),
               "OomScore does not match config.h");

static int parse_oom_score(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        OomScore *score = field;
        int r;

        r = parse_int(text, -1000, 1000, &score->value);
        if (r < 0)
                return r;
        score->set = true;
        return 0;
}

typedef struct CpuAffinity {
        bool set;
        cpu_set_t cpus;
} CpuAffinity;
_Static_assert(offsetof(SecurityConfig, cpu_affinity) ==
                       offsetof(SecurityConfig, cpu_affinity_set) + offsetof(CpuAffinity, cpus),
               "CpuAffinity does not match config.h");

/* "3" or "0-3" */
static int add_cpu_range(char *range, cpu_set_t *cpus) {
        char *dash = strchr(range, '-');
        uint64_t first, last;

        if (dash)
                *dash++ = 0;
        if (parse_unsigned(range, CPU_SETSIZE - 1, &first) < 0 ||
            parse_unsigned(dash ?: range, CPU_SETSIZE - 1, &last) < 0 || first > last)
                return -EINVAL;
        for (; first <= last; first++)
                CPU_SET(first, cpus);
        return 0;
}

static int parse_cpus(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        CpuAffinity *affinity = field;
        cpu_set_t cpus;
        int r;

        CPU_ZERO(&cpus);
        for (;;) {
                _cleanup_free_ char *range = NULL;

                r = split_word(&text, " \t,", &range);
                if (r <= 0)
                        break;
                r = add_cpu_range(range, &cpus);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (CPU_COUNT(&cpus) == 0)
                return -EINVAL;
        CPU_OR(&affinity->cpus, &affinity->cpus, &cpus);
        affinity->set = true;
        return 0;
}

typedef struct MacAddress {
        bool set;
        uint8_t bytes[6];
} MacAddress;
_Static_assert(offsetof(EnvironmentConfig, network_mac) ==
                       offsetof(EnvironmentConfig, network_mac_set) + offsetof(MacAddress, bytes),
               "MacAddress does not match config.h");

static int parse_mac_address(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        unsigned b[6];
        MacAddress mac = { .set = true };
        int n = 0;

        if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", b, b + 1, b + 2, b + 3, b + 4, b + 5, &n) != 6 || text[n])
                return -EINVAL;
        if (!consists_of(text, "0123456789abcdefABCDEF:"))
                return -EINVAL;
        for (size_t i = 0; i < 6; i++)
                mac.bytes[i] = (uint8_t) b[i];
        if (mac.bytes[0] & 1) /* multicast */
                return -EINVAL;
        *(MacAddress *) field = mac;
        return 0;
}

/* An amount of nothing would be the same as not to do it at all, which is said in another way. */
static int set_amount(uint64_t amount, bool may_be_zero, AmountLimit *limit) {
        if (amount == 0 && !may_be_zero)
                return -ERANGE;
        *limit = (AmountLimit){ .set = true, .value = amount };
        return 0;
}

static int parse_bytes(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        uint64_t bytes;
        int r = parse_size(text, 1024, &bytes);

        return r < 0 ? r : set_amount(bytes, false, field);
}

static int parse_bytes_or_none(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        uint64_t bytes;
        int r = parse_size(text, 1024, &bytes);

        return r < 0 ? r : set_amount(bytes, true, field);
}

static int parse_count(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        uint64_t count;
        int r = parse_unsigned(text, UINT32_MAX, &count);

        return r < 0 ? r : set_amount(count, false, field);
}

/* — the types — */

const ValueType value_bool = {
        .size = sizeof(bool),
        .parse = parse_bool_value,
        .expects = "yes or no",
        .names = (const char *const[]){ "yes", "no" },
        .n_names = 2,
};

#define DEFINE_ENUM(id, text, ...)                                                                                    \
        const ValueType value_##id = {                                                                                \
                .size = sizeof(unsigned),                                                                             \
                .parse = parse_enum,                                                                                  \
                .expects = text,                                                                                      \
                .names = (const char *const[]){ __VA_ARGS__ },                                                        \
                .n_names = ELEMENTSOF(((const char *const[]){ __VA_ARGS__ })),                                        \
        }

/* In the order of the enums in config.h and settings.h. */
DEFINE_ENUM(show, "help, version or introspection", "", "help", "version", "introspection");
DEFINE_ENUM(auto_mode, "yes, no or auto", "no", "yes", "auto");
DEFINE_ENUM(console, "one of interactive, read-only, passive, pipe or autopipe", "", "interactive", "read-only",
            "passive", "pipe", "autopipe");
DEFINE_ENUM(link_journal, "one of no, auto, host, try-host, guest or try-guest", "no", "auto", "host", "try-host",
            "guest", "try-guest");
DEFINE_ENUM(resolv_conf, "a mode of resolv.conf; \"help\" lists them", "off", "copy-host", "copy-static",
            "copy-uplink", "copy-stub", "replace-host", "replace-static", "replace-uplink", "replace-stub",
            "bind-host", "bind-static", "bind-uplink", "bind-stub", "delete", "auto");
DEFINE_ENUM(timezone, "one of off, copy, bind, symlink, delete or auto", "off", "copy", "bind", "symlink", "delete",
            "auto");
DEFINE_ENUM(volatile, "one of no, yes, state or overlay", "no", "yes", "state", "overlay");
DEFINE_ENUM(settings_mode, "one of no, yes, override or trusted", "no", "yes", "override", "trusted");
DEFINE_ENUM(api_vfs_writable, "one of no, yes or network", "no", "yes", "network");

#if defined(__x86_64__)
#define PERSONALITIES "x86-64", "x86"
#elif defined(__i386__)
#define PERSONALITIES "x86"
#elif defined(__aarch64__)
#define PERSONALITIES "arm64", "arm"
#elif defined(__arm__)
#define PERSONALITIES "arm"
#elif defined(__s390x__)
#define PERSONALITIES "s390x", "s390"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define PERSONALITIES "ppc64-le", "ppc-le"
#elif defined(__powerpc64__)
#define PERSONALITIES "ppc64", "ppc"
#elif defined(__riscv) && __riscv_xlen == 64
#define PERSONALITIES "riscv64", "riscv32"
#elif defined(__loongarch64)
#define PERSONALITIES "loongarch64"
#else
#error "add the architecture's personalities"
#endif

static int parse_personality(const ValueType *type, _unused_ ValueOrigin origin, const char *text, void *field) {
        for (size_t i = 0; i < type->n_names; i++)
                if (streq(type->names[i], text))
                        return replace_with_copy(field, text);
        return -EINVAL;
}

const ValueType value_personality = {
        .size = sizeof(char *),
        .parse = parse_personality,
        .destroy = value_destroy_string,
        .expects = "an architecture this machine can run",
        .names = (const char *const[]){ PERSONALITIES },
        .n_names = ELEMENTSOF(((const char *const[]){ PERSONALITIES })),
};

#define DEFINE_STRING(id, function, text, ...)                                                                        \
        const ValueType value_##id = { .size = sizeof(char *),                                                        \
                                       .parse = function,                                                             \
                                       .destroy = value_destroy_string,                                               \
                                       .expects = text,                                                               \
                                       __VA_ARGS__ }

DEFINE_STRING(host_directory, parse_host_path, "a path", .completion = COMPLETE_DIRECTORY);
DEFINE_STRING(host_file, parse_host_path, "a path", .completion = COMPLETE_FILE);
DEFINE_STRING(guest_path, parse_guest_path, "an absolute path without \"..\" in it");
DEFINE_STRING(machine_name, parse_machine_name, "a machine name (letters, digits, inner hyphens and dots, at most 64)",
              .completion = COMPLETE_MACHINE);
DEFINE_STRING(host_name, parse_machine_name, "a host name (letters, digits, inner hyphens and dots, at most 64)");
DEFINE_STRING(root_hash, parse_root_hash, "a root hash (32 to 128 hexadecimal digits)");
DEFINE_STRING(root_hash_signature, parse_root_hash_signature, "a path, or \"base64:\" and a signature",
              .completion = COMPLETE_FILE);
DEFINE_STRING(user, parse_user, "a user name or number");
DEFINE_STRING(slice, parse_slice, "the name of a slice");
DEFINE_STRING(selinux_context, parse_selinux_context, "an SELinux context USER:ROLE:TYPE[:LEVEL]");
DEFINE_STRING(color, parse_color, "a list of color numbers such as \"44\" or \"48;2;0;0;64\"");
DEFINE_STRING(word, parse_word, "a single word");
DEFINE_STRING(interface, parse_interface, "a network interface name");
DEFINE_STRING(zone, parse_zone, "a network zone name (at most 12 characters)");

const ValueType value_signal = {
        .size = sizeof(int),
        .parse = parse_signal_value,
        .expects = "a signal name or number",
        .list = list_signals,
};

const ValueType value_timespan = {
        .size = sizeof(uint64_t),
        .parse = parse_timespan_value,
        .expects = "a time span such as 90, 2min or infinity",
};

const ValueType value_uuid = {
        .size = sizeof(sd_id128_t),
        .parse = parse_uuid,
        .expects = "a UUID (32 hexadecimal digits, not all zero)",
};

const ValueType value_oom_score = {
        .size = sizeof(OomScore),
        .parse = parse_oom_score,
        .expects = "a number from -1000 to 1000",
};

const ValueType value_cpus = {
        .size = sizeof(CpuAffinity),
        .parse = parse_cpus,
        .expects = "a list of processors such as 0-3,8",
};

const ValueType value_mac_address = {
        .size = sizeof(MacAddress),
        .parse = parse_mac_address,
        .expects = "a unicast MAC address",
};

const ValueType value_bytes = {
        .size = sizeof(AmountLimit),
        .parse = parse_bytes,
        .expects = "a number of bytes such as 64M or 2G",
};

const ValueType value_bytes_or_none = {
        .size = sizeof(AmountLimit),
        .parse = parse_bytes_or_none,
        .expects = "a number of bytes such as 64M or 2G, or 0",
};

const ValueType value_count = {
        .size = sizeof(AmountLimit),
        .parse = parse_count,
        .expects = "a number of at least 1",
};
