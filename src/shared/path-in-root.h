/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Paths below a root that is a directory fd. Nothing here leaves that root, whatever the tree holds: symlinks
 * resolve inside it and magic links (/proc/PID/root and such) are refused. Paths may begin with "/". */

#include <sys/types.h>

#include "macros.h"

/* openat2(2) in the root. flags as for open(2); O_CLOEXEC is added. Negative errno on failure. */
int root_open(int root_fd, const char *path, int flags) _must_check_;

/* Opens a directory (O_PATH), making what is missing on the way with this mode. */
int root_mkdir(int root_fd, const char *path, mode_t mode) _must_check_;

/* Opens (O_PATH) something to mount on: a directory or an empty regular file, made if missing, its parents
 * with mode 0755. Where something of the other kind stands: -ENOTDIR or -EISDIR; a node that is neither is
 * fine to mount a file on. The last part of the path is followed if it is a symlink. */
int root_mount_point(int root_fd, const char *path, bool directory) _must_check_;

/* Opens the parent directory (O_PATH, made if missing when make is set); *ret_name points at the last part of
 * path itself. -EINVAL for "/" and names that end in "." or "..". */
int root_open_parent(int root_fd, const char *path, bool make, const char **ret_name) _must_check_;

/* Makes a symlink. Existing and equal is fine; anything else there: -EEXIST. */
int root_symlink(int root_fd, const char *target, const char *path) _must_check_;

/* Puts a regular file (mode 0644) or a symlink in the place of whatever is at path, atomically; a directory
 * there: -EISDIR. The final symlink is replaced, not followed. */
int root_replace_file(int root_fd, const char *path, const void *data, size_t size) _must_check_;
int root_replace_symlink(int root_fd, const char *target, const char *path) _must_check_;

/* Reads a regular file of at most max bytes, symlinks followed inside the root. A FIFO or device: -EBADF. */
int root_read_file(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size) _must_check_;

/* access(2) with F_OK, inside the root, without following a final symlink. */
bool root_exists(int root_fd, const char *path);
