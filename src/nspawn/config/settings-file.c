/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a .nspawn file below /etc or /run was put there by the administrator and may say
 * anything. One that lies beside the tree may have come with the tree, from anywhere: it may be a FIFO,
 * endless, or garbage, and it may not widen what the machine can do. So it is opened without blocking, must
 * be a regular file of sane size, is never quoted beyond its keys and values, and its privileged keys are
 * left out with a warning. */

#include "config/settings-file.h"

#include <fcntl.h>

#include "fd.h"
#include "ini.h"
#include "log.h"
#include "parse.h"

#define FILE_SIZE_MAX (256U * 1024U)

typedef struct Reader {
        const char *path;
        bool trusted;
        Settings settings;
} Reader;

static const Setting *find_key(const char *section, const char *key) {
        FOREACH_SETTING(row)
                if (row->key && streq(row->section, section) && streq(row->key, key))
                        return row;
        return NULL;
}

static bool needs_trust(const Setting *row, const char *value) {
        return row->trust == TRUST_PRIVILEGED || (row->trust == TRUST_BY_VALUE && row->type->privileged(value));
}

static int apply_words(Reader *r, const Setting *row, const char *where, const char *value) {
        const char *rest = value;
        int k;

        for (;;) {
                _cleanup_free_ char *word = NULL;

                k = split_word(&rest, " \t\n\r", &word);
                if (k == 0)
                        return 0;
                if (k == -EINVAL)
                        log_error("%s: \"%s\" has an open quote", where, value);
                if (k > 0)
                        k = settings_apply(&r->settings, row, ORIGIN_FILE, where, word);
                if (k < 0)
                        return k;
        }
}

static int apply_prefixed(Reader *r, const Setting *row, const char *where, const char *value) {
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s%s", row->prefix, value) < 0)
                return log_oom();
        return settings_apply(&r->settings, row, ORIGIN_FILE, where, text);
}

static int handle_assignment(const IniLine *line, void *userdata) {
        char where[256];
        Reader *r = userdata;
        const Setting *row;

        if (!line->key || !line->section) {
                log_warning("%s:%u: this is no assignment within a section, ignoring it", r->path, line->number);
                return 0;
        }
        row = find_key(line->section, line->key);
        if (!row) {
                log_warning("%s:%u: there is no setting %s= in section [%s], ignoring it", r->path, line->number,
                            line->key, line->section);
                return 0;
        }
        if (!r->trusted && needs_trust(row, line->value)) {
                log_warning("%s:%u: %s= needs a file in /etc/systemd/nspawn or --settings=trusted, ignoring it",
                            r->path, line->number, line->key);
                return 0;
        }

        (void) snprintf(where, sizeof(where), "%s:%u: %s=", r->path, line->number, line->key);
        if (!*line->value) {
                settings_reset(&r->settings, row);
                return 0;
        }
        if (row->words)
                return apply_words(r, row, where, line->value);
        if (row->prefix)
                return apply_prefixed(r, row, where, line->value);
        return settings_apply(&r->settings, row, ORIGIN_FILE, where, line->value);
}

int settings_file_parse(const char *path, bool trusted, char *text, size_t size, Settings *ret) {
        Reader reader = { .path = path, .trusted = trusted };
        int r;

        r = ini_parse(text, size, handle_assignment, &reader);
        if (r == -EBADMSG)
                log_error("%s: this is a binary file, not settings", path);
        if (r < 0) {
                settings_free(&reader.settings);
                return r;
        }
        *ret = reader.settings;
        return 0;
}

/* 1: found and read, 0: not there. */
static int load_from(const char *directory, const char *machine, bool trusted, Settings *ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s.nspawn", directory, machine) < 0)
                return log_oom();
        r = read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, &size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == -EBADF || r == -ENXIO) {
                log_error("%s: not a regular file; move it away or use --settings=no", path);
                return r;
        }
        if (r < 0)
                return log_error_errno(r, "cannot read %s: %m", path);

        log_debug("settings: %s (%s)", path, trusted ? "trusted" : "not trusted");
        r = settings_file_parse(path, trusted, text, size, ret);
        return r < 0 ? r : 1;
}

int config_load_file(const char *machine, const char *tree_parent, SettingsMode mode,
                     const char *const *trusted_directories, Settings *ret) {
        static const char *const standard[] = { "/etc/systemd/nspawn", "/run/systemd/nspawn", NULL };
        int r;

        if (mode == SETTINGS_NO)
                return 0;
        for (const char *const *d = trusted_directories ?: standard; *d; d++) {
                r = load_from(*d, machine, true, ret);
                if (r != 0)
                        return r;
        }
        return tree_parent ? load_from(tree_parent, machine, mode == SETTINGS_TRUSTED, ret) : 0;
}
