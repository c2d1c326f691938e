/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: Settings are handled by walking the table; nothing here knows a single setting by
 * name. The set bit belongs to a field, not to a row: rows that share a field (--bind= and --tmpfs=, or -j
 * and --link-journal=) share the bit of the first of them. Command line, file, environment and defaults give
 * one Settings each; merging moves values, so nothing is copied and each is freed where it ends up. */

#include "config/settings.h"

#include "log.h"

static void *field_of(Settings *s, const Setting *row) {
        return (char *) s + row->offset;
}

static const Setting *row_at(size_t offset) {
        FOREACH_SETTING(row)
                if (row->offset == offset)
                        return row;
        return NULL;
}

const Setting *setting_canonical(const Setting *row) {
        return row_at(row->offset);
}

static bool has_row(const Settings *s, const Setting *canonical) {
        size_t n = (size_t) (canonical - settings_table);

        return s->set[n / 64] & UINT64_C(1) << n % 64;
}

static void mark_row(Settings *s, const Setting *canonical, bool set) {
        size_t n = (size_t) (canonical - settings_table);
        uint64_t bit = UINT64_C(1) << n % 64;

        s->set[n / 64] = set ? s->set[n / 64] | bit : s->set[n / 64] & ~bit;
}

bool settings_has_at(const Settings *s, size_t offset) {
        const Setting *row = row_at(offset);

        return row && has_row(s, row);
}

void settings_mark_at(Settings *s, size_t offset) {
        const Setting *row = row_at(offset);

        if (row)
                mark_row(s, row, true);
}

static void destroy_field(Settings *s, const Setting *row) {
        if (row->type->destroy)
                row->type->destroy(field_of(s, row));
        memset(field_of(s, row), 0, row->type->size);
}

void settings_reset(Settings *s, const Setting *row) {
        destroy_field(s, row);
        mark_row(s, setting_canonical(row), false);
}

void settings_free(Settings *s) {
        FOREACH_SETTING(row)
                if (row->type->destroy)
                        destroy_field(s, row);
        free(s->plain_name);
        free(s->tree_parent);
        *s = (Settings){};
}

void machine_config_free(MachineConfig *config) {
        Settings s = { .value = *config };

        settings_free(&s);
        *config = (MachineConfig){};
}

static int log_parse_error(int error, const Setting *row, const char *where, const char *text) {
        switch (error) {
        case -ENOMEM:
                return log_oom();
        case -EOPNOTSUPP:
                log_error("%s: \"%s\" %s", where, text, row->type->unavailable);
                return error;
        case -EEXIST:
                log_error("%s: \"%.*s\" is given a second time", where, (int) strcspn(text, ":"), text);
                return error;
        case -EADDRINUSE:
                log_error("%s: \"%s\": another one has this port of the host already", where, text);
                return error;
        case -EINVAL:
        case -ERANGE:
                if (row->type->secret)
                        log_error("%s: this is not %s", where, row->type->expects);
                else
                        log_error("%s: \"%s\" is not %s", where, text, row->type->expects);
                return -EINVAL;
        default: /* no type with secrets comes here */
                return log_error_errno(error, "%s: \"%s\": %m", where, text);
        }
}

int settings_apply(Settings *s, const Setting *row, ValueOrigin origin, const char *where, const char *text) {
        int r;

        r = row->type->parse(row->type, origin, text, field_of(s, row));
        if (r < 0)
                return log_parse_error(r, row, where, text);
        mark_row(s, setting_canonical(row), true);
        return 0;
}

static uint64_t masks_of(const Settings *s) {
        uint64_t masks = 0;

        FOREACH_SETTING(row)
                if (row->mask != MASK_NONE && has_row(s, setting_canonical(row)))
                        masks |= UINT64_C(1) << row->mask;
        return masks;
}

void settings_merge(Settings *s, Settings *weaker) {
        uint64_t masks = masks_of(s);

        FOREACH_SETTING(row) {
                void *to = field_of(s, row), *from = field_of(weaker, row);

                if (row != setting_canonical(row) || !has_row(weaker, row) || masks & UINT64_C(1) << row->mask)
                        continue;
                if (!has_row(s, row)) {
                        destroy_field(s, row);
                        memcpy(to, from, row->type->size);
                        memset(from, 0, row->type->size);
                } else if (row->type->combine)
                        row->type->combine(to, from);
                mark_row(s, row, true);
        }
        settings_free(weaker);
}

int settings_from_environment(Settings *ret) {
        _cleanup_settings_ Settings s = {};

        FOREACH_SETTING(row) {
                const char *value = row->variable ? getenv(row->variable) : NULL;
                char where[64];
                int r;

                if (!value)
                        continue;
                (void) snprintf(where, sizeof(where), "$%s", row->variable);
                r = settings_apply(&s, row, ORIGIN_ENVIRONMENT, where, value);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(s, (Settings){});
        return 0;
}

int settings_from_defaults(Settings *ret) {
        _cleanup_settings_ Settings s = {};

        FOREACH_SETTING(row)
                if (row->fallback) {
                        int r = settings_apply(&s, row, ORIGIN_DEFAULT, row->name ?: row->variable, row->fallback);
                        if (r < 0)
                                return r;
                }
        *ret = TAKE(s, (Settings){});
        return 0;
}
