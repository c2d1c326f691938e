/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers, time spans, signals and words out of text. All of them take the whole string or fail with -EINVAL
 * (or -ERANGE for a number out of bounds), and leave the out-parameter alone when they fail. */

#include <stdint.h>

#include "macros.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/* 1 or 0 for yes/no, true/false, on/off, 1/0 and the single letters y n t f, in any case. */
int parse_bool(const char *s);

/* Decimal digits only: no sign, no space, no prefix. */
int parse_unsigned(const char *s, uint64_t max, uint64_t *ret);
int parse_int(const char *s, int min, int max, int *ret);

/* A number such as "512" or "1.5G", with an optional suffix K, M, G, T, P or E, each base (1024 for bytes of memory, or
 * 1000) times the one before, and an optional B. */
int parse_size(const char *s, unsigned base, uint64_t *ret);

/* A percentage such as "12.5%", in hundredths of a percent. */
int parse_percentage(const char *s, uint64_t *ret);

/* A time span such as "90", "1min 30s", "1.5h" or "infinity", in microseconds. A number without a unit counts
 * in units of default_unit_usec. */
int parse_timespan(const char *s, uint64_t default_unit_usec, uint64_t *ret_usec);

/* The number of a signal given by number or name, with or without "SIG"; RTMIN+n and RTMAX-n too. */
int parse_signal(const char *s);

/* Takes the next word off *s: words are separated by any of the separators, quotes ('…' and "…") hold
 * separators, a backslash outside single quotes takes the next character as it is. Returns 1 and a new
 * string, 0 at the end, -EINVAL for an open quote or a backslash at the end. */
int split_word(const char **s, const char *separators, char **ret) _must_check_;

/* Takes the next field off *s. Empty fields count; a backslash takes the next character as it is. Returns 1
 * and a new string, 0 when the text is used up (*s is then NULL), -EINVAL for a backslash at the end. */
int split_field(const char **s, char separator, char **ret) _must_check_;

/* Resolves the backslash escapes of C (\n, \x41, \101, \u00e4 …). The result may hold NUL bytes; a NUL that
 * is not counted in *ret_size follows it. */
int unescape_c(const char *s, char **ret, size_t *ret_size) _must_check_;
