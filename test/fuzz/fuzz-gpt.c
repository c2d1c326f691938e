/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is the beginning of a disk of which the rest is zeros. Checksums of a GPT in one of the usual
 * places are made to fit, since no mutation would ever get past them. A header that calls itself "EFI BACK"
 * becomes the one at the disk's end, with its entries before it, and leaves the disk without a first one. */

#include <stdint.h>

#include "../unit/gpt.h"
#include "fd.h"
#include "log.h"
#include "plan/image.h"

#define DISK_SIZE (256u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_signature(const uint8_t *sector, const char *signature) {
        return memcmp(sector, signature, 8) == 0;
}

static size_t entries_size(const GptHeader *header) {
        return (size_t) MIN(le32toh(header->n_entries), 512u) * 128;
}

static void seal(uint8_t *disk, size_t sector) {
        GptHeader header;

        if (!has_signature(disk + sector, "EFI PART"))
                return;
        memcpy(&header, disk + sector, sizeof(header));
        gpt_seal(&header, disk + 2 * sector, entries_size(&header));
        memcpy(disk + sector, &header, sizeof(header));
}

/* At the end the entries come first. */
static void move_to_end(uint8_t *disk) {
        uint8_t *last = disk + DISK_SIZE - 512;
        GptHeader header;
        size_t size;

        if (!has_signature(disk + 512, "EFI BACK"))
                return;
        memcpy(&header, disk + 512, sizeof(header));
        memset(disk + 512, 0, 512);
        memcpy(header.signature, "EFI PART", 8);
        size = entries_size(&header);
        memcpy(last - size, disk + 1024, size);
        header.entries_lba = htole64((DISK_SIZE - 512 - size) / 512);
        header.my_lba = htole64(DISK_SIZE / 512 - 1);
        gpt_seal(&header, last - size, size);
        memcpy(last, &header, sizeof(header));
}

static void plan(int fd, PartitionTable *table) {
        static const char *const names[] = { "squashfs", "ext4", "vfat", "crypto_LUKS", NULL };
        ImagePolicy policy;
        ImagePlan p;

        if (image_policy_parse("*", &policy) < 0)
                abort();
        if (image_plan("fuzz.raw", table, &policy, NULL, false, &p) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(p.slots); i++) {
                const Partition *part = &p.slots[i].partition;

                if (!p.slots[i].used)
                        continue;
                if (part->offset > DISK_SIZE || part->size > DISK_SIZE - part->offset || part->size == 0)
                        abort();
                if (partition_probe(fd, &p.slots[i].partition, names) >= 0 && !*part->fstype)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const names[] = { "squashfs", "ext4", "crypto_LUKS", NULL };
        _cleanup_partition_table_ PartitionTable table = {};
        _cleanup_close_ int fd = memfd_create("disk", MFD_CLOEXEC);
        static uint8_t disk[DISK_SIZE];

        log_set_max_level(LOG_EMERG);
        memset(disk, 0, sizeof(disk));
        memcpy(disk, data, MIN(size, sizeof(disk)));
        for (size_t sector = 512; sector <= 4096; sector *= 2)
                seal(disk, sector);
        move_to_end(disk);
        if (fd < 0 || write_all(fd, disk, sizeof(disk)) < 0)
                return 0;
        if (partition_table_read(fd, sizeof(disk), names, &table) >= 0)
                plan(fd, &table);
        return 0;
}
