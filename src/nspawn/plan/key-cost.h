/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an encrypted partition asks of those who would open it: its header says how much memory and work it takes to
 * make a key of a passphrase, and its author may be hostile. Pure. */

#include <stdint.h>

#include "luks-header.h"
#include "macros.h"

/* The greatest of each kind that occurs in the header; 0 where none does. */
typedef struct KeyCost {
        uint64_t iterations; /* of PBKDF2, for keys and for checking them */
        uint64_t passes;     /* of Argon2 over its memory */
        uint64_t memory_kib;
        uint64_t threads;
} KeyCost;

/* Reads them out of the JSON text of a header of LUKS2, as libcryptsetup writes it. */
KeyCost key_cost_read(const char *json);

/* Those of LUKS1, which knows PBKDF2 only. */
KeyCost key_cost_of_luks1(const LuksHeader *header);

/* Whether that is more than anybody means in earnest, or than available_kib of memory. The reason is written to
 * reason and continues "its root partition asks for …". */
bool key_cost_is_absurd(const KeyCost *cost, uint64_t available_kib, char *reason, size_t size);
