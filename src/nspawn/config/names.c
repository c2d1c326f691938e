/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure predicates. Machine names become file names, cgroup names, bus object paths and
 * host names, so they are held to what all of those can take. */

#include "names.h"

#include <limits.h>

#define MACHINE_NAME_MAX 64
#define INTERFACE_NAME_MAX 15

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool machine_name_is_valid(const char *s) {
        char previous = '.';

        if (!*s || strlen(s) > MACHINE_NAME_MAX)
                return false;
        for (; *s; previous = *s++)
                if (*s == '.'           ? previous == '.' || previous == '-'
                            : *s == '-' ? previous == '.'
                                        : !is_alphanumeric(*s))
                        return false;
        return previous != '.' && previous != '-';
}

int machine_name_clean(const char *s, char **ret) {
        char name[MACHINE_NAME_MAX + 1];
        size_t n = 0;

        for (; *s && n < MACHINE_NAME_MAX; s++) {
                int previous = n > 0 ? name[n - 1] : '.';

                if (is_alphanumeric(*s) || (*s == '-' && previous != '.') ||
                    (*s == '.' && previous != '.' && previous != '-'))
                        name[n++] = *s;
        }
        while (n > 0 && !is_alphanumeric(name[n - 1]))
                n--;
        if (n == 0)
                return -EINVAL;

        name[n] = 0;
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}

bool interface_name_is_valid(const char *s) {
        bool only_digits = true;

        if (!*s || strlen(s) > INTERFACE_NAME_MAX)
                return false;
        if (streq(s, ".") || streq(s, "..") || streq(s, "all") || streq(s, "default"))
                return false;
        for (; *s; s++) {
                if (*s <= ' ' || *s >= 0x7f || strchr("/:%\"\'\\", *s)) /* also the bytes above ASCII, if signed */
                        return false;
                only_digits = only_digits && is_digit(*s);
        }
        return !only_digits;
}

bool variable_name_is_valid(const char *s, size_t length) {
        if (length == 0 || is_digit(*s))
                return false;
        for (size_t i = 0; i < length; i++)
                if (!is_alphanumeric(s[i]) && s[i] != '_')
                        return false;
        return true;
}

bool user_name_is_valid(const char *s) {
        if (!*s || *s == '-' || streq(s, ".") || streq(s, "..") || strlen(s) > 256)
                return false;
        for (; *s; s++)
                if ((unsigned char) *s <= ' ' || *s == 0x7f || *s == ':' || *s == '/')
                        return false;
        return true;
}

bool account_name_is_valid(const char *s) {
        if (strlen(s) > 31 || isempty(s) || (is_digit(*s) || *s == '.' || *s == '-'))
                return false;
        for (; *s; s++)
                if (!is_alphanumeric(*s) && !strchr("_.-", *s))
                        return false;
        return true;
}

bool file_name_is_valid(const char *s) {
        if (!*s || streq(s, ".") || streq(s, "..") || strlen(s) > NAME_MAX)
                return false;
        for (; *s; s++)
                if ((unsigned char) *s < ' ' || *s == 0x7f || *s == '/')
                        return false;
        return true;
}
