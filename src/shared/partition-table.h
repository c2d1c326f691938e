/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is on a disk: its partition table (GPT or MBR) and the file systems in the partitions, or the one
 * file system that fills it. Disks are hostile: sizes and places are checked, and only the file systems
 * asked for are probed. */

#include <stdint.h>
#include <systemd/sd-id128.h>

#include "macros.h"

typedef enum TableKind {
        TABLE_NONE, /* one file system, with no table around it: a single "partition" of the disk's size */
        TABLE_GPT,
        TABLE_MBR,
} TableKind;

/* Attributes of a GPT partition, by the UAPI group's Discoverable Partitions Specification. */
#define PARTITION_GPT_NO_BLOCK_IO (UINT64_C(1) << 1)
#define PARTITION_GPT_GROW (UINT64_C(1) << 59)
#define PARTITION_GPT_READ_ONLY (UINT64_C(1) << 60)
#define PARTITION_GPT_NO_AUTO (UINT64_C(1) << 63)

#define PARTITION_MBR_BOOTABLE UINT64_C(0x80)

typedef struct Partition {
        int number;            /* from 1 on; 0 for TABLE_NONE */
        uint64_t offset, size; /* bytes; inside the disk, overlapping no other partition */
        sd_id128_t type, uuid; /* GPT; nulls otherwise */
        uint8_t mbr_type;
        uint64_t flags;  /* GPT: attributes; MBR: the boot indicator */
        char label[112]; /* GPT: the partition's name in UTF-8, "" for none */
        char fstype[24]; /* of what is in there, as blkid calls it; "" if that is not known */
} Partition;

typedef struct PartitionTable {
        TableKind kind;
        unsigned sector_size; /* that the table was made for: offsets and sizes are multiples of it */
        Partition *items;
        size_t n_items;
} PartitionTable;

/* Reads what is on the disk fd (a regular file or block device, open for reading) of this size in bytes.
 * names are the types of file systems to look for, NULL at the end; for partitions that is left to
 * partition_probe(). -ENOMEDIUM  neither a table nor one of those file systems is there -ESPIPE     the disk
 * is shorter than its table says: it is truncated -EBADMSG    the table makes no sense (overlaps, absurd
 * numbers) -ENOTUNIQ   signs of more than one file system in one place -ENOPKG     libblkid is not installed
 */
int partition_table_read(int fd, uint64_t size, const char *const *names, PartitionTable *ret) _must_check_;
void partition_table_done(PartitionTable *table);
#define _cleanup_partition_table_ _cleanup_(partition_table_done)

/* Fills fstype, if one of names is in there. Errors as above: -ENOMEDIUM if none is. */
int partition_probe(int fd, Partition *partition, const char *const *names) _must_check_;
