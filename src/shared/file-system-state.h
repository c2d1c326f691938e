/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a file system says of itself before it is mounted: whether it was left in order, and whether it wants more than
 * the device it is on. */

#include <stdint.h>

#include "macros.h"

typedef enum FileSystemState {
        FILE_SYSTEM_CLEAN,   /* or of a type that needs no checker */
        FILE_SYSTEM_DIRTY,   /* errors, an unfinished journal, or a check is due */
        FILE_SYSTEM_UNKNOWN, /* only its checker can tell */
} FileSystemState;

/* Looks at the file system of type fstype on fd, which is open for reading: a few hundred bytes of it. now is in
 * seconds since 1970. What is read is not trusted, and what makes no sense is FILE_SYSTEM_UNKNOWN. */
FileSystemState file_system_state(int fd, const char *fstype, uint64_t now);

/* Whether the kernel, mounting it, would open other block devices, which the file system names by itself: an external
 * journal of ext4, the further devices of f2fs and btrfs. read_only: mounted without looking at the journal. */
bool file_system_names_devices(int fd, const char *fstype, bool read_only);
