/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. The terminal paints with a background that the guest's programs reset
 * all the time, so the color is set again after each of the three ways to do that: SGR sequences (CSI … m) that end
 * up with the default background, the soft reset (CSI ! p) and the full one (ESC c). The guest's output itself passes
 * unchanged. The scanner knows as much of the grammar of control sequences as it takes to tell these from anything
 * else, in a few numbers whatever the guest sends; plain text costs one memchr(). A sequence that it misreads costs
 * the guest its color, no more. */

#include "supervise/tint.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
        BELL = 0x07,
        CANCEL = 0x18,
        SUBSTITUTE = 0x1a,
        ESCAPE = 0x1b,
};

#define PARAMETER_MAX 1000u
#define SKIP_KIND UINT_MAX /* after 38, 48 or 58: the next parameter tells how many more belong to it */

void tint_init(Tint *t, const char *color) {
        int n;

        *t = (Tint){};
        n = snprintf(t->sequence, sizeof(t->sequence), "\033[%.*sm", (int) TINT_COLOR_MAX, color);
        t->length = (size_t) n;
}

/* ESC c is the shortest thing that something is put in after, and the first byte may be the end of one. */
size_t tint_fitting(const Tint *t, size_t space) {
        size_t n = space / (t->length + 2);

        if (t->length == 0)
                return space;
        return n > 0 ? n * 2 - 1 : 0;
}

static void begin_parameter(Tint *t) {
        t->parameter = 0;
        t->counted = true;
}

static void begin_csi(Tint *t) {
        t->state = TINT_CSI;
        t->plain = true;
        t->soft = t->bare = false;
        t->skip = 0;
        begin_parameter(t);
}

static void end_parameter(Tint *t) {
        unsigned p = t->parameter;

        if (t->skip == SKIP_KIND)
                t->skip = p == 5 ? 1 : p == 2 ? 3 : 0;
        else if (t->skip > 0)
                t->skip--;
        else {
                if (p == 0 || p == 49)
                        t->bare = true;
                else if ((p >= 40 && p <= 48) || (p >= 100 && p <= 107))
                        t->bare = false;
                /* With colons, all of the color is in the one parameter. */
                if (t->counted && (p == 38 || p == 48 || p == 58))
                        t->skip = SKIP_KIND;
        }
}

/* A digit, a separator, or another byte of the middle. */
static void csi_middle(Tint *t, uint8_t c) {
        if (c == ';') {
                end_parameter(t);
                begin_parameter(t);
        } else if (c == ':')
                t->counted = false;
        else if (c >= '0' && c <= '9') {
                if (t->counted)
                        t->parameter = MIN(t->parameter * 10 + (c - '0'), PARAMETER_MAX);
        } else {
                t->soft = c == '!' && t->plain;
                t->plain = false;
        }
}

static bool csi_byte(Tint *t, uint8_t c) {
        if (c < 0x20 || c == 0x7f)
                return false; /* done at once by the terminal, in the midst of the sequence */
        if (c < 0x40) {
                csi_middle(t, c);
                return false;
        }
        t->state = TINT_TEXT;
        if (c == 'm' && t->plain) {
                end_parameter(t);
                return t->bare;
        }
        return c == 'p' && t->soft;
}

static bool escape_byte(Tint *t, uint8_t c) {
        if (c == '[') {
                begin_csi(t);
                return false;
        }
        if (c < 0x30) {
                if (c >= 0x20)
                        t->state = TINT_ESCAPE_LONG;
                return false;
        }
        t->state = c < 0x80 && strchr("]PX^_", c) ? TINT_STRING : TINT_TEXT;
        return c == 'c';
}

/* Other than a backslash, what follows ESC ends the string and is the second byte of a sequence; but terminals in
 * terminals pass sequences through in strings, with each ESC doubled. */
static bool string_escape_byte(Tint *t, uint8_t c) {
        if (c == '\\') {
                t->state = TINT_TEXT;
                return false;
        }
        t->state = TINT_ESCAPE;
        return escape_byte(t, c);
}

/* Takes one byte; true if the color is gone after it. */
static bool step(Tint *t, uint8_t c) {
        if (c == CANCEL || c == SUBSTITUTE || (c == BELL && t->state == TINT_STRING)) {
                t->state = TINT_TEXT;
                return false;
        }
        if (c == ESCAPE) {
                t->state = t->state == TINT_STRING       ? TINT_STRING_ESCAPE
                        : t->state == TINT_STRING_ESCAPE ? TINT_STRING
                                                         : TINT_ESCAPE;
                return false;
        }
        switch (t->state) {
        case TINT_ESCAPE:
                return escape_byte(t, c);
        case TINT_ESCAPE_LONG:
                t->state = c >= 0x30 ? TINT_TEXT : TINT_ESCAPE_LONG;
                return false;
        case TINT_CSI:
                return csi_byte(t, c);
        case TINT_STRING_ESCAPE:
                return string_escape_byte(t, c);
        case TINT_TEXT:
        case TINT_STRING:
                break;
        }
        return false;
}

size_t tint_scan(Tint *t, const uint8_t *data, size_t size, bool *ret_again) {
        bool again = false;
        size_t i = 0;

        while (i < size && !again) {
                if (t->state == TINT_TEXT) {
                        const uint8_t *escape = memchr(data + i, ESCAPE, size - i);

                        i = escape ? (size_t) (escape - data) : size;
                }
                if (i < size)
                        again = step(t, data[i++]);
        }
        *ret_again = again;
        return i;
}
