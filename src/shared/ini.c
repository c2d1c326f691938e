/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the text is cut up in place, so that its size bounds all memory and time. Continued
 * lines are joined by moving their parts together within the same buffer, which always has the room since the
 * newline and the comment lines between them go away. The text may come from an untrusted place. */

#include "ini.h"

#include "macros.h"

static const char blanks[] = " \t\r\v\f";

static char *strip(char *s) {
        size_t n;

        s += strspn(s, blanks);
        n = strlen(s);
        while (n > 0 && strchr(blanks, s[n - 1]))
                n--;
        s[n] = 0;
        return s;
}

/* Takes the next physical line off *text; NULL at the end. */
static char *take_line(char **text, unsigned *number) {
        char *line = *text, *end;

        if (!*line)
                return NULL;
        end = strchrnul(line, '\n');
        *text = *end ? end + 1 : end;
        *end = 0;
        ++*number;
        return line;
}

static bool is_comment(const char *line) {
        line += strspn(line, blanks);
        return *line == '#' || *line == ';';
}

/* Whether the line goes on in the next one; the backslash is then turned into a space. */
static bool take_continuation(char *line, size_t *length) {
        size_t n = *length;

        if (n > 0 && line[n - 1] == '\r')
                n--;
        if (n == 0 || line[n - 1] != '\\')
                return false;
        line[n - 1] = ' ';
        line[n] = 0;
        *length = n;
        return true;
}

/* The next logical line: continuations joined, comments dropped. */
static char *take_logical_line(char **text, unsigned *number, unsigned *ret_first) {
        char *line, *more;
        size_t length;

        do
                line = take_line(text, number);
        while (line && is_comment(line));
        if (!line)
                return NULL;

        *ret_first = *number;
        length = strlen(line);
        while (take_continuation(line, &length)) {
                size_t n;

                do
                        more = take_line(text, number);
                while (more && is_comment(more));
                if (!more)
                        break;
                n = strlen(more);
                memmove(line + length, more, n + 1);
                length += n;
        }
        return strip(line);
}

/* "[Name]" gives Name, anything else NULL. */
static char *section_name(char *line) {
        size_t n = strlen(line);

        if (n < 3 || line[0] != '[' || line[n - 1] != ']')
                return NULL;
        line[n - 1] = 0;
        return line + 1;
}

int ini_parse(char *text, size_t size, ini_handler_t handler, void *userdata) {
        const char *section = NULL;
        unsigned number = 0;

        if (strlen(text) != size)
                return -EBADMSG;
        if (startswith(text, "\xef\xbb\xbf")) /* the byte order mark some editors write */
                text += 3;

        for (;;) {
                IniLine item = {};
                char *line, *name, *equals;
                int r;

                line = take_logical_line(&text, &number, &item.number);
                if (!line)
                        return 0;
                if (!*line)
                        continue;
                name = section_name(line);
                if (name) {
                        section = name;
                        continue;
                }

                item.section = section;
                equals = strchr(line, '=');
                if (equals && equals > line) {
                        *equals = 0;
                        item.key = strip(line);
                        item.value = strip(equals + 1);
                }
                r = handler(&item, userdata);
                if (r < 0)
                        return r;
        }
}
