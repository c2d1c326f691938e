/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices on top of a partition: one that checks what is read (dm-verity), one that deciphers it (LUKS), which may have
 * another one below it that checks what is deciphered (dm-integrity). */

#include <stdint.h>

#include "host/passphrase.h"

typedef struct MappedRequest {
        const char *name; /* of the new device, unique on this host */
        int data_fd;      /* the loop device with the partition */
        bool read_only;

        int hash_fd;              /* verity: the loop device with the hashes; -EBADF for LUKS */
        const uint8_t *root_hash; /* verity */
        size_t root_hash_size;
        const uint8_t *signature; /* verity: of the root hash, to be checked by the kernel; NULL for none */
        size_t signature_size;

        const Secret *key; /* LUKS */
        bool integrity;    /* LUKS: it must be encrypted with integrity */
} MappedRequest;

/* Makes the device and returns an fd for it. The device goes away by itself with the last fd for it and the last mount
 * of it; until that is settled it can be found by its name, which the caller has recorded. On failure there is no
 * device, and reason continues "cannot open its … partition: ". -EKEYREJECTED: the key, root hash or signature is not
 * the right one. -EINTR: a signal asked us to stop. */
int mapped_device_open(const MappedRequest *request, char *reason, size_t size) _must_check_;

/* Has the kernel take back the devices of that name, now or when they are no longer used. */
int mapped_device_remove(const char *name);
