/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the header of an encrypted partition says without being understood as a whole. */

#include <stdint.h>

#include "macros.h"

typedef struct LuksHeader {
        unsigned version;    /* 1 or 2 */
        bool integrity;      /* 2: it seems to say that what is read is authenticated, too */
        uint32_t iterations; /* 1: the greatest number that unlocking may take; in 2 they are in its JSON text */
        uint32_t stripes;    /* 1: how many pieces a key is spread over, at most */
        uint32_t key_size;   /* 1: in bytes */
} LuksHeader;

/* Reads the header at offset. -EBADMSG: there is none. */
int luks_header_read(int fd, uint64_t offset, LuksHeader *ret) _must_check_;
