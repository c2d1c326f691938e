/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a policy makes of what an image has. Pure. */

#include "config/image-policy.h"
#include "macros.h"

/* How a partition was found. A signed one can do without its signature, and one with verity data without
 * them, but nothing makes up for encryption. */
typedef enum ImageProtection {
        PROTECTION_ABSENT, /* there is no such partition */
        PROTECTION_UNREAD, /* there is one; nobody has looked into it */
        PROTECTION_NONE,
        PROTECTION_VERITY,
        PROTECTION_SIGNED,
        PROTECTION_ENCRYPTED,
        PROTECTION_ENCRYPTED_WITH_INTEGRITY,
        _PROTECTION_MAX,
} ImageProtection;

static inline bool protection_is_encryption(ImageProtection protection) {
        return protection >= PROTECTION_ENCRYPTED;
}

typedef struct ImageFinding {
        ImageProtection protection;
        uint64_t attributes; /* of its GPT entry, 0 where there is none */
        const char *fstype;  /* NULL or "" if that is not known (yet) */
} ImageFinding;

typedef enum ImageAnswer {
        IMAGE_USE,    /* as the verdict's protection says */
        IMAGE_IGNORE, /* as if it were not there; also: it is not there, and need not be */
        IMAGE_REFUSE, /* the whole image, for the verdict's reason */
} ImageAnswer;

typedef struct ImageVerdict {
        ImageAnswer answer;
        /* IMAGE_USE: the strongest protection that was found and is permitted; what the policy does not
         * permit is not to be used. PROTECTION_UNREAD: ask again with what is in there. */
        ImageProtection protection;
        char reason[256]; /* IMAGE_REFUSE: what follows "IMAGE: " in one line */
} ImageVerdict;

ImageVerdict image_judge(const ImagePolicy *policy, ImagePlace place, const ImageFinding *finding);
