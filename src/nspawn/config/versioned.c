/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: an entry's name is taken apart from its end: suffix, counters (+LEFT[-DONE]),
 * architecture, and what is left is the version. Entries of other architectures, kinds or names are passed
 * over. Counters are read only: whoever counts boots renames the file. What is taken apart is configuration,
 * and so are symlinks, which are followed. */

#include "config/versioned.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "config/value-types.h"
#include "log.h"
#include "parse.h"
#include "version-order.h"

#define WILDCARD "___"
#define NO_COUNTER UINT64_MAX

/* What is asked for: entries of directory whose names are base, "_", a version and suffix. */
typedef struct Pattern {
        char *directory, *base, *suffix;
        bool image;
} Pattern;

static void pattern_done(Pattern *p) {
        free(p->directory);
        free(p->base);
        free(p->suffix);
}
#define _cleanup_pattern_ _cleanup_(pattern_done)

typedef struct Entry {
        char name[NAME_MAX + 1], version[NAME_MAX + 1];
        size_t architecture; /* the smaller one is preferred */
        uint64_t left, done; /* tries */
} Entry;

/* — names — */

/* Those that systemd.unit(5) has for ConditionArchitecture=. */
static const char *const architectures[] = {
        "x86",  "x86-64", "ppc",   "ppc-le",   "ppc64",   "ppc64-le",    "ia64",   "parisc",    "parisc64",
        "s390", "s390x",  "sparc", "sparc64",  "mips",    "mips-le",     "mips64", "mips64-le", "alpha",
        "arm",  "arm-be", "arm64", "arm64-be", "sh",      "sh64",        "m68k",   "tilegx",    "cris",
        "arc",  "arc-be", "nios2", "riscv32",  "riscv64", "loongarch64",
};

static bool is_architecture(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
                if (streq(name, architectures[i]))
                        return true;
        return false;
}

/* Takes "_ARCH" off. An entry without it is for all, and the last choice. False if it is for another one. */
static bool take_architecture(char *text, size_t *ret) {
        char *last = strrchr(text, '_');

        *ret = value_personality.n_names;
        if (!last || !is_architecture(last + 1))
                return true;
        *last = 0;
        for (size_t i = 0; i < value_personality.n_names; i++)
                if (streq(last + 1, value_personality.names[i])) {
                        *ret = i;
                        return true;
                }
        return false;
}

/* Takes "+LEFT" or "+LEFT-DONE" off; anything else is a part of the version. */
static void take_counters(char *text, Entry *entry) {
        char *plus = strrchr(text, '+'), *dash = plus ? strchr(plus, '-') : NULL;
        uint64_t left, done = 0;

        entry->left = entry->done = NO_COUNTER;
        if (!plus || (dash && parse_unsigned(dash + 1, NO_COUNTER - 1, &done) < 0))
                return;
        if (dash)
                *dash = 0;
        if (parse_unsigned(plus + 1, NO_COUNTER - 1, &left) >= 0) {
                *plus = 0;
                entry->left = left;
                entry->done = done;
        } else if (dash)
                *dash = '-';
}

static bool is_version(const char *s) {
        return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,_-+~^")] == 0;
}

static bool parse_entry(const Pattern *pattern, const char *name, Entry *ret) {
        const char *rest = startswith(name, pattern->base), *end;

        if (!rest || strlen(name) > NAME_MAX || *name == '.')
                return false;
        if (*pattern->base && *rest++ != '_')
                return false;
        end = endswith(rest, pattern->suffix);
        if (!end)
                return false;
        *ret = (Entry){};
        memcpy(ret->name, name, strlen(name));
        memcpy(ret->version, rest, (size_t) (end - rest));
        take_counters(ret->version, ret);
        return take_architecture(ret->version, &ret->architecture) && is_version(ret->version);
}

static int compare_numbers(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

/* What has failed each of its tries comes last, and only then does the version count. */
static int compare_entries(const Entry *a, const Entry *b) {
        int r = compare_numbers(a->left > 0, b->left > 0);

        if (r == 0)
                r = version_compare(a->version, b->version);
        if (r == 0)
                r = compare_numbers(b->architecture, a->architecture);
        if (r == 0)
                r = compare_numbers(a->left, b->left);
        if (r == 0)
                r = compare_numbers(b->done, a->done);
        return r != 0 ? r : strcmp(a->name, b->name);
}

/* — the directory — */

static bool is_wanted_kind(const Pattern *pattern, DIR *d, const char *name) {
        struct stat st;

        if (fstatat(dirfd(d), name, &st, 0) < 0)
                return false;
        return pattern->image ? S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) : S_ISDIR(st.st_mode);
}

static bool find_newest(const Pattern *pattern, DIR *d, Entry *ret) {
        bool found = false;
        Entry entry;

        for (struct dirent *e; (e = readdir(d));)
                if (parse_entry(pattern, e->d_name, &entry) && is_wanted_kind(pattern, d, e->d_name) &&
                    (!found || compare_entries(&entry, ret) > 0)) {
                        *ret = entry;
                        found = true;
                }
        return found;
}

static int pick(const Pattern *pattern, const char *path, char **ret) {
        DIR *d = opendir(pattern->directory);
        bool found;
        Entry best;

        if (!d)
                return log_error_errno(-errno, "%s: %m", pattern->directory);
        found = find_newest(pattern, d, &best);
        (void) closedir(d);
        if (!found)
                return log_error_errno(-ENOENT, "%s: it holds no %s %s%sVERSION%s for this kind of processor", path,
                                       pattern->image ? "image" : "directory", pattern->base,
                                       *pattern->base ? "_" : "", pattern->suffix);
        if (asprintf(ret, "%s/%s", pattern->directory, best.name) < 0)
                return log_oom();
        log_debug("%s: picked %s, version %s", path, best.name, best.version);
        return 0;
}

/* — what was asked for — */

/* The last occurrence, as the version may hold underscores but not three of them. */
static const char *find_wildcard(const char *name) {
        const char *found = NULL;

        for (const char *s = name; (s = strstr(s, WILDCARD)); s++)
                found = s;
        return found;
}

static int set_pattern(Pattern *p, const char *directory, size_t directory_length, const char *base,
                       size_t base_length, const char *suffix) {
        p->directory = strndup(directory, directory_length);
        p->base = strndup(base, base_length);
        p->suffix = strdup(suffix);
        return p->directory && p->base && p->suffix ? 1 : log_oom();
}

/* 1 if path is a pattern, 0 if not. */
static int read_pattern(const char *path, const char *suffix, Pattern *p) {
        const char *base = strrchr(path, '/') + 1, *dot = endswith(base, ".v");
        const char *wildcard = find_wildcard(base), *stem = dot;
        size_t parent = (size_t) (base - path);

        if (dot) {
                size_t n = (size_t) (dot - base), m = strlen(suffix);

                if (n >= m && strncmp(dot - m, suffix, m) == 0)
                        stem = dot - m;
                return set_pattern(p, path, strlen(path), base, (size_t) (stem - base), suffix);
        }
        if (!wildcard || parent < CONST_STRLEN("/.v/") || strncmp(base - CONST_STRLEN(".v/"), ".v/", 3) != 0)
                return 0;
        return set_pattern(p, path, parent - 1, base, (size_t) (wildcard - base), wildcard + CONST_STRLEN(WILDCARD));
}

/* A path whose last part is the base in its place. */
static int name_after(const Pattern *pattern, const char *path, char **ret) {
        const char *base = strrchr(path, '/') + 1;

        return asprintf(ret, "%.*s%s", (int) (base - path), path, pattern->base) < 0 ? log_oom() : 0;
}

int versioned_pick(char **path, char **named, const char *suffix, bool image) {
        _cleanup_free_ char *picked = NULL, *name = NULL;
        _cleanup_pattern_ Pattern pattern = { .image = image };
        struct stat st;
        int r;

        r = read_pattern(*path, suffix, &pattern);
        if (r <= 0)
                return r;
        if (stat(pattern.directory, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0; /* said better where it is used */
        r = pick(&pattern, *path, &picked);
        if (r >= 0)
                r = name_after(&pattern, *path, &name);
        if (r < 0)
                return r;
        free(*path);
        free(*named);
        *path = TAKE_PTR(picked);
        *named = TAKE_PTR(name);
        return 1;
}
