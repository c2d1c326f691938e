/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes written as hexadecimal digits or in base64. */

#include <stdint.h>

#include "macros.h"

/* 0 to 15, or -1. */
int hex_value(char c);

/* Decodes n digits, an even number of them, into at most size bytes. Returns how many those are, or -EINVAL. */
int hex_decode(const char *text, size_t n, uint8_t *ret, size_t size) _must_check_;

/* Decodes n characters of base64; white space between them, and missing padding, do no harm. ret is new. -EINVAL. */
int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_size) _must_check_;
