/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: starting a checker takes milliseconds, and all it does with a clean file system is to
 * read its superblock and to go away. So we read that. ext4 and vfat keep a flag there. Whoever made the image
 * can set it as he likes, as he can do with all else in it: the check serves those who mean well, and the
 * kernel has to stand the others in any case. xfs and btrfs are repaired by the kernel or by hand, their
 * checkers do nothing; squashfs and erofs are never written. */

#include "file-system-state.h"

#include <endian.h>
#include <unistd.h>

static uint16_t get16(const uint8_t *p) {
        uint16_t v;

        memcpy(&v, p, sizeof(v));
        return le16toh(v);
}

static uint32_t get32(const uint8_t *p) {
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return le32toh(v);
}

/* — ext4 — */

#define EXT4_OFFSET 1024
#define EXT4_SIZE 1024
#define EXT4_MAGIC 0xef53u
#define EXT4_STATE_VALID 1u
#define EXT4_STATE_ERROR 2u
#define EXT4_INCOMPAT_RECOVER 4u

static FileSystemState ext4_state(const uint8_t *sb, uint64_t now) {
        unsigned mounts = get16(sb + 52), max_mounts = get16(sb + 54), state = get16(sb + 58);
        uint64_t last_check = get32(sb + 64), interval = get32(sb + 68);

        if (get16(sb + 56) != EXT4_MAGIC)
                return FILE_SYSTEM_UNKNOWN;
        if (!(state & EXT4_STATE_VALID) || (state & EXT4_STATE_ERROR) || (get32(sb + 96) & EXT4_INCOMPAT_RECOVER))
                return FILE_SYSTEM_DIRTY;
        if (max_mounts > 0 && max_mounts < 0x8000 && mounts >= max_mounts) /* it is signed: less than 0 is never */
                return FILE_SYSTEM_DIRTY;
        return interval > 0 && now >= last_check + interval ? FILE_SYSTEM_DIRTY : FILE_SYSTEM_CLEAN;
}

#define EXT4_COMPAT_HAS_JOURNAL 4u

/* A journal that is no inode is a device, by number. */
static bool ext4_names_devices(const uint8_t *sb, bool read_only) {
        return !read_only && (get32(sb + 92) & EXT4_COMPAT_HAS_JOURNAL) && get32(sb + 224) == 0;
}

/* — f2fs — */

#define F2FS_OFFSET 1024
#define F2FS_SIZE 3072
#define F2FS_DEVICES 2201

/* The paths of all devices, its own one included, or nothing if that is the only one. */
static bool f2fs_names_devices(const uint8_t *sb, bool read_only) {
        (void) read_only;
        return sb[F2FS_DEVICES] != 0;
}

/* — btrfs — */

#define BTRFS_OFFSET 65536
#define BTRFS_SIZE 144
#define BTRFS_DEVICES 136

/* How many devices it has. The others are found by its number, which they bear as well, among those that the kernel has
 * seen. */
static bool btrfs_names_devices(const uint8_t *sb, bool read_only) {
        uint64_t n;

        (void) read_only;
        memcpy(&n, sb + BTRFS_DEVICES, sizeof(n));
        return le64toh(n) > 1;
}

/* — erofs — */

#define EROFS_OFFSET 1024
#define EROFS_SIZE 128
#define EROFS_INCOMPAT 80
#define EROFS_INCOMPAT_DEVICES 8u
#define EROFS_DEVICES 86

/* Some kernels open those by the path that the image gives for them. */
static bool erofs_names_devices(const uint8_t *sb, bool read_only) {
        (void) read_only;
        return (get32(sb + EROFS_INCOMPAT) & EROFS_INCOMPAT_DEVICES) && get16(sb + EROFS_DEVICES) != 0;
}

/* — vfat — */

#define VFAT_SIZE 512
#define VFAT_FLAGS_DIRTY 1u
#define VFAT_FLAGS_ERROR 2u

/* FAT32 has no count of sectors in the old place, and its flags elsewhere. */
static FileSystemState vfat_state(const uint8_t *sb, uint64_t now) {
        unsigned flags = get16(sb + 22) == 0 ? sb[65] : sb[37];

        (void) now;
        if (sb[510] != 0x55 || sb[511] != 0xaa)
                return FILE_SYSTEM_UNKNOWN;
        return flags & (VFAT_FLAGS_DIRTY | VFAT_FLAGS_ERROR) ? FILE_SYSTEM_DIRTY : FILE_SYSTEM_CLEAN;
}

/* — all of them — */

static const struct {
        const char *fstype;
        off_t offset;
        size_t size;
        FileSystemState (*read)(const uint8_t *superblock, uint64_t now); /* NULL: there is nothing to read */
        FileSystemState otherwise;
} types[] = {
        { "ext4", EXT4_OFFSET, EXT4_SIZE, ext4_state, FILE_SYSTEM_UNKNOWN },
        { "vfat", 0, VFAT_SIZE, vfat_state, FILE_SYSTEM_UNKNOWN },
        { "xfs", 0, 0, NULL, FILE_SYSTEM_CLEAN },
        { "btrfs", 0, 0, NULL, FILE_SYSTEM_CLEAN },
        { "squashfs", 0, 0, NULL, FILE_SYSTEM_CLEAN },
        { "erofs", 0, 0, NULL, FILE_SYSTEM_CLEAN },
};

FileSystemState file_system_state(int fd, const char *fstype, uint64_t now) {
        uint8_t superblock[EXT4_SIZE]; /* the largest */

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (!streq(types[i].fstype, fstype))
                        continue;
                if (!types[i].read || pread(fd, superblock, types[i].size, types[i].offset) != (ssize_t) types[i].size)
                        return types[i].otherwise;
                return types[i].read(superblock, now);
        }
        return FILE_SYSTEM_UNKNOWN;
}

static const struct {
        const char *fstype;
        off_t offset;
        size_t size;
        bool (*names_devices)(const uint8_t *superblock, bool read_only);
        unsigned pages; /* that lie before */
} spread_types[] = {
        { "ext4", EXT4_OFFSET, EXT4_SIZE, ext4_names_devices, 0 },
        { "ext3", EXT4_OFFSET, EXT4_SIZE, ext4_names_devices, 0 },
        { "f2fs", F2FS_OFFSET, F2FS_SIZE, f2fs_names_devices, 0 },
        /* The second copy, which counts if there is something wrong with the first; a block of it is a page. */
        { "f2fs", F2FS_OFFSET, F2FS_SIZE, f2fs_names_devices, 1 },
        { "btrfs", BTRFS_OFFSET, BTRFS_SIZE, btrfs_names_devices, 0 },
        { "erofs", EROFS_OFFSET, EROFS_SIZE, erofs_names_devices, 0 },
};

static bool read_superblock(int fd, size_t i, uint8_t *ret) {
        off_t offset = spread_types[i].offset + (off_t) spread_types[i].pages * sysconf(_SC_PAGESIZE);

        return pread(fd, ret, spread_types[i].size, offset) == (ssize_t) spread_types[i].size;
}

bool file_system_names_devices(int fd, const char *fstype, bool read_only) {
        uint8_t superblock[F2FS_SIZE]; /* the largest */

        for (size_t i = 0; i < ELEMENTSOF(spread_types); i++)
                if (streq(spread_types[i].fstype, fstype) && read_superblock(fd, i, superblock) &&
                    spread_types[i].names_devices(superblock, read_only))
                        return true;
        return false;
}
