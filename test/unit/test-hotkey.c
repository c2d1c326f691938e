/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys that end, reboot and power off a machine, byte by byte. */

#include "supervise/hotkey.h"

#include "test.h"

TEST(hot_key_scanner) {
        static const struct {
                const char *keys;
                uint64_t step_usec;
                Hotkey expected;
                unsigned n_passed;
        } cases[] = {
                { "\x1d\x1d\x1d", 500000, HOTKEY_KILL, 2 },
                { "\x1d\x1d\x1d", 500001, HOTKEY_NONE, 3 },
                { "\x1d\x1d\x1d\x1d\x1d", 500001, HOTKEY_NONE, 5 },
                { "\x1d\x1dr", 400000, HOTKEY_REBOOT, 2 },
                { "\x1d\x1dp", 0, HOTKEY_POWEROFF, 2 },
                { "\x1d\x1dx\x1dr", 0, HOTKEY_NONE, 5 },
                { "\x1dr\x1dp", 0, HOTKEY_NONE, 4 },
                { "\x1d\x1dq\x1d\x1d\x1d", 0, HOTKEY_KILL, 5 },
                { "r\xc2\x9dp", 0, HOTKEY_NONE, 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                HotkeyScanner s = {};
                Hotkey found = HOTKEY_NONE;
                unsigned passed = 0;
                uint64_t now = 123;

                for (const char *p = cases[i].keys; *p; p++, now += cases[i].step_usec) {
                        Hotkey key = hotkey_scan(&s, (uint8_t) *p, now);

                        if (key == HOTKEY_NONE)
                                passed++;
                        else
                                found = key;
                }
                ASSERT_EQ(found, cases[i].expected);
                ASSERT_EQ(passed, cases[i].n_passed);
        }
}

TEST_MAIN
