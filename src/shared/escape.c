/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a pure function over bytes. Valid UTF-8 passes, except the C0 and C1 controls, which
 * terminals obey; everything else becomes \xNN. The cut never leaves half a sequence behind. */

#include "escape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s that is safe to print, or 0. */
static size_t printable_sequence(const unsigned char *s) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c;
        size_t n;

        if (s[0] < 0x80)
                return s[0] >= 0x20 && s[0] != 0x7f;
        if ((s[0] & 0xe0) == 0xc0)
                n = 2, c = s[0] & 0x1f;
        else if ((s[0] & 0xf0) == 0xe0)
                n = 3, c = s[0] & 0x0f;
        else if ((s[0] & 0xf8) == 0xf0)
                n = 4, c = s[0] & 0x07;
        else
                return 0;

        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80) /* also stops at the terminator */
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        return c < 0xa0 ? 0 : n;
}

void escape_control(const char *text, char *out, size_t size) {
        const unsigned char *s = (const unsigned char *) text;
        size_t used = 0;

        while (*s) {
                size_t n = printable_sequence(s), need = n > 0 ? n : 4;

                if (used + need >= size)
                        break;
                if (n > 0)
                        memcpy(out + used, s, n);
                else
                        (void) snprintf(out + used, 5, "\\x%02x", *s);
                used += need;
                s += n > 0 ? n : 1;
        }
        out[used] = 0;
}
