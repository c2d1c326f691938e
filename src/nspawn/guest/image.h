/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: the file systems of a disk image. Each step does nothing where the machine is none. */

#include "engine/machine.h"

/* Mounts the root file system; tree_fd is the detached mount. */
int image_mount_root(StageContext *context);

/* Mounts /usr in root_fd, if it is a partition of its own. */
int image_mount_usr(StageContext *context);

/* Mounts the others in root_fd, once it is the guest's root. */
int image_mount_rest(StageContext *context);

/* A detached mount of one file system of an image, for those who make a root of several images: the root's, or where
 * there is none /usr's. measure: the machine's users are measured by it. Logs. */
int image_mount_whole(StageContext *context, const Image *image, bool measure) _must_check_;
