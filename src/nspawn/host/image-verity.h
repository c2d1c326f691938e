/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known of an image's root hash: said by the user, or kept with the image or beside it. */

#include "config/config.h"
#include "plan/image.h"

typedef struct ImageVerity {
        RootHashes hashes; /* none, or a given one, or those of the image's own signatures */
        char *data_path;   /* of a file or disk with the hashes; NULL: they are on the image itself, if anywhere */
} ImageVerity;

void image_verity_done(ImageVerity *verity);

/* Looks for it. image_fd is the image at path, open for reading, and table what is on it. What source says counts for
 * the machine's one image; layers of a mount stack are on their own. Logs. */
int image_verity_find(const char *path, const SourceConfig *source, int image_fd, const PartitionTable *table,
                      ImageVerity *ret) _must_check_;
