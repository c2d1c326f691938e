/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A disk image whose partitions are attached: made by host/image.c, mounted by guest/image.c at every
 * start. */

#include "plan/image.h"

typedef struct Image {
        const char *path; /* on the host, for messages; borrowed */
        ImagePlan plan;
        int loop_fds[_IMAGE_PLACE_MAX]; /* by place; what is not used is -EBADF */
} Image;

#define IMAGE_NONE ((Image){ .loop_fds = { [0 ... _IMAGE_PLACE_MAX - 1] = -EBADF } })
