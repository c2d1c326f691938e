/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "partition-table.h"

#include "fd.h"
#include "gpt.h"
#include "test.h"

#define DISK_SIZE (4u << 20)
#define TYPE SD_ID128_MAKE(4f, 68, bc, e3, e8, cd, 4d, b1, 96, e7, fb, ca, f9, 84, b7, 09)

static const char *const names[] = { "squashfs", "crypto_LUKS", NULL };

static int make_disk(void) {
        int fd = memfd_create("disk", MFD_CLOEXEC);

        ASSERT_OK(fd);
        ASSERT_OK(ftruncate(fd, DISK_SIZE));
        return fd;
}

static void put(int fd, uint64_t offset, const void *data, size_t size) {
        ASSERT_EQ(pwrite(fd, data, size, (off_t) offset), size);
}

static void put_squashfs(int fd, uint64_t offset) {
        uint8_t superblock[96] = { 'h', 's', 'q', 's', [28] = 4 };

        put(fd, offset, superblock, sizeof(superblock));
}

typedef struct Disk {
        unsigned sector;
        GptEntry entries[128];
        GptHeader header;
} Disk;

static void init_disk(Disk *d, unsigned sector) {
        uint64_t sectors = DISK_SIZE / sector;

        *d = (Disk){
                .sector = sector,
                .header = {
                        .signature = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T' },
                        .revision = htole32(0x10000),
                        .header_size = htole32(sizeof(GptHeader)),
                        .my_lba = htole64(1),
                        .other_lba = htole64(sectors - 1),
                        .first_lba = htole64(2 + sizeof(d->entries) / sector),
                        .last_lba = htole64(sectors - 2 - sizeof(d->entries) / sector),
                        .entries_lba = htole64(2),
                        .n_entries = htole32(128),
                        .entry_size = htole32(128),
                },
        };
}

static void add_entry(Disk *d, size_t i, uint64_t first, uint64_t last) {
        d->entries[i] = (GptEntry){
                .type = gpt_swap(TYPE),
                .uuid = gpt_swap(SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff)),
                .first = htole64(first),
                .last = htole64(last),
                .attributes = htole64(PARTITION_GPT_GROW),
                .name = { 'v', '1' },
        };
}

static int write_disk(Disk *d) {
        static const uint8_t protective[66] = { [4] = 0xee, [8] = 1, [12] = 0xff, 0xff, [64] = 0x55, 0xaa };
        int fd = make_disk();

        gpt_seal(&d->header, d->entries, sizeof(d->entries));
        put(fd, 446, protective, sizeof(protective));
        put(fd, d->sector, &d->header, sizeof(d->header));
        put(fd, 2ull * d->sector, d->entries, sizeof(d->entries));
        return fd;
}

static int read_disk(Disk *d, PartitionTable *ret) {
        _cleanup_close_ int fd = write_disk(d);

        return partition_table_read(fd, DISK_SIZE, names, ret);
}

TEST(gpt) {
        _cleanup_partition_table_ PartitionTable t = {};
        Disk d;

        init_disk(&d, 512);
        add_entry(&d, 0, 2048, 4095);
        add_entry(&d, 4, 1024, 2047);
        ASSERT_OK(read_disk(&d, &t));
        ASSERT_EQ(t.kind, TABLE_GPT);
        ASSERT_EQ(t.sector_size, 512);
        ASSERT_EQ(t.n_items, 2);
        ASSERT_EQ(t.items[0].number, 1);
        ASSERT_EQ(t.items[1].number, 5);
        ASSERT_EQ(t.items[1].offset, 1024 * 512);
        ASSERT_EQ(t.items[1].size, 1024 * 512);
        ASSERT_EQ(t.items[1].flags, PARTITION_GPT_GROW);
        ASSERT_STREQ(t.items[1].label, "v1");
        ASSERT_STREQ(t.items[1].fstype, "");
        ASSERT_TRUE(sd_id128_equal(t.items[0].type, TYPE));
        ASSERT_EQ(t.items[0].uuid.bytes[1], 0x11);
        ASSERT_EQ(t.items[0].uuid.bytes[15], 0xff);
}

TEST(gpt_of_large_sectors) {
        _cleanup_partition_table_ PartitionTable t = {};
        Disk d;

        init_disk(&d, 4096);
        add_entry(&d, 0, 100, 199);
        ASSERT_OK(read_disk(&d, &t));
        ASSERT_EQ(t.sector_size, 4096);
        ASSERT_EQ(t.items[0].offset, 100 * 4096);
        ASSERT_EQ(t.items[0].size, 100 * 4096);
}

TEST(probing) {
        _cleanup_partition_table_ PartitionTable t = {};
        static const uint8_t luks[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1 };
        _cleanup_close_ int fd = -EBADF;
        Disk d;

        init_disk(&d, 512);
        for (size_t i = 0; i < 3; i++)
                add_entry(&d, i, 1024 * (i + 1), 1024 * (i + 1) + 1023);
        fd = write_disk(&d);
        ASSERT_OK(partition_table_read(fd, DISK_SIZE, names, &t));
        put_squashfs(fd, t.items[0].offset);
        put(fd, t.items[1].offset, luks, sizeof(luks));
        ASSERT_OK(partition_probe(fd, &t.items[0], names));
        ASSERT_STREQ(t.items[0].fstype, "squashfs");
        ASSERT_OK(partition_probe(fd, &t.items[1], names));
        ASSERT_STREQ(t.items[1].fstype, "crypto_LUKS");
        ASSERT_ERR(partition_probe(fd, &t.items[2], names), -ENOMEDIUM);
        ASSERT_STREQ(t.items[2].fstype, "");
        ASSERT_ERR(partition_probe(fd, &t.items[0], (const char *const[]){ "ext4", NULL }), -ENOMEDIUM);
}

TEST(bare_file_system) {
        _cleanup_partition_table_ PartitionTable t = {};
        _cleanup_close_ int fd = make_disk();

        put_squashfs(fd, 0);
        ASSERT_OK(partition_table_read(fd, DISK_SIZE, names, &t));
        ASSERT_EQ(t.kind, TABLE_NONE);
        ASSERT_EQ(t.n_items, 1);
        ASSERT_STREQ(t.items[0].fstype, "squashfs");
        ASSERT_EQ(t.items[0].size, DISK_SIZE);
        partition_table_done(&t);
        ASSERT_ERR(partition_table_read(fd, DISK_SIZE, (const char *const[]){ "ext4", NULL }, &t), -ENOMEDIUM);
}

TEST(mbr) {
        static const uint8_t sector[] = {
                0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, /* 1024 sectors from 1024 on */
                0,    0, 0, 0, 0xea, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,
                0,    0, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x55, 0xaa,
        };
        _cleanup_partition_table_ PartitionTable t = {};
        _cleanup_close_ int fd = make_disk();

        put(fd, 446, sector, sizeof(sector));
        ASSERT_OK(partition_table_read(fd, DISK_SIZE, names, &t));
        ASSERT_EQ(t.kind, TABLE_MBR);
        ASSERT_EQ(t.n_items, 2);
        ASSERT_EQ(t.items[0].mbr_type, 0x83);
        ASSERT_EQ(t.items[0].flags, PARTITION_MBR_BOOTABLE);
        ASSERT_EQ(t.items[0].offset, 1024 * 512);
        ASSERT_EQ(t.items[1].mbr_type, 0xea);
        ASSERT_EQ(t.items[1].flags, 0);
}

TEST(nothing) {
        PartitionTable t = {};
        _cleanup_close_ int fd = make_disk();

        ASSERT_ERR(partition_table_read(fd, DISK_SIZE, names, &t), -ENOMEDIUM);
        ASSERT_ERR(partition_table_read(fd, 0, names, &t), -ENOMEDIUM);
        ASSERT_ERR(partition_table_read(fd, 100, names, &t), -ENOMEDIUM);
        ASSERT_TRUE(!t.items);
}

TEST(lies) {
        _cleanup_close_ int fd = -EBADF;
        PartitionTable t = {};
        Disk d;

        /* Two partitions share sectors. */
        init_disk(&d, 512);
        add_entry(&d, 0, 1024, 2047);
        add_entry(&d, 1, 2000, 3000);
        ASSERT_ERR(read_disk(&d, &t), -EBADMSG);

        /* More entries than anybody reads into memory. */
        init_disk(&d, 512);
        add_entry(&d, 0, 1024, 2047);
        d.header.n_entries = htole32(1u << 24);
        ASSERT_ERR(read_disk(&d, &t), -EBADMSG);
        init_disk(&d, 512);
        d.header.entry_size = htole32(1u << 30);
        ASSERT_ERR(read_disk(&d, &t), -EBADMSG);

        /* A disk cut short. */
        init_disk(&d, 512);
        add_entry(&d, 0, 1024, 2047);
        fd = write_disk(&d);
        ASSERT_ERR(partition_table_read(fd, DISK_SIZE / 2, names, &t), -ESPIPE);

        /* Checksums that do not fit, and no second header. */
        put(fd, 1024 + 60, "x", 1);
        ASSERT_ERR(partition_table_read(fd, DISK_SIZE, names, &t), -ENOMEDIUM);

        /* A partition that ends before it begins, or outside of the disk. */
        init_disk(&d, 512);
        add_entry(&d, 0, 2047, 1024);
        ASSERT_TRUE(read_disk(&d, &t) < 0 || t.n_items == 0);
        partition_table_done(&t);
        init_disk(&d, 512);
        add_entry(&d, 0, 1024, UINT64_MAX / 2);
        ASSERT_TRUE(read_disk(&d, &t) < 0 || t.n_items == 0);
        partition_table_done(&t);
}

TEST_MAIN
