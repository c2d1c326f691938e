/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config-test.h"
#include "partition-table.h"
#include "plan/image-policy.h"

#define SYSTEM "verity+signed+encrypted+encryptedwithintegrity+unprotected"

static ImagePolicy policy_of(const char *text) {
        ImagePolicy policy;

        if (image_policy_parse(text, &policy) < 0)
                TEST_FAIL("\"%s\" is no policy", text);
        return policy;
}

/* The first group of a place's flags, whether it may be there, be used, and how. */
static const char *flags_of(const char *text, ImagePlace place) {
        ImagePolicy policy = policy_of(text);
        static char flags[128];

        return image_policy_flags_text(policy.flags[place] & POLICY_OPEN, flags, sizeof(flags));
}

static void assert_no_policy(const char *text) {
        ImagePolicy policy = {};

        if (image_policy_parse(text, &policy) >= 0)
                TEST_FAIL("\"%s\" was taken for a policy", text);
        ASSERT_EQ(policy.flags[IMAGE_ROOT], 0);
}

TEST(words) {
        ASSERT_STREQ(flags_of("*", IMAGE_USR), SYSTEM "+unused+absent");
        ASSERT_STREQ(flags_of("*", IMAGE_SWAP), "encrypted+encryptedwithintegrity+unprotected+unused+absent");
        ASSERT_STREQ(flags_of("-", IMAGE_ROOT), "unused+absent");
        ASSERT_STREQ(flags_of("~", IMAGE_ROOT_VERITY), "absent");
        ASSERT_STREQ(flags_of("=open", IMAGE_ROOT), flags_of("*", IMAGE_ROOT));
}

TEST(rules) {
        ASSERT_STREQ(flags_of("root=verity", IMAGE_ROOT), "verity");
        ASSERT_STREQ(flags_of("root=verity", IMAGE_HOME), "unused+absent");
        ASSERT_STREQ(flags_of("root=verity:=encrypted", IMAGE_HOME), "encrypted");
        ASSERT_STREQ(flags_of("=verity+encrypted", IMAGE_HOME), "encrypted");
        ASSERT_STREQ(flags_of("home=verity", IMAGE_HOME), "");
        ASSERT_STREQ(flags_of("home=", IMAGE_HOME), flags_of("home=open", IMAGE_HOME));
        ASSERT_STREQ(flags_of("home=-", IMAGE_HOME), flags_of("home=open", IMAGE_HOME));
        ASSERT_STREQ(flags_of("home=read-only-on", IMAGE_HOME), flags_of("home=open", IMAGE_HOME));
        ASSERT_STREQ(flags_of(" usr = signed + absent : =- ", IMAGE_USR), "signed+absent");
        ASSERT_STREQ(flags_of("tmp=ignore+encrypted:var=unprotected", IMAGE_TMP), "encrypted+unused+absent");
}

TEST(attributes) {
        ImagePolicy policy = policy_of("root=open+read-only-on:usr=growfs-off+growfs-on+btrfs+xfs");

        ASSERT_EQ(policy.flags[IMAGE_ROOT] & POLICY_READ_ONLY_MASK, POLICY_READ_ONLY_ON);
        ASSERT_EQ(policy.flags[IMAGE_ROOT] & POLICY_GROWFS_MASK, POLICY_GROWFS_MASK);
        ASSERT_EQ(policy.flags[IMAGE_USR] & POLICY_GROWFS_MASK, POLICY_GROWFS_MASK);
        ASSERT_EQ(policy.flags[IMAGE_USR] & POLICY_FSTYPE_MASK, POLICY_BTRFS | POLICY_XFS);
        ASSERT_EQ(image_policy_fstype_flag("vfat"), POLICY_VFAT);
        ASSERT_EQ(image_policy_fstype_flag("verity"), 0);
        ASSERT_EQ(image_policy_fstype_flag("ntfs"), 0);
}

TEST(protectors) {
        ASSERT_STREQ(flags_of("root=verity", IMAGE_ROOT_VERITY), "unprotected+unused+absent");
        ASSERT_STREQ(flags_of("root=signed", IMAGE_ROOT_VERITY), "unprotected+unused+absent");
        ASSERT_STREQ(flags_of("root=signed", IMAGE_ROOT_VERITY_SIG), "unprotected+unused+absent");
        ASSERT_STREQ(flags_of("root=verity:=absent", IMAGE_ROOT_VERITY), "unprotected+unused+absent");
        ASSERT_STREQ(flags_of("root=verity:=absent", IMAGE_ROOT_VERITY_SIG), "absent");
        ASSERT_STREQ(flags_of("root=unprotected:=absent", IMAGE_ROOT_VERITY), "absent");
        ASSERT_STREQ(flags_of("root=verity:root-verity=absent", IMAGE_ROOT_VERITY), "absent");
        ASSERT_STREQ(flags_of("root=verity", IMAGE_USR_VERITY), "unused+absent");
}

TEST(nonsense) {
        static const char *const texts[] = {
                "",
                "+",
                "root",
                "root=verity+",
                "root=+verity",
                "root=verity++signed",
                ":",
                "root=open:",
                ":root=open",
                "boot=open",
                "root=opened",
                "root=verity:root=signed",
                "=:=",
                "**",
                "root==open",
                "root=*",
                "Root=open",
                "root=open,usr=open",
                "root\\",
                "root=-+verity",
                "root=verity:home",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_no_policy(texts[i]);
}

/* — deciding — */

static ImageAnswer ask(const char *text, ImagePlace place, ImageProtection protection) {
        ImagePolicy policy = policy_of(text);

        return image_judge(&policy, place, &(const ImageFinding){ .protection = protection }).answer;
}

TEST(absent) {
        ASSERT_EQ(ask("root=absent", IMAGE_ROOT, PROTECTION_ABSENT), IMAGE_IGNORE);
        ASSERT_EQ(ask("root=absent", IMAGE_ROOT, PROTECTION_UNREAD), IMAGE_REFUSE);
        ASSERT_EQ(ask("root=absent", IMAGE_ROOT, PROTECTION_SIGNED), IMAGE_REFUSE);
        ASSERT_EQ(ask("root=verity", IMAGE_ROOT, PROTECTION_ABSENT), IMAGE_REFUSE);
        ASSERT_EQ(ask("root=unused", IMAGE_ROOT, PROTECTION_ABSENT), IMAGE_REFUSE);
        ASSERT_EQ(ask("root=unused", IMAGE_ROOT, PROTECTION_NONE), IMAGE_IGNORE);
        ASSERT_EQ(ask("root=ignore", IMAGE_ROOT, PROTECTION_ENCRYPTED), IMAGE_IGNORE);
        ASSERT_EQ(ask("home=verity", IMAGE_HOME, PROTECTION_ABSENT), IMAGE_REFUSE);
}

/* What is found, and what the policy must name for it to be used. */
TEST(protection) {
        static const struct {
                const char *permitted;
                ImageProtection found;
                ImageAnswer answer;
                ImageProtection as;
        } cases[] = {
                { "unprotected", PROTECTION_UNREAD, IMAGE_USE, PROTECTION_UNREAD },
                { "unprotected", PROTECTION_NONE, IMAGE_USE, PROTECTION_NONE },
                { "unprotected", PROTECTION_VERITY, IMAGE_USE, PROTECTION_NONE },
                { "unprotected", PROTECTION_SIGNED, IMAGE_USE, PROTECTION_NONE },
                { "unprotected", PROTECTION_ENCRYPTED, IMAGE_REFUSE, 0 },
                { "verity", PROTECTION_NONE, IMAGE_REFUSE, 0 },
                { "verity", PROTECTION_VERITY, IMAGE_USE, PROTECTION_VERITY },
                { "verity", PROTECTION_SIGNED, IMAGE_USE, PROTECTION_VERITY },
                { "verity+unprotected", PROTECTION_SIGNED, IMAGE_USE, PROTECTION_VERITY },
                { "signed+unprotected", PROTECTION_VERITY, IMAGE_USE, PROTECTION_NONE },
                { "signed", PROTECTION_VERITY, IMAGE_REFUSE, 0 },
                { "signed", PROTECTION_SIGNED, IMAGE_USE, PROTECTION_SIGNED },
                { "open", PROTECTION_SIGNED, IMAGE_USE, PROTECTION_SIGNED },
                { "encrypted", PROTECTION_ENCRYPTED, IMAGE_USE, PROTECTION_ENCRYPTED },
                { "encrypted", PROTECTION_ENCRYPTED_WITH_INTEGRITY, IMAGE_USE, PROTECTION_ENCRYPTED },
                { "encrypted", PROTECTION_SIGNED, IMAGE_REFUSE, 0 },
                { "encryptedwithintegrity", PROTECTION_ENCRYPTED, IMAGE_REFUSE, 0 },
                { "encryptedwithintegrity", PROTECTION_ENCRYPTED_WITH_INTEGRITY, IMAGE_USE,
                  PROTECTION_ENCRYPTED_WITH_INTEGRITY },
                { "verity+unused", PROTECTION_NONE, IMAGE_REFUSE, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ImageFinding finding = { .protection = cases[i].found };
                ImagePolicy policy;
                ImageVerdict v;
                char rule[64];

                (void) snprintf(rule, sizeof(rule), "usr=%s", cases[i].permitted);
                policy = policy_of(rule);
                v = image_judge(&policy, IMAGE_USR, &finding);
                if (v.answer != cases[i].answer || (v.answer == IMAGE_USE && v.protection != cases[i].as))
                        TEST_FAIL("%s, found %i: answer %i, protection %i", rule, (int) cases[i].found, (int) v.answer,
                                  (int) v.protection);
                ASSERT_TRUE((v.answer == IMAGE_REFUSE) == (*v.reason != 0));
        }
}

TEST(attributes_and_types) {
        ImagePolicy policy = policy_of("root=unprotected+growfs-off+ext4+erofs");
        ImageFinding finding = { PROTECTION_UNREAD, PARTITION_GPT_READ_ONLY, "crypto_LUKS" };

        ASSERT_EQ(image_judge(&policy, IMAGE_ROOT, &finding).answer, IMAGE_USE);
        finding.protection = PROTECTION_NONE;
        ASSERT_STREQ(image_judge(&policy, IMAGE_ROOT, &finding).reason,
                     "its root file system is crypto_LUKS; the image policy wants it to be erofs+ext4");
        finding.fstype = "ext4";
        ASSERT_EQ(image_judge(&policy, IMAGE_ROOT, &finding).answer, IMAGE_USE);
        finding.attributes = PARTITION_GPT_GROW;
        ASSERT_STREQ(image_judge(&policy, IMAGE_ROOT, &finding).reason,
                     "its root partition has the growfs attribute on; the image policy wants it off");
}

TEST(on_the_command_line) {
        _cleanup_settings_ Settings a = {}, b = {}, defaults = {};

        ASSERT_EQ(parse_line("-i /x.raw --image-policy=root=verity", &a), 1);
        ASSERT_EQ(a.value.source.image_policy.flags[IMAGE_ROOT] & POLICY_OPEN, POLICY_VERITY);
        ASSERT_EQ(parse_line("--image-policy=root", &b), -EINVAL);
        ASSERT_LOGGED("--image-policy=: \"root\" is not an image policy");

        ASSERT_OK(settings_from_defaults(&defaults));
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX; place++) {
                ImageFinding none = { .protection = PROTECTION_NONE }, absent = { .protection = PROTECTION_ABSENT };

                ASSERT_EQ(image_judge(&defaults.value.source.image_policy, place, &none).answer, IMAGE_USE);
                ASSERT_EQ(image_judge(&defaults.value.source.image_policy, place, &absent).answer, IMAGE_IGNORE);
        }
        ASSERT_EQ(defaults.value.source.image_policy.flags[IMAGE_ESP] & POLICY_OPEN,
                  POLICY_UNPROTECTED | POLICY_ABSENT);
        ASSERT_EQ(defaults.value.source.image_policy.flags[IMAGE_SWAP] & POLICY_OPEN, POLICY_IGNORE);
}

TEST_MAIN
