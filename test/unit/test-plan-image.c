/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/mount.h>
#include <stdio.h>
#include <systemd/sd-gpt.h>

#include "log.h"
#include "plan/image.h"
#include "test.h"
#include "version-order.h"

static char logged[512];

static void keep_log(int level, const char *text, void *userdata) {
        (void) level, (void) userdata;
        (void) snprintf(logged, sizeof(logged), "%s", text);
}

#define GENERIC SD_ID128_MAKE(0f, c6, 3d, af, 84, 83, 47, 72, 8e, 79, 3d, 69, d8, 47, 7d, e4)
#define SWAP SD_ID128_MAKE(06, 57, fd, 6d, a4, ab, 43, c4, 84, e5, 09, 33, c8, 4b, 4f, 4f)

static const char *policy = "*";

/* The plan of these partitions, as "place number" and what is special; "" and a message if there is none. */
static const char *plan(TableKind kind, Partition *items, size_t n, bool read_only) {
        PartitionTable table = { .kind = kind, .sector_size = 512, .items = items, .n_items = n };
        static char text[1024];
        ImagePolicy permitted;
        ImagePlan p;
        size_t used = 0;

        log_set_sink(keep_log, NULL);
        logged[0] = text[0] = 0;
        for (size_t i = 0; i < n; i++)
                items[i].number = (int) i + 1;
        ASSERT_OK(image_policy_parse(policy, &permitted));
        if (image_plan("x.raw", &table, &permitted, NULL, read_only, &p) < 0)
                return text;
        for (size_t i = 0; i < ELEMENTSOF(p.slots); i++)
                if (p.slots[i].used)
                        used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s %i%s%s",
                                                  used > 0 ? ", " : "", image_place_name((ImagePlace) i),
                                                  p.slots[i].partition.number, p.slots[i].read_only ? " ro" : "",
                                                  p.slots[i].grow ? " grow" : "");
        return text;
}

#define ASSERT_PLAN(kind, read_only, expected, ...)                                                                   \
        ({                                                                                                            \
                Partition _items[] = { __VA_ARGS__ };                                                                 \
                ASSERT_STREQ(plan(kind, _items, ELEMENTSOF(_items), read_only), expected);                            \
        })
#define GPT(expected, ...) ASSERT_PLAN(TABLE_GPT, false, expected, __VA_ARGS__)
#define MBR(expected, ...) ASSERT_PLAN(TABLE_MBR, false, expected, __VA_ARGS__)
#define ASSERT_LOGGED(part) ASSERT_TRUE(strstr(logged, part))

TEST(all_places) {
        GPT("root 2, usr 1, home 3, srv 4, var 5, tmp 6, xbootldr 8, esp 7", { .type = SD_GPT_USR_NATIVE },
            { .type = SD_GPT_ROOT_NATIVE }, { .type = SD_GPT_HOME }, { .type = SD_GPT_SRV }, { .type = SD_GPT_VAR },
            { .type = SD_GPT_TMP }, { .type = SD_GPT_ESP }, { .type = SD_GPT_XBOOTLDR }, { .type = SWAP });
        GPT("usr 1", { .type = SD_GPT_USR_NATIVE });
}

TEST(newest_root_first_home) {
        GPT("root 2, home 1", { .type = SD_GPT_HOME, .label = "home_1" },
            { .type = SD_GPT_ROOT_NATIVE, .label = "os_1.10" }, { .type = SD_GPT_ROOT_NATIVE, .label = "os_1.9" },
            { .type = SD_GPT_HOME, .label = "home_2" });
        GPT("root 2", { .type = SD_GPT_ROOT_NATIVE, .label = "os_1~rc1" },
            { .type = SD_GPT_ROOT_NATIVE, .label = "os_1" }, { .type = SD_GPT_ROOT_NATIVE, .label = "_empty" });
        GPT("root 1", { .type = SD_GPT_ROOT_NATIVE }, { .type = SD_GPT_ROOT_NATIVE });
}

TEST(attributes) {
        GPT("root 3 grow, home 4 ro, srv 5 ro",
            { .type = SD_GPT_ROOT_NATIVE, .label = "9", .flags = PARTITION_GPT_NO_AUTO },
            { .type = SD_GPT_VAR, .flags = PARTITION_GPT_NO_AUTO },
            { .type = SD_GPT_ROOT_NATIVE, .flags = PARTITION_GPT_GROW },
            { .type = SD_GPT_HOME, .flags = PARTITION_GPT_READ_ONLY },
            { .type = SD_GPT_SRV, .flags = PARTITION_GPT_READ_ONLY | PARTITION_GPT_GROW },
            { .type = SD_GPT_ESP, .flags = PARTITION_GPT_NO_BLOCK_IO });
        ASSERT_PLAN(TABLE_GPT, true, "root 1 ro", { .type = SD_GPT_ROOT_NATIVE, .flags = PARTITION_GPT_GROW });
}

#ifdef SD_GPT_ROOT_SECONDARY
TEST(architectures) {
        GPT("root 2", { .type = SD_GPT_ROOT_SECONDARY, .label = "9" }, { .type = SD_GPT_ROOT_NATIVE, .label = "1" },
            { .type = SD_GPT_ROOT_SECONDARY, .label = "10" });
        GPT("root 1, usr 2", { .type = SD_GPT_ROOT_SECONDARY }, { .type = SD_GPT_USR_SECONDARY });
        GPT("", { .type = SD_GPT_ROOT_NATIVE }, { .type = SD_GPT_USR_SECONDARY });
        ASSERT_LOGGED("different kinds of processors");
        GPT("", { .type = SD_GPT_ROOT_S390X });
        ASSERT_LOGGED("none of its 1 partitions");
}
#endif

TEST(generic) {
        GPT("root 2 grow", { .type = SWAP }, { .type = GENERIC, .flags = PARTITION_GPT_GROW });
        GPT("root 2", { .type = GENERIC, .flags = PARTITION_GPT_NO_AUTO }, { .type = GENERIC });
        GPT("root 2", { .type = GENERIC }, { .type = SD_GPT_ROOT_NATIVE });
        GPT("", { .type = GENERIC }, { .type = GENERIC });
        ASSERT_LOGGED("which of its Linux partitions");
        GPT("", { .type = SWAP });
        ASSERT_LOGGED("none of its 1 partitions is a root");
}

TEST(mbr) {
        MBR("root 1", { .mbr_type = 0x83 });
        MBR("root 2, xbootldr 1", { .mbr_type = 0xea }, { .mbr_type = 0x83 }, { .mbr_type = 0x82 });
        MBR("root 2", { .mbr_type = 0x83 }, { .mbr_type = 0x83, .flags = PARTITION_MBR_BOOTABLE },
            { .mbr_type = 0x83 });
        MBR("root 1", { .mbr_type = 0x83, .flags = PARTITION_MBR_BOOTABLE }, { .mbr_type = 0x83 },
            { .mbr_type = 0x83 });
        MBR("", { .mbr_type = 0x83 }, { .mbr_type = 0x83 });
        ASSERT_LOGGED("which of its Linux partitions");
        MBR("", { .mbr_type = 7 });
        ASSERT_LOGGED("no Linux partition");
}

TEST(bare) {
        ASSERT_PLAN(TABLE_NONE, false, "root 1", { .fstype = "ext4" });
        ASSERT_PLAN(TABLE_NONE, true, "root 1 ro", { .fstype = "ext4" });
}

TEST(policy_passes_over) {
        policy = "root=unprotected:home=unused";
        GPT("root 1", { .type = SD_GPT_ROOT_NATIVE }, { .type = SD_GPT_HOME }, { .type = SD_GPT_SRV },
            { .type = SD_GPT_ROOT_NATIVE_VERITY });
        policy = "usr=unprotected"; /* so the other root's kind of processor is no matter */
        GPT("usr 2", { .type = SD_GPT_ROOT_SECONDARY }, { .type = SD_GPT_USR_NATIVE });
        policy = "-";
        GPT("", { .type = SD_GPT_ROOT_NATIVE });
        ASSERT_LOGGED("leaves neither a root nor a /usr");
        policy = "*";
}

TEST(policy_refuses) {
        policy = "root=unprotected:home=unprotected";
        GPT("", { .type = SD_GPT_ROOT_NATIVE });
        ASSERT_LOGGED("x.raw: its home partition is missing; the image policy wants it to be unprotected");
        GPT("", { .type = SD_GPT_ROOT_NATIVE }, { .type = SD_GPT_HOME, .flags = PARTITION_GPT_NO_AUTO });
        ASSERT_LOGGED("home partition is missing");
        policy = "root=unprotected:swap=absent";
        GPT("", { .type = SWAP }, { .type = SD_GPT_ROOT_NATIVE });
        ASSERT_LOGGED("its swap partition is there; the image policy wants it to be absent");
        policy = "root=unprotected+read-only-on";
        GPT("root 1 ro", { .type = SD_GPT_ROOT_NATIVE, .flags = PARTITION_GPT_READ_ONLY });
        GPT("", { .type = SD_GPT_ROOT_NATIVE });
        ASSERT_LOGGED("the read-only attribute off");
        MBR("", { .mbr_type = 0x83 });
        ASSERT_PLAN(TABLE_NONE, true, "", { .fstype = "ext4" });
        policy = "~";
        GPT("", { .type = SD_GPT_USR_NATIVE });
        ASSERT_LOGGED("its usr partition is there");
        policy = "*";
}

TEST(policy_after_reading) {
        ImageSlot slot = { .used = true, .partition.fstype = "ext4" };
        ImageProtection protection;
        ImagePolicy permitted;

        log_set_sink(keep_log, NULL);
        ASSERT_OK(image_policy_parse("root=unprotected+verity:home=encrypted+xfs", &permitted));
        ASSERT_OK(image_check_slot("x", &permitted, IMAGE_ROOT, &slot, PROTECTION_VERITY, &protection));
        ASSERT_EQ(protection, PROTECTION_VERITY);
        ASSERT_ERR(image_check_slot("x", &permitted, IMAGE_HOME, &slot, PROTECTION_NONE, NULL), -EPERM);
        ASSERT_STREQ(logged, "x: its home partition is unprotected; the image policy wants it to be encrypted");
        ASSERT_ERR(image_check_slot("x", &permitted, IMAGE_HOME, &slot, PROTECTION_ENCRYPTED, NULL), -EPERM);
        ASSERT_STREQ(logged, "x: its home file system is ext4; the image policy wants it to be xfs");
}

TEST(options) {
        ASSERT_TRUE(strstr(image_mount_options("ext4", false), "errors=remount-ro"));
        ASSERT_TRUE(startswith(image_mount_options("ext4", true), "ro,norecovery"));
        for (const char *const *t = (const char *const[]){ "ext2", "ext3", "ext4", "f2fs", "nilfs2", "vfat", NULL };
             *t; t++)
                ASSERT_TRUE(strstr(image_mount_options(*t, false), "errors=remount-ro") &&
                            strstr(image_mount_options(*t, true), "errors=remount-ro"));
        ASSERT_TRUE(startswith(image_mount_options("squashfs", false), "ro"));
        ASSERT_TRUE(startswith(image_mount_options("whatever", true), "ro"));
        ASSERT_TRUE(!image_mount_options("whatever", false));
        ASSERT_TRUE(image_fstype_is_read_only("erofs") && !image_fstype_is_read_only("btrfs"));
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX; place++) {
                ASSERT_TRUE(image_mount_attributes(place, false) & MOUNT_ATTR_NODEV);
                ASSERT_TRUE(image_mount_attributes(place, true) & MOUNT_ATTR_RDONLY);
        }
        ASSERT_TRUE(image_mount_attributes(IMAGE_ESP, false) & MOUNT_ATTR_NOEXEC);
        ASSERT_TRUE(!(image_mount_attributes(IMAGE_ROOT, false) & (MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID)));
}

TEST(version_order) {
        static const struct {
                const char *older, *newer;
        } pairs[] = {
                { "~", "" },
                { "1~rc1", "1" },
                { "1~rc1", "1~rc2" },
                { "1", "1-1" },
                { "1-1", "1.1" },
                { "1-1", "1^1" },
                { "1^1", "1.1" },
                { "1.9", "1.10" },
                { "1", "1a" },
                { "A", "a" },
                { "a", "ab" },
                { "os_9", "os_10" },
                { "9", "18446744073709551616" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                ASSERT_TRUE(version_compare(pairs[i].older, pairs[i].newer) < 0);
                ASSERT_TRUE(version_compare(pairs[i].newer, pairs[i].older) > 0);
        }
        ASSERT_EQ(version_compare("1.01", "1.1"), 0);
        ASSERT_EQ(version_compare("a+b", "a_b"), 0);
        ASSERT_EQ(version_compare("", ""), 0);
}

TEST_MAIN
