/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Socket address families by name. The table is made when the program is built, from the C library's headers. */

#include "macros.h"

typedef struct AddressFamily {
        const char *name; /* "AF_UNIX"; some families have several */
        int number;       /* below 64 */
} AddressFamily;

extern const AddressFamily address_families[];
extern const size_t n_address_families;

/* The number of a family; -EINVAL if there is none of this name. */
int address_family_from_name(const char *name);
