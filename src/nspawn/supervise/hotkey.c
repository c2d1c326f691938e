/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, on every byte typed at an interactive console. Two escapes
 * (^], 0x1d, which is never part of a UTF-8 sequence) and a third byte within a second of the first make a
 * hot key. Only that third byte is kept from the guest: holding back an escape until it is clear what
 * follows would delay each ^] typed for an editor or telnet inside, and what a guest sees just before it
 * is stopped matters little. So there is no timer and nothing to flush, and sequences may arrive in any
 * number of reads. */

#include "hotkey.h"

#define ESCAPE 0x1d
#define WINDOW_USEC UINT64_C(1000000)

static Hotkey meaning(uint8_t byte) {
        switch (byte) {
        case ESCAPE:
                return HOTKEY_KILL;
        case 'r':
                return HOTKEY_REBOOT;
        case 'p':
                return HOTKEY_POWEROFF;
        default:
                return HOTKEY_NONE;
        }
}

Hotkey hotkey_scan(HotkeyScanner *s, uint8_t byte, uint64_t now_usec) {
        if (s->n_escapes == 2 && now_usec - s->escape_usec[0] <= WINDOW_USEC && meaning(byte) != HOTKEY_NONE) {
                *s = (HotkeyScanner){};
                return meaning(byte);
        }
        if (byte != ESCAPE) {
                s->n_escapes = 0;
                return HOTKEY_NONE;
        }
        if (s->n_escapes == 2)
                s->escape_usec[0] = s->escape_usec[1];
        else
                s->n_escapes++;
        s->escape_usec[s->n_escapes - 1] = now_usec;
        return HOTKEY_NONE;
}
