/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ephemeral machine runs on: a copy of its source that is made at once, or the source under a layer. */

#include "config/config.h"
#include "host/temporary.h"

/* Makes a copy in constant time where the file system can: a snapshot of a btrfs subvolume, a clone of a disk image.
 * The source may be in use. 1: *source_fd, an fd for the source, is now one for the copy, an image's open for
 * writing. 0: this is not possible here. Logs. */
int ephemeral_copy(Temporaries *t, const SourceConfig *source, int *source_fd) _must_check_;

/* The same for a source that is in use, so that no layer can stand on it: file by file, sharing their blocks. Logs,
 * also -EBUSY: it cannot be had. */
int ephemeral_copy_in_use(Temporaries *t, const SourceConfig *source, bool quiet, int *source_fd) _must_check_;

/* Makes a directory for the layer. *ret stays NULL where the place beside the source cannot hold one: then memory has
 * to. Logs. */
int ephemeral_make_layer(Temporaries *t, const SourceConfig *source, int source_fd, char **ret) _must_check_;
