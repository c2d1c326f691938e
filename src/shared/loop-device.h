/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Loop devices: block devices made of a part of a file or of another block device. They are found by
 * number, not by the nodes of /dev, which a container may lack. */

#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

typedef struct LoopRequest {
        int fd; /* of what is behind it; stays the caller's, and decides by its mode what can be written */
        uint64_t offset, size; /* bytes, multiples of sector_size */
        unsigned sector_size;  /* of the new device: 512 to 4096 */
        bool read_only;
        bool direct;      /* read and write past the host's page cache, if what is behind can */
        const char *name; /* shown by losetup, cut off at 63 bytes; NULL for none */
} LoopRequest;

/* Attaches a free loop device and returns an fd for it. The device goes away by itself with the last fd
 * for it and the last mount of it. Waits up to two seconds where others are quicker to take the free one.
 * -ENOENT or -EACCES: loop devices cannot be had here. */
int loop_attach(const LoopRequest *request) _must_check_;

/* Waits until nothing has the device mounted: -EBUSY if that takes longer. */
int loop_wait_unused(int loop_fd, uint64_t timeout_usec) _must_check_;

/* "/dev/loopN" if that is where the device is, else a path that is good in this process only. */
void loop_path(int loop_fd, char *ret, size_t size);
