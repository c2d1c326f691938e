/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SipHash-2-4: a keyed 64-bit hash. Names, MAC addresses and UID ranges are derived with it from stable
 * input, so its values must never change. */

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16

/* The hash as a number; its published byte order is little endian. */
uint64_t siphash24(const void *data, size_t size, const uint8_t key[static SIPHASH_KEY_SIZE]);
