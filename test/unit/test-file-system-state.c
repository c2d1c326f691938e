/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-system-state.h"

#include <sys/mman.h>

#include "fd.h"
#include "test.h"

#define NOW 2000000000u
#define DISK_SIZE 69632

typedef struct Patch {
        unsigned offset;
        uint8_t value;
} Patch;

/* A disk with these bytes in it. */
static int make_disk(const Patch *patches, size_t n, size_t size) {
        uint8_t disk[DISK_SIZE] = {};
        int fd = memfd_create("disk", MFD_CLOEXEC);

        for (size_t i = 0; i < n; i++)
                disk[patches[i].offset] = patches[i].value;
        ASSERT_OK(fd);
        ASSERT_OK(write_all(fd, disk, size));
        return fd;
}

static FileSystemState state(const char *fstype, const Patch *patches, size_t n, size_t size) {
        _cleanup_close_ int fd = make_disk(patches, n, size);

        return file_system_state(fd, fstype, NOW);
}

static bool names_devices(const char *fstype, bool read_only, const Patch *patches, size_t n) {
        _cleanup_close_ int fd = make_disk(patches, n, DISK_SIZE);

        return file_system_names_devices(fd, fstype, read_only);
}

#define ASSERT_STATE(fstype, expected, ...)                                                                           \
        ({                                                                                                            \
                const Patch _patches[] = { __VA_ARGS__ };                                                             \
                ASSERT_EQ(state(fstype, _patches, ELEMENTSOF(_patches), DISK_SIZE), expected);                        \
        })

#define EXT4_MAGIC                                                                                                    \
        { 1024 + 56, 0x53 }, {                                                                                        \
                1024 + 57, 0xef                                                                                       \
        }
#define EXT4_VALID                                                                                                    \
        EXT4_MAGIC, {                                                                                                 \
                1024 + 58, 1                                                                                          \
        }

TEST(ext4) {
        ASSERT_STATE("ext4", FILE_SYSTEM_CLEAN, EXT4_VALID);
        ASSERT_STATE("ext4", FILE_SYSTEM_DIRTY, EXT4_MAGIC);
        ASSERT_STATE("ext4", FILE_SYSTEM_DIRTY, EXT4_MAGIC, { 1024 + 58, 3 });
        ASSERT_STATE("ext4", FILE_SYSTEM_DIRTY, EXT4_VALID, { 1024 + 96, 4 });
        ASSERT_STATE("ext4", FILE_SYSTEM_CLEAN, EXT4_VALID, { 1024 + 96, 0xfb });
        ASSERT_STATE("ext4", FILE_SYSTEM_UNKNOWN, { 1024 + 58, 1 });
}

TEST(ext4_check_is_due) {
        ASSERT_STATE("ext4", FILE_SYSTEM_CLEAN, EXT4_VALID, { 1024 + 52, 4 }, { 1024 + 54, 5 });
        ASSERT_STATE("ext4", FILE_SYSTEM_DIRTY, EXT4_VALID, { 1024 + 52, 5 }, { 1024 + 54, 5 });
        ASSERT_STATE("ext4", FILE_SYSTEM_CLEAN, EXT4_VALID, { 1024 + 52, 5 }, { 1024 + 54, 0xff },
                     { 1024 + 55, 0xff });
        ASSERT_STATE("ext4", FILE_SYSTEM_DIRTY, EXT4_VALID, { 1024 + 68, 1 }); /* last one in 1970 */
        ASSERT_STATE("ext4", FILE_SYSTEM_CLEAN, EXT4_VALID, { 1024 + 67, 0xff }, { 1024 + 71, 0xff });
}

#define VFAT                                                                                                          \
        { 510, 0x55 }, {                                                                                              \
                511, 0xaa                                                                                             \
        }

TEST(vfat) {
        ASSERT_STATE("vfat", FILE_SYSTEM_CLEAN, VFAT);
        ASSERT_STATE("vfat", FILE_SYSTEM_DIRTY, VFAT, { 65, 1 });
        ASSERT_STATE("vfat", FILE_SYSTEM_DIRTY, VFAT, { 65, 2 });
        ASSERT_STATE("vfat", FILE_SYSTEM_CLEAN, VFAT, { 37, 1 });
        ASSERT_STATE("vfat", FILE_SYSTEM_DIRTY, VFAT, { 22, 9 }, { 37, 1 });
        ASSERT_STATE("vfat", FILE_SYSTEM_CLEAN, VFAT, { 22, 9 }, { 65, 1 });
        ASSERT_STATE("vfat", FILE_SYSTEM_UNKNOWN, { 510, 0x55 });
}

TEST(others) {
        ASSERT_STATE("xfs", FILE_SYSTEM_CLEAN, { 0, 1 });
        ASSERT_STATE("squashfs", FILE_SYSTEM_CLEAN, { 0, 1 });
        ASSERT_STATE("f2fs", FILE_SYSTEM_UNKNOWN, { 0, 1 });
        ASSERT_STATE("minix", FILE_SYSTEM_UNKNOWN, { 0, 1 });
        ASSERT_EQ(state("ext4", NULL, 0, 1500), FILE_SYSTEM_UNKNOWN);
        ASSERT_EQ(state("vfat", NULL, 0, 0), FILE_SYSTEM_UNKNOWN);
}

#define NAMES_DEVICES(fstype, read_only, ...)                                                                         \
        ({                                                                                                            \
                const Patch _patches[] = { __VA_ARGS__ };                                                             \
                names_devices(fstype, read_only, _patches, ELEMENTSOF(_patches));                                     \
        })

TEST(other_devices) {
        ASSERT_TRUE(!NAMES_DEVICES("ext4", false, EXT4_VALID));
        ASSERT_TRUE(NAMES_DEVICES("ext4", false, EXT4_VALID, { 1024 + 92, 4 }, { 1024 + 228, 1 }));
        ASSERT_TRUE(NAMES_DEVICES("ext3", false, EXT4_VALID, { 1024 + 92, 4 }));
        ASSERT_TRUE(!NAMES_DEVICES("ext4", true, EXT4_VALID, { 1024 + 92, 4 }, { 1024 + 228, 1 }));
        ASSERT_TRUE(!NAMES_DEVICES("ext4", false, EXT4_VALID, { 1024 + 92, 4 }, { 1024 + 224, 8 }));
        ASSERT_TRUE(!NAMES_DEVICES("f2fs", false, { 1024, 1 }));
        ASSERT_TRUE(NAMES_DEVICES("f2fs", true, { 1024 + 2201, '/' }));
        ASSERT_TRUE(NAMES_DEVICES("f2fs", false, { (int) sysconf(_SC_PAGESIZE) + 1024 + 2201, '/' }));
        ASSERT_TRUE(!NAMES_DEVICES("btrfs", false, { 65536 + 136, 1 }));
        ASSERT_TRUE(NAMES_DEVICES("btrfs", true, { 65536 + 136, 2 }));
        ASSERT_TRUE(NAMES_DEVICES("btrfs", false, { 65536 + 136, 1 }, { 65536 + 143, 1 }));
        ASSERT_TRUE(!NAMES_DEVICES("erofs", true, { 1024 + 80, 8 }));
        ASSERT_TRUE(!NAMES_DEVICES("erofs", true, { 1024 + 86, 1 }));
        ASSERT_TRUE(NAMES_DEVICES("erofs", true, { 1024 + 80, 9 }, { 1024 + 86, 1 }));
        ASSERT_TRUE(NAMES_DEVICES("erofs", true, { 1024 + 80, 8 }, { 1024 + 87, 1 }));
        ASSERT_TRUE(!NAMES_DEVICES("xfs", false, { 1024 + 92, 4 }));
}

TEST_MAIN
