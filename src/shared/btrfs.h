/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Subvolumes of btrfs: a copy of one takes the same time whatever is in it, and so does its removal. */

#include "macros.h"

/* Whether fd (O_PATH will do) is the root of a subvolume. */
bool btrfs_is_subvolume(int fd);

/* Makes an empty subvolume parent_fd/name. -ENOTTY: this is no btrfs. */
int btrfs_subvolume_make(int parent_fd, const char *name) _must_check_;

/* Makes parent_fd/name a writable snapshot of the subvolume at fd, with snapshots of the subvolumes in it in their
 * places; those that are read-only stay so. -ENOTTY, -EXDEV: parent_fd is no btrfs, or another one. On failure
 * there may be a part of it. */
int btrfs_snapshot(int fd, int parent_fd, const char *name) _must_check_;

/* Removes the subvolume parent_fd/name with all that is in it, other subvolumes included. -ENOTTY: it is none. */
int btrfs_subvolume_remove(int parent_fd, const char *name) _must_check_;
