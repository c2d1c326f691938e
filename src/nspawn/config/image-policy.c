/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the language is that of systemd.image-policy(7). The rules are collected first and
 * completed then, since what is not said follows from what is: a place without a rule gets the default one,
 * and the partitions that protect another one follow from how that must be protected. Flags that make no
 * sense for a place are dropped rather than refused, so that a default rule can serve all of them. */

#include "config/image-policy.h"

#include <stdio.h>

#include "config/value-types.h"
#include "parse.h"

#define DEFAULT_RULE _IMAGE_PART_MAX

static const char *const place_names[_IMAGE_PART_MAX] = {
        [IMAGE_ROOT] = "root",
        [IMAGE_USR] = "usr",
        [IMAGE_HOME] = "home",
        [IMAGE_SRV] = "srv",
        [IMAGE_VAR] = "var",
        [IMAGE_TMP] = "tmp",
        [IMAGE_XBOOTLDR] = "xbootldr",
        [IMAGE_ESP] = "esp",
        [IMAGE_SWAP] = "swap",
        [IMAGE_ROOT_VERITY] = "root-verity",
        [IMAGE_USR_VERITY] = "usr-verity",
        [IMAGE_ROOT_VERITY_SIG] = "root-verity-sig",
        [IMAGE_USR_VERITY_SIG] = "usr-verity-sig",
};

static const struct {
        const char *name;
        uint32_t flags;
} flag_names[] = {
        { "verity", POLICY_VERITY },
        { "signed", POLICY_SIGNED },
        { "encrypted", POLICY_ENCRYPTED },
        { "encryptedwithintegrity", POLICY_ENCRYPTED_WITH_INTEGRITY },
        { "unprotected", POLICY_UNPROTECTED },
        { "unused", POLICY_UNUSED },
        { "absent", POLICY_ABSENT },
        { "open", POLICY_OPEN },
        { "ignore", POLICY_IGNORE },
        { "read-only-off", POLICY_READ_ONLY_OFF },
        { "read-only-on", POLICY_READ_ONLY_ON },
        { "growfs-off", POLICY_GROWFS_OFF },
        { "growfs-on", POLICY_GROWFS_ON },
        { "btrfs", POLICY_BTRFS },
        { "erofs", POLICY_EROFS },
        { "ext4", POLICY_EXT4 },
        { "f2fs", POLICY_F2FS },
        { "squashfs", POLICY_SQUASHFS },
        { "vfat", POLICY_VFAT },
        { "xfs", POLICY_XFS },
};

/* Policies that are a word: the flags of every place. */
static const struct {
        const char *name;
        uint32_t flags;
} words[] = {
        { "*", POLICY_OPEN },
        { "-", POLICY_IGNORE },
        { "~", POLICY_ABSENT },
};

const char *image_place_name(ImagePlace place) {
        return place_names[place];
}

static bool is_single(uint32_t flags) {
        return (flags & (flags - 1)) == 0;
}

const char *image_policy_flags_text(uint32_t flags, char *ret, size_t size) {
        size_t n = 0;

        if (size > 0)
                ret[0] = 0;
        for (size_t i = 0; i < ELEMENTSOF(flag_names) && n < size; i++)
                if (is_single(flag_names[i].flags) && (flags & flag_names[i].flags))
                        n += (size_t) snprintf(ret + n, size - n, "%s%s", n > 0 ? "+" : "", flag_names[i].name);
        return ret;
}

static uint32_t find_flags(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(flag_names); i++)
                if (streq(name, flag_names[i].name))
                        return flag_names[i].flags;
        return 0;
}

uint32_t image_policy_fstype_flag(const char *fstype) {
        return find_flags(fstype) & POLICY_FSTYPE_MASK;
}

/* — reading — */

typedef struct Rules {
        uint32_t flags[_IMAGE_PART_MAX + 1]; /* by place, then the default one's */
        bool said[_IMAGE_PART_MAX + 1];
} Rules;

static char *strip(char *s) {
        static const char blank[] = " \t\n\r";
        size_t n;

        s += strspn(s, blank);
        for (n = strlen(s); n > 0 && strchr(blank, s[n - 1]); n--)
                ;
        s[n] = 0;
        return s;
}

static int find_place(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(place_names); i++)
                if (streq(name, place_names[i]))
                        return (int) i;
        return *name ? -EINVAL : (int) DEFAULT_RULE;
}

/* "" and "-" are no flags at all. */
static int parse_flags(const char *text, uint32_t *ret) {
        uint32_t flags = 0;

        while (*text && !streq(text, "-")) {
                _cleanup_free_ char *name = NULL;
                uint32_t found;
                int r = split_field(&text, '+', &name);

                if (r < 0)
                        return r;
                found = find_flags(strip(name));
                if (found == 0)
                        return -EINVAL;
                flags |= found;
                if (!text)
                        break;
                if (!*text) /* ends in "+" */
                        return -EINVAL;
        }
        *ret = flags;
        return 0;
}

static int parse_rule(char *rule, Rules *rules) {
        char *flags = strchr(rule, '=');
        int place;

        if (!flags)
                return -EINVAL;
        *flags++ = 0;
        place = find_place(strip(rule));
        if (place < 0 || rules->said[place])
                return -EINVAL;
        rules->said[place] = true;
        return parse_flags(strip(flags), &rules->flags[place]);
}

/* — completing — */

/* A group of which nothing is said permits all. */
static uint32_t extend(uint32_t flags) {
        static const uint32_t groups[] = { POLICY_OPEN, POLICY_READ_ONLY_MASK, POLICY_GROWFS_MASK };

        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if ((flags & groups[i]) == 0)
                        flags |= groups[i];
        return flags;
}

typedef struct Protector {
        ImagePlace of;
        uint32_t by; /* the protections that take it */
} Protector;

static const Protector *protector(ImagePlace place) {
        static const Protector table[_IMAGE_PART_MAX] = {
                [IMAGE_ROOT_VERITY] = { IMAGE_ROOT, POLICY_VERITY | POLICY_SIGNED },
                [IMAGE_USR_VERITY] = { IMAGE_USR, POLICY_VERITY | POLICY_SIGNED },
                [IMAGE_ROOT_VERITY_SIG] = { IMAGE_ROOT, POLICY_SIGNED },
                [IMAGE_USR_VERITY_SIG] = { IMAGE_USR, POLICY_SIGNED },
        };

        return table[place].by ? &table[place] : NULL;
}

static uint32_t without_senseless(ImagePlace place, uint32_t flags) {
        if (protector(place))
                return flags & ~(uint32_t) (POLICY_PROTECTION_MASK & ~POLICY_UNPROTECTED);
        if (place != IMAGE_ROOT && place != IMAGE_USR)
                return flags & ~(uint32_t) (POLICY_VERITY | POLICY_SIGNED);
        return flags;
}

/* It may be missing: the partition that it protects cannot satisfy its own rule then, or can do without. */
static uint32_t derive(const Protector *p, uint32_t data, uint32_t fallback) {
        if ((data & p->by) == 0)
                return fallback;
        return POLICY_UNPROTECTED | POLICY_IGNORE | (data & (POLICY_READ_ONLY_MASK | POLICY_GROWFS_MASK));
}

static void complete(const Rules *rules, ImagePolicy *policy) {
        uint32_t fallback = rules->said[DEFAULT_RULE] ? extend(rules->flags[DEFAULT_RULE]) : extend(POLICY_IGNORE);

        for (ImagePlace place = 0; place < _IMAGE_PART_MAX; place++) {
                const Protector *p = protector(place);
                uint32_t flags = rules->said[place] ? extend(rules->flags[place])
                        : p                         ? derive(p, policy->flags[p->of], fallback)
                                                    : fallback;

                policy->flags[place] = without_senseless(place, flags);
        }
}

static int parse_rules(const char *text, Rules *rules) {
        for (;;) {
                _cleanup_free_ char *rule = NULL;
                int r = split_field(&text, ':', &rule);

                if (r <= 0)
                        return r;
                r = parse_rule(rule, rules);
                if (r < 0)
                        return r;
        }
}

int image_policy_parse(const char *text, ImagePolicy *ret) {
        ImagePolicy policy = {};
        Rules rules = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(text, words[i].name)) {
                        rules.said[DEFAULT_RULE] = true;
                        rules.flags[DEFAULT_RULE] = words[i].flags;
                }
        if (!rules.said[DEFAULT_RULE])
                r = parse_rules(text, &rules);
        if (r < 0)
                return r;
        complete(&rules, &policy);
        *ret = policy;
        return 0;
}

/* — the type — */

static int parse_policy(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return image_policy_parse(text, field);
}

const ValueType value_image_policy = {
        .size = sizeof(ImagePolicy),
        .parse = parse_policy,
        .expects = "an image policy: *, -, ~ or rules PARTITION=FLAG+FLAG... with colons between them, one for a "
                   "kind of partition",
};
