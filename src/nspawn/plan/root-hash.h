/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Root hashes of dm-verity: the one number that stands for all that is on a partition. */

#include <stdint.h>

#include "plan/verity-signature.h"

typedef enum RootHashOf {
        ROOT_HASH_OF_ANY, /* the root, or /usr where there is no root */
        ROOT_HASH_OF_ROOT,
        ROOT_HASH_OF_USR,
} RootHashOf;

typedef struct RootHash {
        RootHashOf of;
        bool given; /* by the user or beside the image: nothing else may be used. false: by the image itself */
        uint8_t bytes[ROOT_HASH_SIZE_MAX];
        size_t size;
        uint8_t *signature; /* PKCS#7 in DER; NULL: there is none */
        size_t signature_size;
} RootHash;

void root_hash_done(RootHash *hash);
#define _cleanup_root_hash_ _cleanup_(root_hash_done)

/* Reads hexadecimal digits, white space after them allowed. -EINVAL: they are not, or too few or too many. */
int root_hash_parse(const char *text, RootHash *ret) _must_check_;

/* By the Discoverable Partitions Specification, the first half of the hash is the UUID of the partition with the data,
 * and the second that of the one with the hashes. */
bool root_hash_is_of_data(const RootHash *hash, const uint8_t uuid[static 16]);
bool root_hash_is_of_hashes(const RootHash *hash, const uint8_t uuid[static 16]);

/* What the superblock of the hashes says of the data and of itself. */
typedef struct HashTree {
        uint64_t data_blocks, data_block_size, hash_block_size;
        uint64_t offset; /* of the tree on its device, bytes */
        size_t digest_size;
} HashTree;

/* Whether devices of these sizes, in bytes, have room for the data and for the tree over them. */
bool hash_tree_fits(const HashTree *tree, uint64_t data_size, uint64_t hashes_size);
