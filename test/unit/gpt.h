/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For tests and the fuzzer: partition tables made by hand, on a file in memory. */

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "macros.h"

typedef struct GptEntry {
        sd_id128_t type, uuid;
        uint64_t first, last; /* sectors, both included */
        uint64_t attributes;
        uint16_t name[36];
} __attribute__((packed)) GptEntry;

typedef struct GptHeader {
        char signature[8];
        uint32_t revision, header_size, header_crc, reserved;
        uint64_t my_lba, other_lba, first_lba, last_lba;
        uint8_t disk_guid[16];
        uint64_t entries_lba;
        uint32_t n_entries, entry_size, entries_crc;
} __attribute__((packed)) GptHeader;

static inline uint32_t crc32_of(const void *data, size_t size) {
        const uint8_t *p = data;
        uint32_t crc = ~UINT32_C(0);

        while (size-- > 0) {
                crc ^= *p++;
                for (unsigned i = 0; i < 8; i++)
                        crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
        }
        return ~crc;
}

/* On the disk, the first three fields of an ID are little-endian numbers. */
static inline sd_id128_t gpt_swap(sd_id128_t id) {
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        sd_id128_t swapped;

        for (size_t i = 0; i < 16; i++)
                swapped.bytes[i] = id.bytes[order[i]];
        return swapped;
}

/* Makes the checksums fit. The entries must follow the header in the next sector. */
static inline void gpt_seal(GptHeader *h, const void *entries, size_t entries_size) {
        h->entries_crc = htole32(crc32_of(entries, entries_size));
        h->header_crc = 0;
        h->header_crc = htole32(crc32_of(h, sizeof(*h)));
}
