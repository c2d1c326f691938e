/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: libblkid does the reading, since it is what every other tool on the host believes.
 * What it would believe too easily is checked before (a header's numbers, which decide how much is read)
 * and after (places and sizes, which become those of loop devices). A file system that fills the disk wins
 * over a table, as it does everywhere else. Which probers run at all is the caller's choice: each of them
 * reads hostile data. */

#include "partition-table.h"

#include <blkid/blkid.h>
#include <endian.h>
#include <unistd.h>

#include "dl.h"
#include "hex.h"
#include "log.h"

#define BLKID_SECTOR 512u /* libblkid counts in these, whatever the disk does */
#define GPT_ENTRIES_MAX 4096u

static __typeof__(blkid_new_probe) *dl_blkid_new_probe;
static __typeof__(blkid_free_probe) *dl_blkid_free_probe;
static __typeof__(blkid_probe_set_device) *dl_blkid_probe_set_device;
static __typeof__(blkid_probe_set_sectorsize) *dl_blkid_probe_set_sectorsize;
static __typeof__(blkid_probe_enable_superblocks) *dl_blkid_probe_enable_superblocks;
static __typeof__(blkid_probe_set_superblocks_flags) *dl_blkid_probe_set_superblocks_flags;
static __typeof__(blkid_probe_filter_superblocks_type) *dl_blkid_probe_filter_superblocks_type;
static __typeof__(blkid_probe_filter_partitions_type) *dl_blkid_probe_filter_partitions_type;
static __typeof__(blkid_do_safeprobe) *dl_blkid_do_safeprobe;
static __typeof__(blkid_probe_lookup_value) *dl_blkid_probe_lookup_value;
static __typeof__(blkid_probe_get_partitions) *dl_blkid_probe_get_partitions;
static __typeof__(blkid_partlist_numof_partitions) *dl_blkid_partlist_numof_partitions;
static __typeof__(blkid_partlist_get_partition) *dl_blkid_partlist_get_partition;
static __typeof__(blkid_partlist_get_table) *dl_blkid_partlist_get_table;
static __typeof__(blkid_parttable_get_type) *dl_blkid_parttable_get_type;
static __typeof__(blkid_partition_get_table) *dl_blkid_partition_get_table;
static __typeof__(blkid_partition_get_partno) *dl_blkid_partition_get_partno;
static __typeof__(blkid_partition_get_start) *dl_blkid_partition_get_start;
static __typeof__(blkid_partition_get_size) *dl_blkid_partition_get_size;
static __typeof__(blkid_partition_get_type) *dl_blkid_partition_get_type;
static __typeof__(blkid_partition_get_type_string) *dl_blkid_partition_get_type_string;
static __typeof__(blkid_partition_get_uuid) *dl_blkid_partition_get_uuid;
static __typeof__(blkid_partition_get_name) *dl_blkid_partition_get_name;
static __typeof__(blkid_partition_get_flags) *dl_blkid_partition_get_flags;
static __typeof__(blkid_partition_is_extended) *dl_blkid_partition_is_extended;

static int load_blkid(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(blkid_new_probe),
                DL_SYMBOL(blkid_free_probe),
                DL_SYMBOL(blkid_probe_set_device),
                DL_SYMBOL(blkid_probe_set_sectorsize),
                DL_SYMBOL(blkid_probe_enable_superblocks),
                DL_SYMBOL(blkid_probe_set_superblocks_flags),
                DL_SYMBOL(blkid_probe_filter_superblocks_type),
                DL_SYMBOL(blkid_probe_filter_partitions_type),
                DL_SYMBOL(blkid_do_safeprobe),
                DL_SYMBOL(blkid_probe_lookup_value),
                DL_SYMBOL(blkid_probe_get_partitions),
                DL_SYMBOL(blkid_partlist_numof_partitions),
                DL_SYMBOL(blkid_partlist_get_partition),
                DL_SYMBOL(blkid_partlist_get_table),
                DL_SYMBOL(blkid_parttable_get_type),
                DL_SYMBOL(blkid_partition_get_table),
                DL_SYMBOL(blkid_partition_get_partno),
                DL_SYMBOL(blkid_partition_get_start),
                DL_SYMBOL(blkid_partition_get_size),
                DL_SYMBOL(blkid_partition_get_type),
                DL_SYMBOL(blkid_partition_get_type_string),
                DL_SYMBOL(blkid_partition_get_uuid),
                DL_SYMBOL(blkid_partition_get_name),
                DL_SYMBOL(blkid_partition_get_flags),
                DL_SYMBOL(blkid_partition_is_extended),
        };

        return dl_blkid_new_probe ? 0 : dl_load("libblkid.so.1", symbols, ELEMENTSOF(symbols));
}

static void free_probe(blkid_probe *probe) {
        if (*probe)
                dl_blkid_free_probe(*probe);
}
#define _cleanup_probe_ _cleanup_(free_probe)

static int open_probe(int fd, uint64_t offset, uint64_t size, blkid_probe *ret) {
        _cleanup_probe_ blkid_probe probe = NULL;

        if (offset > INT64_MAX || size > INT64_MAX)
                return -EBADMSG;
        errno = 0;
        probe = dl_blkid_new_probe();
        if (!probe)
                return -ENOMEM;
        if (dl_blkid_probe_set_device(probe, fd, (blkid_loff_t) offset, (blkid_loff_t) size) != 0)
                return errno_or_eio();
        *ret = TAKE_PTR(probe);
        return 0;
}

int partition_probe(int fd, Partition *partition, const char *const *names) {
        _cleanup_probe_ blkid_probe probe = NULL;
        const char *type;
        int r;

        r = load_blkid();
        if (r >= 0)
                r = open_probe(fd, partition->offset, partition->size, &probe);
        if (r < 0)
                return r;
        errno = 0;
        if (dl_blkid_probe_enable_superblocks(probe, 1) < 0 ||
            dl_blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) < 0 ||
            dl_blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_ONLYIN, (char **) names) < 0)
                return errno_or_eio();

        errno = 0;
        r = dl_blkid_do_safeprobe(probe);
        if (r == -2)
                return -ENOTUNIQ;
        if (r < 0)
                return errno_or_eio();
        if (r > 0 || dl_blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
                return -ENOMEDIUM;
        if (strlen(type) >= sizeof(partition->fstype))
                return -ENOMEDIUM;
        strcpy(partition->fstype, type);
        return 0;
}

/* — GPT headers — */

typedef struct GptHeader {
        char signature[8];
        uint32_t revision, header_size, header_crc, reserved;
        uint64_t my_lba, other_lba, first_lba, last_lba;
        uint8_t disk_guid[16];
        uint64_t entries_lba;
        uint32_t n_entries, entry_size, entries_crc;
} __attribute__((packed)) GptHeader;

/* 1 and the header, or 0 if there is none. */
static int read_header(int fd, uint64_t offset, GptHeader *ret) {
        ssize_t n = pread(fd, ret, sizeof(*ret), (off_t) offset);

        if (n < 0)
                return -errno;
        return (size_t) n == sizeof(*ret) && memcmp(ret->signature, "EFI PART", 8) == 0;
}

/* How much libblkid will read is the product of two numbers of the header. */
static int check_header(const GptHeader *header, uint64_t sectors) {
        if (le32toh(header->entry_size) != 128 || le32toh(header->n_entries) > GPT_ENTRIES_MAX)
                return -EBADMSG;
        return le64toh(header->last_lba) >= sectors ? -ESPIPE : 0;
}

/* The first header lies in the second sector, so its place tells how large a sector is. */
static int check_headers(int fd, uint64_t size, unsigned *ret_sector_size) {
        GptHeader header;
        int r;

        for (unsigned sector = 512; sector <= 4096; sector *= 2) {
                r = read_header(fd, sector, &header);
                if (r < 0)
                        return r;
                if (r == 0 || le64toh(header.my_lba) != 1)
                        continue;
                *ret_sector_size = sector;
                r = check_header(&header, size / sector);
                if (r < 0)
                        return r;
        }
        r = read_header(fd, (size / *ret_sector_size - 1) * *ret_sector_size, &header);
        return r <= 0 ? r : check_header(&header, size / *ret_sector_size);
}

/* — tables — */

static sd_id128_t parse_uuid(const char *s) {
        sd_id128_t id = {};
        size_t n = 0;

        for (; s && *s && n < 32; s++) {
                int value = hex_value(*s);

                if (*s == '-')
                        continue;
                if (value < 0)
                        return (sd_id128_t){};
                id.bytes[n / 2] = (uint8_t) (id.bytes[n / 2] << 4 | value);
                n++;
        }
        return n == 32 ? id : (sd_id128_t){};
}

static int read_partition(blkid_partition found, TableKind kind, unsigned sector_size, uint64_t disk_size,
                          Partition *ret) {
        blkid_loff_t start = dl_blkid_partition_get_start(found), size = dl_blkid_partition_get_size(found);
        const char *name = dl_blkid_partition_get_name(found);
        Partition p = { .number = dl_blkid_partition_get_partno(found) };

        if (start <= 0 || size <= 0 || __builtin_mul_overflow((uint64_t) start, BLKID_SECTOR, &p.offset) ||
            __builtin_mul_overflow((uint64_t) size, BLKID_SECTOR, &p.size) || p.offset % sector_size != 0 ||
            p.size % sector_size != 0)
                return -EBADMSG;
        if (p.offset > disk_size || p.size > disk_size - p.offset)
                return -ESPIPE;

        p.flags = dl_blkid_partition_get_flags(found);
        if (kind == TABLE_GPT) {
                p.type = parse_uuid(dl_blkid_partition_get_type_string(found));
                p.uuid = parse_uuid(dl_blkid_partition_get_uuid(found));
                if (name && strlen(name) < sizeof(p.label))
                        strcpy(p.label, name);
        } else
                p.mbr_type = (uint8_t) dl_blkid_partition_get_type(found);
        *ret = p;
        return 0;
}

static int compare_offsets(const void *a, const void *b) {
        const Partition *p = a, *q = b;

        return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static int compare_numbers(const void *a, const void *b) {
        return ((const Partition *) a)->number - ((const Partition *) b)->number;
}

static int check_overlaps(Partition *items, size_t n) {
        if (n == 0)
                return 0;
        qsort(items, n, sizeof(*items), compare_offsets);
        for (size_t i = 1; i < n; i++)
                if (items[i].offset - items[i - 1].offset < items[i - 1].size)
                        return -EBADMSG;
        qsort(items, n, sizeof(*items), compare_numbers);
        return 0;
}

/* Tables inside of partitions, and the box around an MBR's logical partitions, are not ours. */
static int read_list(blkid_partlist list, uint64_t disk_size, PartitionTable *table) {
        blkid_parttable outermost = dl_blkid_partlist_get_table(list);
        int n = dl_blkid_partlist_numof_partitions(list), r;

        if (n < 0 || !outermost)
                return -ENOMEDIUM;
        table->kind = streq(dl_blkid_parttable_get_type(outermost), "gpt") ? TABLE_GPT : TABLE_MBR;
        table->items = calloc((size_t) MAX(n, 1), sizeof(Partition));
        if (!table->items)
                return -ENOMEM;
        for (int i = 0; i < n; i++) {
                blkid_partition found = dl_blkid_partlist_get_partition(list, i);

                if (!found || dl_blkid_partition_get_table(found) != outermost ||
                    dl_blkid_partition_is_extended(found))
                        continue;
                r = read_partition(found, table->kind, table->sector_size, disk_size, &table->items[table->n_items]);
                if (r < 0)
                        return r;
                table->n_items++;
        }
        return check_overlaps(table->items, table->n_items);
}

static int read_table(int fd, uint64_t size, PartitionTable *table) {
        static const char *const kinds[] = { "gpt", "dos", NULL };
        _cleanup_probe_ blkid_probe probe = NULL;
        blkid_partlist list;
        int r;

        r = check_headers(fd, size, &table->sector_size);
        if (r >= 0)
                r = open_probe(fd, 0, size, &probe);
        if (r < 0)
                return r;
        errno = 0;
        if (dl_blkid_probe_set_sectorsize(probe, table->sector_size) < 0 ||
            dl_blkid_probe_filter_partitions_type(probe, BLKID_FLTR_ONLYIN, (char **) kinds) < 0)
                return errno_or_eio();
        list = dl_blkid_probe_get_partitions(probe);
        return list ? read_list(list, size, table) : -ENOMEDIUM;
}

static int read_whole(int fd, uint64_t size, const char *const *names, PartitionTable *table) {
        Partition disk = { .size = size };
        int r;

        r = partition_probe(fd, &disk, names);
        if (r < 0)
                return r;
        table->items = malloc(sizeof(disk));
        if (!table->items)
                return -ENOMEM;
        table->items[table->n_items++] = disk;
        return 0;
}

int partition_table_read(int fd, uint64_t size, const char *const *names, PartitionTable *ret) {
        _cleanup_partition_table_ PartitionTable table = { .sector_size = 512 };
        int r;

        if (size < 4096)
                return -ENOMEDIUM;
        r = read_whole(fd, size, names, &table);
        if (r == -ENOMEDIUM)
                r = read_table(fd, size, &table);
        if (r < 0)
                return r;
        *ret = TAKE(table, (PartitionTable){});
        return 0;
}

void partition_table_done(PartitionTable *table) {
        free(table->items);
        *table = (PartitionTable){};
}
