/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the tables have in common: messages, and saying what an option says. */

#include "config/oci-reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/value-types.h"
#include "log.h"

static _printf_(4, 0) int refuse(const OciReader *r, const char *path, int error, const char *format, va_list ap) {
        char what[512];

        (void) vsnprintf(what, sizeof(what), format, ap);
        log_error("%s/config.json: %s%s%s", r->bundle, path, *path ? ": " : "", what);
        return error;
}

int oci_refuse(const OciReader *r, int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        error = refuse(r, r->path, error, format, ap);
        va_end(ap);
        return error;
}

int oci_refuse_at(const OciReader *r, const char *path, int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        error = refuse(r, path, error, format, ap);
        va_end(ap);
        return error;
}

int oci_say(OciReader *r, size_t offset, const char *text) {
        char where[1024];

        (void) snprintf(where, sizeof(where), "%s/config.json: %s", r->bundle, r->path);
        FOREACH_SETTING(row)
                if (row->offset == offset)
                        return settings_apply(r->settings, row, ORIGIN_FILE, where, text);
        return -ENOENT;
}

int oci_host_path(const OciReader *r, const char *text, char **ret) {
        bool relative = *text != '/';

        return asprintf(ret, "%s%s%s", relative ? r->bundle : "", relative ? "/" : "", text) < 0 ? log_oom() : 0;
}

int oci_guest_path(const OciReader *r, const char *text, char **ret) {
        int error = value_make_guest_path(text, ret);

        if (error == -ENOMEM)
                return log_oom();
        return error < 0 ? oci_refuse(r, error, "\"%s\" is not an absolute path without \"..\"", text) : 0;
}
