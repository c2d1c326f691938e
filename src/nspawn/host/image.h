/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Disk images on the host's side: opening, looking at them, attaching their partitions. */

#include "config/config.h"
#include "engine/image.h"
#include "engine/undo.h"
#include "host/machine-lock.h"

/* Opens an image, or the disk at path, for reading, and for writing too if *read_only is false; where that
 * is not possible *read_only becomes true. Neither a FIFO nor a device without a medium holds it up.
 * Returns an fd; logs. */
int image_open(const char *path, bool *read_only) _must_check_;

typedef struct ImageRequest {
        const char *path;
        int fd; /* from image_open(), with what it said of read_only; stays the caller's */
        bool read_only;
        MachineLock *lock; /* the image's, taken; shared once it turns out that nothing can be written */
        const MachineConfig *config;
        int runtime_fd; /* the machine's runtime directory */
} ImageRequest;

/* Finds the partitions, attaches loop devices to those that are used, and opens what is encrypted or checked by
 * dm-verity, for which the user may be asked for a passphrase; image_detach() is the reversal. ret is IMAGE_NONE at
 * first and lives until the undo log has run, as the path does. Logs. */
int image_attach(UndoLog *undo, const ImageRequest *request, Image *ret) _must_check_;

/* Waits until a dead machine's mounts are gone, so that all it wrote is in the image on return, and closes
 * the devices, which the kernel takes back then. Also for the minder, with its copies. Logs. */
int image_detach(Image *image);
