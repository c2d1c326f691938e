/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Capabilities as names and as sets. A set is an uint64_t in which bit n stands for capability n; all ones is
 * "all", the ones of newer kernels included. */

#include <stdint.h>

#define CAPABILITY_ALL UINT64_MAX

/* What a machine has when nothing is said about it. */
extern const uint64_t capability_default_set;

/* The number of a capability given as "cap_…" in any case or as a number, or -EINVAL. */
int capability_from_name(const char *name);

/* "cap_chown" and so on in order, NULL behind the last. */
const char *capability_name(unsigned n);
