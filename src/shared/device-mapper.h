/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices of device-mapper that exist already. Making them is libcryptsetup's work. */

#include "macros.h"

#define DM_NAME_SIZE 128u

/* Opens the device of that name. It may have no node in /dev/mapper. */
int dm_open(const char *name, int flags) _must_check_;

/* Takes the device back, or has the kernel do so once nobody uses it any more: it can go on being opened and mounted
 * until the last fd is closed and the last mount is gone. That there is none of that name is success. */
int dm_remove_when_unused(const char *name);

/* The node that libdevmapper has made for it, where no udev looks after nodes. */
void dm_remove_node(const char *name);
