/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A disk image whose partitions are attached: made by host/image.c, mounted by guest/image.c at every
 * start. */

#include "plan/image.h"

typedef struct Image {
        const char *path; /* on the host, for messages; borrowed */
        ImagePlan plan;
        int loop_fds[_IMAGE_PLACE_MAX];   /* by place; what is not used is -EBADF */
        int mapped_fds[_IMAGE_PLACE_MAX]; /* on top of those: what is deciphered or checked, or -EBADF */
        int hashes_fd;                    /* the loop device with the hashes of dm-verity, or -EBADF */
} Image;

#define IMAGE_NONE                                                                                                    \
        ((Image){                                                                                                     \
                .loop_fds = { [0 ... _IMAGE_PLACE_MAX - 1] = -EBADF },                                                \
                .mapped_fds = { [0 ... _IMAGE_PLACE_MAX - 1] = -EBADF },                                              \
                .hashes_fd = -EBADF,                                                                                  \
        })

/* The device with the file system. */
static inline int image_device(const Image *image, ImagePlace place) {
        return image->mapped_fds[place] >= 0 ? image->mapped_fds[place] : image->loop_fds[place];
}
