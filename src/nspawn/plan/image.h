/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which partition of a disk image goes where, by the Discoverable Partitions Specification, and how its
 * file system is mounted. Pure. */

#include <stdint.h>
#include <stdio.h>

#include "partition-table.h"

typedef enum ImagePlace {
        IMAGE_ROOT,
        IMAGE_USR,
        IMAGE_HOME,
        IMAGE_SRV,
        IMAGE_VAR,
        IMAGE_TMP,      /* /var/tmp */
        IMAGE_XBOOTLDR, /* /boot */
        IMAGE_ESP,      /* /boot if that is there, empty and not XBOOTLDR's, else /efi */
        _IMAGE_PLACE_MAX,
} ImagePlace;

typedef struct ImageSlot {
        bool used;
        bool read_only;
        bool grow; /* the file system is to fill the partition */
        Partition partition;
} ImageSlot;

typedef struct ImagePlan {
        unsigned sector_size;
        ImageSlot slots[_IMAGE_PLACE_MAX];
} ImagePlan;

/* Chooses. There is always a root or a /usr afterwards. read_only: nothing is written, whatever the
 * partitions say. name is for messages. Errors are logged. */
int image_plan(const char *name, const PartitionTable *table, bool read_only, ImagePlan *ret) _must_check_;

/* For --dry-run, tests and debugging: one line for each slot. */
void image_plan_print(const ImagePlan *plan, FILE *f);

/* "/usr" and so on; for the ESP its second choice. */
const char *image_place_path(ImagePlace place);
const char *image_place_name(ImagePlace place);

/* File systems that are never written. */
bool image_fstype_is_read_only(const char *fstype);

/* Options that make the file system safe to mount although somebody else made it; the options of
 * mount_new(). */
const char *image_mount_options(const char *fstype, bool read_only);

/* MOUNT_ATTR_* for a place. */
uint64_t image_mount_attributes(ImagePlace place, bool read_only);
