/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The partitions of a disk image that are encrypted or checked: opening the devices on top of them. */

#include "config/config.h"
#include "engine/image.h"
#include "host/passphrase.h"

typedef struct ImageMapping {
        const SourceConfig *source;
        int runtime_fd;
        const RootHash *hash; /* of the slot that dm-verity checks */
        Secret key;           /* the one that opened the last encrypted partition; ours to free */
} ImageMapping;

void image_mapping_done(ImageMapping *mapping);
#define _cleanup_image_mapping_ _cleanup_(image_mapping_done)

/* Opens the device on top of an attached slot, as the slot's protection says, and sets mapped_fds. Asks for a
 * passphrase where no key is given. image_detach() is the reversal. Logs. */
int image_map_slot(Image *image, ImagePlace place, ImageMapping *mapping) _must_check_;

/* Has the kernel remove what a dead machine may have left: the devices that its runtime directory tells of. */
void image_mapping_remove_recorded(int runtime_fd);
