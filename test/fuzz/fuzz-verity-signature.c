/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is a partition with the signature of a root hash. What is accepted has both. */

#include <stdint.h>

#include "plan/verity-signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        VeritySignature s = {};

        if (verity_signature_parse((const char *) data, size, &s) < 0)
                return 0;
        if (s.root_hash_size < ROOT_HASH_SIZE_MIN || s.root_hash_size > ROOT_HASH_SIZE_MAX || !s.signature ||
            s.signature_size == 0)
                abort();
        verity_signature_done(&s);
        return 0;
}
