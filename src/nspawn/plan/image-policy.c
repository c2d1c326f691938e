/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a finding is turned into the set of policy flags it satisfies, so that deciding is a
 * matter of intersecting sets. A partition is judged twice: as long as nobody has looked into it, which is
 * not done to one that is not to be used, and again with what was found inside. */

#include "plan/image-policy.h"

#include <stdio.h>

#include "macros.h"
#include "partition-table.h"

/* The flags that a finding satisfies, and the one that is its own. */
static const struct {
        uint32_t satisfies, own;
        const char *what;
} protections[_PROTECTION_MAX] = {
        [PROTECTION_ABSENT] = { POLICY_ABSENT, 0, "missing" },
        [PROTECTION_UNREAD] = { POLICY_PROTECTION_MASK, POLICY_PROTECTION_MASK, "there" },
        [PROTECTION_NONE] = { POLICY_UNPROTECTED, POLICY_UNPROTECTED, "unprotected" },
        [PROTECTION_VERITY] = { POLICY_VERITY | POLICY_UNPROTECTED, POLICY_VERITY, "protected by verity" },
        [PROTECTION_SIGNED] = { POLICY_SIGNED | POLICY_VERITY | POLICY_UNPROTECTED, POLICY_SIGNED,
                                "protected by signed verity" },
        [PROTECTION_ENCRYPTED] = { POLICY_ENCRYPTED, POLICY_ENCRYPTED, "encrypted" },
        [PROTECTION_ENCRYPTED_WITH_INTEGRITY] = { POLICY_ENCRYPTED_WITH_INTEGRITY | POLICY_ENCRYPTED,
                                                  POLICY_ENCRYPTED_WITH_INTEGRITY, "encrypted with integrity" },
};

static const struct {
        uint64_t attribute;
        uint32_t on, off;
        const char *name;
} attributes[] = {
        { PARTITION_GPT_READ_ONLY, POLICY_READ_ONLY_ON, POLICY_READ_ONLY_OFF, "read-only" },
        { PARTITION_GPT_GROW, POLICY_GROWFS_ON, POLICY_GROWFS_OFF, "growfs" },
};

/* What was found, or the next weaker thing it can pass for, as far as the policy permits it. */
static ImageProtection strongest(uint32_t permitted, ImageProtection found) {
        for (ImageProtection p = found; p > PROTECTION_UNREAD; p--)
                if (protections[found].satisfies & permitted & protections[p].own)
                        return p;
        return found;
}

static ImageVerdict refuse_protection(uint32_t flags, ImagePlace place, ImageProtection found) {
        ImageVerdict verdict = { IMAGE_REFUSE, found, "" };
        char wanted[128];

        (void) image_policy_flags_text(flags & POLICY_OPEN, wanted, sizeof(wanted));
        (void) snprintf(verdict.reason, sizeof(verdict.reason), "its %s partition is %s; the image policy wants %s%s",
                        image_place_name(place), protections[found].what,
                        *wanted ? "it to be " : "nothing of that kind", wanted);
        return verdict;
}

static ImageVerdict refuse_attribute(ImagePlace place, bool is_on, const char *name) {
        ImageVerdict verdict = { .answer = IMAGE_REFUSE };

        (void) snprintf(verdict.reason, sizeof(verdict.reason),
                        "its %s partition has the %s attribute %s; the image policy wants it %s",
                        image_place_name(place), name, is_on ? "on" : "off", is_on ? "off" : "on");
        return verdict;
}

static ImageVerdict refuse_fstype(uint32_t flags, ImagePlace place, const char *fstype) {
        ImageVerdict verdict = { .answer = IMAGE_REFUSE };
        char wanted[128];

        (void) snprintf(verdict.reason, sizeof(verdict.reason),
                        "its %s file system is %s; the image policy wants it to be %s", image_place_name(place),
                        fstype, image_policy_flags_text(flags & POLICY_FSTYPE_MASK, wanted, sizeof(wanted)));
        return verdict;
}

/* A partition that is to be used, with its protection permitted. */
static ImageVerdict judge_usable(uint32_t flags, ImagePlace place, const ImageFinding *finding) {
        bool unknown = !finding->fstype || !*finding->fstype || finding->protection == PROTECTION_UNREAD;

        for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                bool is_on = finding->attributes & attributes[i].attribute;

                if (!(flags & (is_on ? attributes[i].on : attributes[i].off)))
                        return refuse_attribute(place, is_on, attributes[i].name);
        }
        if (!unknown && (flags & POLICY_FSTYPE_MASK) && !(flags & image_policy_fstype_flag(finding->fstype)))
                return refuse_fstype(flags, place, finding->fstype);
        return (ImageVerdict){ IMAGE_USE, strongest(flags, finding->protection), "" };
}

ImageVerdict image_judge(const ImagePolicy *policy, ImagePlace place, const ImageFinding *finding) {
        uint32_t flags = policy->flags[place];
        ImageProtection found = finding->protection;

        if (found != PROTECTION_ABSENT && !(flags & POLICY_PROTECTION_MASK) && (flags & POLICY_UNUSED))
                return (ImageVerdict){ IMAGE_IGNORE, found, "" };
        if (!(flags & protections[found].satisfies))
                return refuse_protection(flags, place, found);
        if (found == PROTECTION_ABSENT)
                return (ImageVerdict){ IMAGE_IGNORE, found, "" };
        return judge_usable(flags, place, finding);
}
