/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Looking at what is on a disk image, and deciding how it is used. */

#include "config/config.h"
#include "engine/image.h"
#include "host/image-verity.h"

typedef struct ImageProbe {
        const SourceConfig *source;
        const char *allowed; /* file systems that may be mounted, separated by colons */
        char **names;        /* the same, and LUKS */
        ImageVerity verity;
} ImageProbe;

/* Fills image->plan: which partitions are used, what is in them, and how they are protected. fd is the image, open for
 * reading. Logs. */
int image_probe(ImageProbe *probe, Image *image, int fd, bool read_only) _must_check_;

/* Corrects the plan by what is to be seen on the mapped device of a place. Logs. */
int image_probe_mapped(const ImageProbe *probe, Image *image, ImagePlace place) _must_check_;

void image_probe_done(ImageProbe *probe);
