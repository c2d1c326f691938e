/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which partition of a disk image goes where, by the Discoverable Partitions Specification, and how its
 * file system is mounted. Pure. */

#include <stdint.h>
#include "partition-table.h"
#include "plan/image-policy.h"
#include "plan/root-hash.h"

typedef struct ImageSlot {
        bool used;
        bool read_only;
        bool grow;                  /* the file system is to fill the partition */
        uint64_t attributes;        /* PARTITION_GPT_*; 0 where the table is no GPT */
        ImageProtection protection; /* as it is to be used; decided when it is known what is inside */
        Partition partition;
} ImageSlot;

/* The one slot, of root and /usr, that dm-verity can check. */
typedef struct ImageHashes {
        bool used;
        ImagePlace place;
        size_t hash;         /* which root hash is its own */
        bool elsewhere;      /* the hashes are not on the image */
        Partition partition; /* else: they are here */
} ImageHashes;

typedef struct ImagePlan {
        unsigned sector_size;
        ImageSlot slots[_IMAGE_PLACE_MAX];
        ImageHashes hashes;
} ImagePlan;

/* What is known of root hashes: a given one, or those that the image itself bears. */
typedef struct RootHashes {
        RootHash *items;
        size_t n_items;
        bool elsewhere; /* where the hashes themselves are */
} RootHashes;

/* Chooses, as far as the policy permits. There is always a root or a /usr afterwards, and if a root hash was given it
 * is that of one of them. read_only: nothing is written, whatever the partitions say. name is for messages. Errors are
 * logged. */
int image_plan(const char *name, const PartitionTable *table, const ImagePolicy *policy, const RootHashes *hashes,
               bool read_only, ImagePlan *ret) _must_check_;

/* Whether a partition holds the signature of a root hash, and of which file system. */
bool image_is_signature(const Partition *partition, RootHashOf *ret);

/* The second judgement: slot is what is in the place, its fstype is known now, and protection says how it was
 * found to be protected. Errors are logged; ret_protection (may be NULL) is the protection to use it with. */
int image_check_slot(const char *name, const ImagePolicy *policy, ImagePlace place, const ImageSlot *slot,
                     ImageProtection protection, ImageProtection *ret_protection) _must_check_;

/* "/usr" and so on; for the ESP its second choice. */
const char *image_place_path(ImagePlace place);

/* File systems that are never written. */
bool image_fstype_is_read_only(const char *fstype);

/* Options that make the file system safe to mount although somebody else made it; the options of
 * mount_new(). */
const char *image_mount_options(const char *fstype, bool read_only);

/* MOUNT_ATTR_* for a place. */
uint64_t image_mount_attributes(ImagePlace place, bool read_only);
