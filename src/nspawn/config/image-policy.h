/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* ImagePolicy: which partitions of a disk image may be there, may be used, and how they have to be protected.
 * It is a plain value that is complete once it is parsed: there is an entry for every kind of partition.
 * plan/image-policy.h decides over it. */

#include <stddef.h>
#include <stdint.h>

/* The kinds of partitions, in the order in which they are mounted. */
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

        IMAGE_SWAP = _IMAGE_PLACE_MAX, /* from here on: never mounted */
        IMAGE_ROOT_VERITY,
        IMAGE_USR_VERITY,
        IMAGE_ROOT_VERITY_SIG,
        IMAGE_USR_VERITY_SIG,
        _IMAGE_PART_MAX,
} ImagePlace;

/* "root", "usr-verity-sig" and so on. */
const char *image_place_name(ImagePlace place);

/* What is permitted. Within each group one bit must apply. */
enum {
        POLICY_VERITY = 1 << 0,
        POLICY_SIGNED = 1 << 1,
        POLICY_ENCRYPTED = 1 << 2,
        POLICY_ENCRYPTED_WITH_INTEGRITY = 1 << 3,
        POLICY_UNPROTECTED = 1 << 4,
        POLICY_PROTECTION_MASK = POLICY_VERITY | POLICY_SIGNED | POLICY_ENCRYPTED | POLICY_ENCRYPTED_WITH_INTEGRITY |
                POLICY_UNPROTECTED,
        POLICY_UNUSED = 1 << 5, /* it may be there and is passed over */
        POLICY_ABSENT = 1 << 6, /* it may be missing */
        POLICY_IGNORE = POLICY_UNUSED | POLICY_ABSENT,
        POLICY_OPEN = POLICY_PROTECTION_MASK | POLICY_IGNORE, /* also the mask of this group */

        /* the attributes of a GPT partition */
        POLICY_READ_ONLY_OFF = 1 << 7,
        POLICY_READ_ONLY_ON = 1 << 8,
        POLICY_READ_ONLY_MASK = POLICY_READ_ONLY_OFF | POLICY_READ_ONLY_ON,
        POLICY_GROWFS_OFF = 1 << 9,
        POLICY_GROWFS_ON = 1 << 10,
        POLICY_GROWFS_MASK = POLICY_GROWFS_OFF | POLICY_GROWFS_ON,

        /* file systems; none at all permits every one */
        POLICY_BTRFS = 1 << 11,
        POLICY_EROFS = 1 << 12,
        POLICY_EXT4 = 1 << 13,
        POLICY_F2FS = 1 << 14,
        POLICY_SQUASHFS = 1 << 15,
        POLICY_VFAT = 1 << 16,
        POLICY_XFS = 1 << 17,
        POLICY_FSTYPE_MASK = 0x7f << 11,
};

typedef struct ImagePolicy {
        uint32_t flags[_IMAGE_PART_MAX]; /* POLICY_* by place */
} ImagePolicy;

/* The policy that text says: "*", "-", "~" or rules PLACE=FLAG+FLAG… with colons between them. -EINVAL if it
 * says none. */
int image_policy_parse(const char *text, ImagePolicy *ret);

/* Writes these flags the way a policy has them, "verity+signed". Returns ret. */
const char *image_policy_flags_text(uint32_t flags, char *ret, size_t size);

/* The flag that permits a file system, 0 if there is none for it. */
uint32_t image_policy_fstype_flag(const char *fstype);
