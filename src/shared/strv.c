/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: string arrays in the form execve(2) takes. Lists here are short, so appending counts
 * the elements each time rather than keeping a capacity that would have to travel with the pointer. */

#include "strv.h"

#include <stdarg.h>
#include <stdio.h>

void strv_free(char **v) {
        for (char **s = v; s && *s; s++)
                free(*s);
        free(v);
}

size_t strv_length(char *const *v) {
        size_t n = 0;

        STRV_FOREACH(s, v)
        n++;
        return n;
}

int strv_push(char ***v, char *s) {
        size_t n = strv_length(*v);
        char **bigger = s ? reallocarray(*v, n + 2, sizeof(char *)) : NULL;

        if (!bigger) {
                free(s);
                return -ENOMEM;
        }
        bigger[n] = s;
        bigger[n + 1] = NULL;
        *v = bigger;
        return 0;
}

int strv_append(char ***v, const char *s) {
        return strv_push(v, strdup(s));
}

int strv_append_printf(char ***v, const char *format, ...) {
        char *s = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&s, format, ap) < 0)
                s = NULL;
        va_end(ap);
        return strv_push(v, s);
}

char **strv_copy(char *const *v) {
        _cleanup_strv_ char **copy = NULL;

        STRV_FOREACH(s, v)
        if (strv_append(&copy, *s) < 0)
                return NULL;
        return TAKE_PTR(copy);
}

const char *strv_find(char *const *v, const char *s) {
        STRV_FOREACH(e, v)
        if (streq(*e, s))
                return *e;
        return NULL;
}

int strv_env_set(char ***v, const char *assignment) {
        size_t name = strcspn(assignment, "=");

        for (char **e = *v; e && *e; e++)
                if (strncmp(*e, assignment, name) == 0 && (*e)[name] == '=') {
                        char *copy = strdup(assignment);
                        if (!copy)
                                return -ENOMEM;
                        free(*e);
                        *e = copy;
                        return 0;
                }
        return strv_append(v, assignment);
}

const char *strv_env_get(char *const *v, const char *name) {
        STRV_FOREACH(e, v) {
                const char *value = startswith(*e, name);
                if (value && *value == '=')
                        return value + 1;
        }
        return NULL;
}
