/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys by which the person at an interactive console controls the machine itself. */

#include <stdint.h>

#include "macros.h"

typedef enum Hotkey {
        HOTKEY_NONE,
        HOTKEY_KILL,     /* ^] ^] ^] */
        HOTKEY_REBOOT,   /* ^] ^] r */
        HOTKEY_POWEROFF, /* ^] ^] p */
} Hotkey;

/* Zero-initialise. */
typedef struct HotkeyScanner {
        unsigned n_escapes;      /* ^] right before the next byte: 0, 1 or 2 */
        uint64_t escape_usec[2]; /* when the last two arrived, older first */
} HotkeyScanner;

/* Looks at the next byte typed, at this time (µs, any clock). Other than HOTKEY_NONE: the byte completed
 * this hot key and is not meant for the guest. */
Hotkey hotkey_scan(HotkeyScanner *s, uint8_t byte, uint64_t now_usec);
