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
        bool direct;       /* read and write past the host's page cache, if what is behind can */
        const char *share; /* of a file that is only read: a device made by an equal request will do; NULL: no other */
} LoopRequest;

/* Attaches a free loop device, or finds one to share, and returns an fd for it. The device goes away by itself with the
 * last fd for it and the last mount of it. Waits up to two seconds where others are quicker to take the free one.
 * -ENOENT or -EACCES: loop devices cannot be had here. */
int loop_attach(const LoopRequest *request) _must_check_;

/* Waits until nothing has the device mounted or uses it for another device: -EBUSY if that takes longer. Any block
 * device will do. */
int loop_wait_unused(int loop_fd, uint64_t timeout_usec) _must_check_;

/* What is or can be behind a loop device, in the terms of stat(2). */
typedef struct LoopBacking {
        dev_t device; /* that holds the file */
        ino_t inode;
        dev_t rdevice; /* of a block device; 0 for a file */
} LoopBacking;

/* Returns the loop device's number. -ENOTTY or -ENXIO: this is no loop device, or none that is attached. */
int loop_backing(int loop_fd, LoopBacking *ret) _must_check_;

/* The number of a loop device with this behind it that somebody has mounted or opened exclusively, but for the one
 * of the number except (-1 for none). only_writable: those that are read only do not count. A file that our own
 * paths do not lead to is not found. -ENOENT if there is none. */
int loop_find_busy(const LoopBacking *backing, bool only_writable, int except) _must_check_;

/* "/dev/loopN" if that is where the device is, else a path that is good in this process only. Also for a device on top
 * of it, which is "/dev/dm-N". */
void loop_path(int fd, char *ret, size_t size);
