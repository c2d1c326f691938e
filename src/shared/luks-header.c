/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: libcryptsetup is who understands these headers, in a child. What is read here is known earlier,
 * or not told by it: the kind, and what LUKS1 asks of those who would open it. That LUKS2 has integrity is seen in its
 * JSON text by a name; whether that is true shows when it is opened. See the specifications of both on-disk formats. */

#include "luks-header.h"

#include <endian.h>
#include <unistd.h>

#define JSON_OFFSET 4096u
#define LUKS2_SIZE_MAX (4u << 20) /* the largest that the specification knows */
#define SLOTS 8
#define SLOT_ACTIVE 0x00ac71f3u

typedef struct Luks1Slot {
        uint32_t active, iterations;
        uint8_t salt[32];
        uint32_t offset, stripes;
} __attribute__((packed)) Luks1Slot;

typedef struct Luks1Header {
        char magic[6];
        uint16_t version;
        char cipher[32], mode[32], hash[32];
        uint32_t payload_offset, key_size;
        uint8_t digest[20], digest_salt[32];
        uint32_t digest_iterations;
        char uuid[40];
        Luks1Slot slots[SLOTS];
} __attribute__((packed)) Luks1Header;

_Static_assert(sizeof(Luks1Header) == 592, "as on disk");

typedef struct Luks2Header {
        char magic[6];
        uint16_t version;
        uint64_t size; /* with the JSON text */
} __attribute__((packed)) Luks2Header;

static void read_luks1(const Luks1Header *header, LuksHeader *ret) {
        ret->iterations = be32toh(header->digest_iterations);
        ret->key_size = be32toh(header->key_size);
        for (size_t i = 0; i < SLOTS; i++)
                if (be32toh(header->slots[i].active) == SLOT_ACTIVE) {
                        ret->iterations = MAX(ret->iterations, be32toh(header->slots[i].iterations));
                        ret->stripes = MAX(ret->stripes, be32toh(header->slots[i].stripes));
                }
}

static int read_luks2(int fd, uint64_t offset, const Luks2Header *header, LuksHeader *ret) {
        uint64_t size = MIN(be64toh(header->size), (uint64_t) LUKS2_SIZE_MAX);
        _cleanup_free_ char *text = NULL;
        ssize_t n;

        if (size <= JSON_OFFSET)
                return -EBADMSG;
        text = malloc(size - JSON_OFFSET);
        if (!text)
                return -ENOMEM;
        n = pread(fd, text, size - JSON_OFFSET, (off_t) (offset + JSON_OFFSET));
        if (n < 0)
                return -errno;
        ret->integrity = memmem(text, (size_t) n, "\"integrity\"", CONST_STRLEN("\"integrity\""));
        return 0;
}

int luks_header_read(int fd, uint64_t offset, LuksHeader *ret) {
        static const char magic[6] = { 'L', 'U', 'K', 'S', '\xba', '\xbe' };
        union {
                Luks1Header v1;
                Luks2Header v2;
        } header;
        LuksHeader luks = {};
        ssize_t n = pread(fd, &header, sizeof(header), (off_t) offset);
        int r = 0;

        if (n < 0)
                return -errno;
        if (n != sizeof(header) || memcmp(header.v1.magic, magic, sizeof(magic)) != 0)
                return -EBADMSG;
        luks.version = be16toh(header.v1.version);
        if (luks.version == 1)
                read_luks1(&header.v1, &luks);
        else if (luks.version == 2)
                r = read_luks2(fd, offset, &header.v2, &luks);
        else
                r = -EBADMSG;
        if (r >= 0)
                *ret = luks;
        return r;
}
