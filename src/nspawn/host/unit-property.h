/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* NAME=VALUE as unit files and --property= write it, as the typed properties the service manager takes. */

#include <systemd/sd-bus.h>

#include "macros.h"

/* Appends what one assignment means to an open "a(sv)" array of m. A name that is not in the table or a value
 * that does not parse is logged with the assignment and returned as -EINVAL. */
int unit_property_append(sd_bus_message *m, const char *assignment) _must_check_;

/* True if some assignment is to this name. */
bool unit_property_given(char *const *assignments, const char *name);

/* The value of the last assignment to this name, or NULL. Borrowed. */
const char *unit_property_last(char *const *assignments, const char *name);
