/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a small parser of our own rather than getopt_long(3), because the table already says
 * all that getopt would want said again, and because its messages name neither the value nor the nearest
 * option. What it accepts is what GNU getopt accepts with a leading "+": --name=value, --name value, unique
 * prefixes of names, clusters of letters of which the last may have a value, attached or not, and "--". */

#include "config/command-line.h"

#include "config/names.h"
#include "log.h"
#include "strv.h"

typedef struct Cursor {
        int argc;
        char *const *argv;
        int next; /* the argument to look at next */
} Cursor;

static const Setting *find_letter(char letter) {
        FOREACH_SETTING(row)
                if (row->letter && row->letter == letter)
                        return row;
        return NULL;
}

static const Setting *find_name(const char *name, size_t length) {
        FOREACH_SETTING(row)
                if (row->name && strlen(row->name) == length && strncmp(row->name, name, length) == 0)
                        return row;
        return NULL;
}

/* — the nearest name — */

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static unsigned edit_distance(const char *a, const char *b) {
        enum { MAX_LENGTH = 32 };
        unsigned rows[3][MAX_LENGTH + 1], *before = rows[0], *last = rows[1], *now = rows[2];
        size_t n = strlen(a), m = strlen(b);

        if (n > MAX_LENGTH || m > MAX_LENGTH)
                return MAX_LENGTH;
        for (size_t j = 0; j <= m; j++)
                last[j] = (unsigned) j;
        for (size_t i = 1; i <= n; i++) {
                unsigned *free_row = before;

                now[0] = (unsigned) i;
                for (size_t j = 1; j <= m; j++) {
                        unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);
                        unsigned insert_or_delete = MIN(last[j], now[j - 1]) + 1;

                        now[j] = MIN(change, insert_or_delete);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                now[j] = MIN(now[j], before[j - 2] + 1);
                }
                before = last, last = now, now = free_row;
        }
        return last[m];
}

static int log_unknown_name(const char *name, size_t length) {
        _cleanup_free_ char *typed = strndup(name, length);
        const char *nearest = NULL;
        unsigned best = 0;

        if (!typed)
                return log_oom();
        FOREACH_SETTING(row) {
                unsigned distance = row->name && row->help ? edit_distance(typed, row->name) : UINT32_MAX;

                if (distance <= 1 + length / 5 && (!nearest || distance < best)) {
                        nearest = row->name;
                        best = distance;
                }
        }
        if (nearest)
                log_error("unknown option --%s; did you mean --%s?", typed, nearest);
        else
                log_error("unknown option --%s; --help lists all", typed);
        return -EINVAL;
}

/* An exact name, or the only one that begins like this. */
static int resolve_name(const char *name, size_t length, const Setting **ret) {
        const Setting *exact = find_name(name, length), *found = NULL;

        if (exact) {
                *ret = exact;
                return 0;
        }
        FOREACH_SETTING(row) {
                if (length == 0 || !row->name || strncmp(row->name, name, length) != 0)
                        continue;
                if (found) {
                        log_error("--%.*s is ambiguous: --%s, --%s", (int) length, name, found->name, row->name);
                        return -EINVAL;
                }
                found = row;
        }
        if (!found)
                return log_unknown_name(name, length);
        *ret = found;
        return 0;
}

/* — applying — */

/* value NULL: the switch alone. Returns 0 to go on, 1 if something is to be shown. */
static int apply(Settings *s, const Setting *row, const char *value) {
        char where[64];

        if (row->name)
                (void) snprintf(where, sizeof(where), "--%s%s", row->name, value ? "=" : "");
        else
                (void) snprintf(where, sizeof(where), "-%c", row->letter);

        if (value && streq(value, "help") && (row->type->list || row->type->names)) {
                s->show = SHOW_VALUES;
                s->show_row = row;
                return 1;
        }
        if (settings_apply(s, row, ORIGIN_COMMAND_LINE, where, value ?: row->implied ?: "yes") < 0)
                return -EINVAL;
        return s->show != SHOW_NOTHING;
}

/* The deprecated --user=NAME, in which the argument means another option. It may stand alone as well, and
 * then looks like "--user COMMAND": only what can be a user name is taken for one. */
static int apply_to_heir(Settings *s, const Setting *row, const char *value) {
        const Setting *heir = find_name(row->heir, strlen(row->heir));

        log_warning("--%s=%s is deprecated, use --%s=%s", row->name, value, heir->name, value);
        return apply(s, heir, value);
}

static int apply_with_argument(Settings *s, const Setting *row, const char *value, Cursor *c) {
        if (row->heir && !value && c->next < c->argc && user_name_is_valid(c->argv[c->next]))
                value = c->argv[c->next++];
        if (row->heir && value)
                return apply_to_heir(s, row, value);
        if (row->argument == ARGUMENT_REQUIRED && !value) {
                if (c->next >= c->argc) {
                        log_error("--%s= wants %s", row->name, row->type->expects);
                        return -EINVAL;
                }
                value = c->argv[c->next++];
        }
        return apply(s, row, value);
}

static int parse_long(Settings *s, const char *text, Cursor *c) {
        size_t length = strcspn(text, "=");
        const char *value = text[length] ? text + length + 1 : NULL;
        const Setting *row = NULL;
        int r;

        r = resolve_name(text, length, &row);
        if (r < 0)
                return r;
        if (row->argument == ARGUMENT_NONE && value) {
                log_error("--%s takes no value, but was given \"%s\"", row->name, value);
                return -EINVAL;
        }
        return apply_with_argument(s, row, value, c);
}

/* "bD" of -bD PATH, "xM" of -xMfoo: all letters but the last are switches. */
static int parse_cluster(Settings *s, const char *letters, Cursor *c) {
        while (*letters) {
                const Setting *row = find_letter(*letters);
                int r;

                if (!row) {
                        log_error("unknown option -%c; --help lists all", *letters);
                        return -EINVAL;
                }
                letters++;
                if (row->argument == ARGUMENT_REQUIRED)
                        return apply_with_argument(s, row, *letters ? letters : NULL, c);
                r = apply(s, row, NULL);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int take_positionals(Settings *s, Cursor *c) {
        for (; c->next < c->argc; c->next++) {
                if (strv_append(&s->value.payload.argv, c->argv[c->next]) < 0)
                        return log_oom();
                settings_mark(s, value.payload.argv);
        }
        return 0;
}

int command_line_parse(int argc, char *const argv[], Settings *ret) {
        _cleanup_settings_ Settings s = {};
        Cursor c = { argc, argv, 1 };
        int r = 0;

        while (r == 0 && c.next < argc) {
                const char *argument = argv[c.next];

                if (argument[0] != '-' || !argument[1])
                        break;
                c.next++;
                if (streq(argument, "--"))
                        break;
                r = argument[1] == '-' ? parse_long(&s, argument + 2, &c) : parse_cluster(&s, argument + 1, &c);
        }
        if (r == 0)
                r = take_positionals(&s, &c);
        if (r < 0)
                return r;
        *ret = TAKE(s, (Settings){});
        return ret->show == SHOW_NOTHING;
}
