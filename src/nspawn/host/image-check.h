/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The checkers of file systems, fsck.TYPE, for those of an image that are going to be written. */

#include "macros.h"

/* Checks the file system of type fstype on the device fd, which is open for reading and writing and not mounted,
 * and has it repaired as far as its checker does that by itself. A file system that says that it is clean costs
 * one read. -EUCLEAN: it is damaged beyond that; -ETIMEDOUT: it took too long; -ECANCELED: SIGTERM or SIGINT, which
 * are blocked and stay pending, came meanwhile. path and what are for messages ("a.raw", "root"). Logs. */
int image_check(int fd, const char *fstype, const char *path, const char *what) _must_check_;
