/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the file is a list of shell-compatible assignments. Only what the format allows is taken:
 * a plain word, or one in single or double quotes, in the latter with backslash escapes. */

#include "os-release.h"

static bool valid_key(const char *key) {
        return *key && key[strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] == 0;
}

/* In place. */
static void unquote(char *value) {
        int quote = *value == '"' || *value == '\'' ? *value : 0;
        char *out = value;

        for (const char *in = value + (quote ? 1 : 0); *in && *in != quote; in++) {
                if (*in == '\\' && quote != '\'' && in[1])
                        in++;
                *out++ = *in;
        }
        *out = 0;
}

int os_release_parse(char *text, int (*each)(const char *key, const char *value, void *userdata), void *userdata) {
        for (char *line; (line = strsep(&text, "\n"));) {
                char *value;
                int r;

                line += strspn(line, " \t");
                value = strchr(line, '=');
                if (!value || *line == '#')
                        continue;
                *value++ = 0;
                if (!valid_key(line))
                        continue;
                value[strcspn(value, "\r")] = 0;
                unquote(value);
                r = each(line, value, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}
