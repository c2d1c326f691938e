/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making untrusted text safe to show. */

#include <stddef.h>

/* Copies text to out (size bytes, always terminated, cut if it does not fit), with control characters and
 * bytes that are not valid UTF-8 written as \xNN. Terminal sequences in the text so lose their power. */
void escape_control(const char *text, char *out, size_t size);
