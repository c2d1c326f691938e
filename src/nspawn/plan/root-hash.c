/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure. */

#include "plan/root-hash.h"

#include "hex.h"

void root_hash_done(RootHash *hash) {
        free(hash->signature);
        *hash = (RootHash){};
}

int root_hash_parse(const char *text, RootHash *ret) {
        size_t n = strcspn(text, " \t\r\n");
        int r;

        if (text[n + strspn(text + n, " \t\r\n")])
                return -EINVAL;
        r = hex_decode(text, n, ret->bytes, sizeof(ret->bytes));
        if (r < 0 || (unsigned) r < ROOT_HASH_SIZE_MIN)
                return -EINVAL;
        ret->size = (size_t) r;
        return 0;
}

bool root_hash_is_of_data(const RootHash *hash, const uint8_t uuid[static 16]) {
        return hash->size >= 16 && memcmp(hash->bytes, uuid, 16) == 0;
}

bool root_hash_is_of_hashes(const RootHash *hash, const uint8_t uuid[static 16]) {
        return hash->size >= 16 && memcmp(hash->bytes + hash->size - 16, uuid, 16) == 0;
}

/* Each level has a digest for each block of the one below, in slots of a power of two; the topmost is one block. */
bool hash_tree_fits(const HashTree *tree, uint64_t data_size, uint64_t hashes_size) {
        uint64_t slot = 1, per_block, blocks = tree->data_blocks, room;

        while (slot < tree->digest_size)
                slot *= 2;
        if (blocks == 0 || tree->data_block_size == 0 || tree->hash_block_size < 2 * slot)
                return false;
        if (blocks > data_size / tree->data_block_size || tree->offset > hashes_size)
                return false;
        per_block = tree->hash_block_size / slot;
        room = (hashes_size - tree->offset) / tree->hash_block_size;
        do {
                blocks = blocks / per_block + (blocks % per_block != 0);
                if (blocks > room)
                        return false;
                room -= blocks;
        } while (blocks > 1);
        return true;
}
