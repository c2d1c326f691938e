/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The order of version strings, by the UAPI group's Version Format Specification: "1.9" < "1.10", "1~rc1"
 * < "1". */

#include "macros.h"

/* Less than, equal to or greater than zero, as strcmp(). */
int version_compare(const char *a, const char *b);
