/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of sections and assignments, as systemd writes them:
 *
 *     [Section]
 *     Key=value        blanks around key and value do not count
 *     # comment        ";" works too; only at the start of a line
 *     Key=a value \
 *         continued    a backslash at the end of a line becomes a space; comment lines in between are skipped
 */

#include <stddef.h>

typedef struct IniLine {
        const char *section; /* NULL before the first section */
        const char *key;     /* NULL: the line is neither a section, an assignment, nor a comment */
        const char *value;   /* "" for "Key=" */
        unsigned number;     /* of the line it starts on, from 1 */
} IniLine;

/* Anything negative ends the parsing and becomes ini_parse()'s result. */
typedef int (*ini_handler_t)(const IniLine *line, void *userdata);

/* Calls the handler for each assignment, in order. text is a NUL-terminated buffer of size bytes, which is
 * written to. A NUL inside of it is -EBADMSG, and nothing is handled then. */
int ini_parse(char *text, size_t size, ini_handler_t handler, void *userdata);
