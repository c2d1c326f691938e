/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure. See tools/gen-address-families for the table. */

#include "config/address-family.h"

int address_family_from_name(const char *name) {
        for (size_t i = 0; i < n_address_families; i++)
                if (streq(address_families[i].name, name))
                        return address_families[i].number;
        return -EINVAL;
}
