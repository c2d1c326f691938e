/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is the beginning of a disk of which the rest is zeros. Checksums of a GPT in the usual place
 * are made to fit, since no mutation would ever get past them. */

#include <stdint.h>

#include "../unit/gpt.h"
#include "fd.h"
#include "log.h"
#include "plan/image.h"

#define DISK_SIZE (256u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(uint8_t *disk) {
        GptHeader header;
        size_t entries;

        memcpy(&header, disk + 512, sizeof(header));
        entries = (size_t) MIN(le32toh(header.n_entries), 1024u) * 128;
        gpt_seal(&header, disk + 1024, entries);
        if (memcmp(header.signature, "EFI PART", 8) == 0)
                memcpy(disk + 512, &header, sizeof(header));
}

static void plan(int fd, PartitionTable *table) {
        static const char *const names[] = { "squashfs", "ext4", "vfat", "crypto_LUKS", NULL };
        ImagePolicy policy;
        ImagePlan p;

        if (image_policy_parse("*", &policy) < 0)
                abort();
        if (image_plan("fuzz.raw", table, &policy, false, &p) < 0)
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
        seal(disk);
        if (fd < 0 || write_all(fd, disk, sizeof(disk)) < 0)
                return 0;
        if (partition_table_read(fd, sizeof(disk), names, &table) >= 0)
                plan(fd, &table);
        return 0;
}
