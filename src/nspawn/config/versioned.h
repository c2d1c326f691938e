/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Directories of versions, as of systemd.v(7): of NAME.raw.v/NAME_1.raw and NAME.raw.v/NAME_2.raw the newer
 * one is taken. */

#include <stdbool.h>

/* If *path is "….v" or "….v/NAME___SUFFIX", it becomes the path of the newest version for this computer: of a disk
 * image or disk, else of a directory. suffix is what such names end in by custom, "" for nothing. *named becomes what
 * the machine is named after: the path without ".v", or without "___". Both are owned and absolute. Returns 1 if a
 * version was picked, 0 if the path does not ask for it, or -ENOENT and the like, logged. */
int versioned_pick(char **path, char **named, const char *suffix, bool image);
