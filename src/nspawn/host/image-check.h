/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is to be known of a file system of an image before it is mounted. */

#include "macros.h"

/* Looks at the file system of type fstype on the device fd, which is open for reading, and not mounted. One that
 * would have the kernel open other devices is -EPERM.
 *
 * Unless it is read_only, and then fd is open for writing too, it is checked, and repaired as far as its checker
 * (fsck.TYPE) does that by itself. One that says that it is clean costs one read. -EUCLEAN: it is damaged beyond
 * that; -ETIMEDOUT: it took too long; -ECANCELED: SIGTERM or SIGINT, which are blocked and stay pending, came
 * meanwhile.
 *
 * path and what are for messages ("a.raw", "root"). Logs. */
int image_check(int fd, const char *fstype, bool read_only, const char *path, const char *what) _must_check_;
