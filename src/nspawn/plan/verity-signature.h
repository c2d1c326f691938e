/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The contents of a partition with the signature of a root hash, by the Discoverable Partitions Specification: a JSON
 * object with the root hash and a PKCS#7 signature of it, padded with zeros. Pure. */

#include <stdint.h>

#include "macros.h"

#define ROOT_HASH_SIZE_MAX 64u
#define ROOT_HASH_SIZE_MIN 16u

typedef struct VeritySignature {
        uint8_t root_hash[ROOT_HASH_SIZE_MAX];
        size_t root_hash_size;
        uint8_t *signature; /* DER */
        size_t signature_size;
} VeritySignature;

/* Reads it. -EBADMSG: that is not what it is. */
int verity_signature_parse(const char *text, size_t size, VeritySignature *ret) _must_check_;
void verity_signature_done(VeritySignature *s);
