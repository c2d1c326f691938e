/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor while it holds the image's lock, since what is looked at must not change
 * afterwards. Only file systems from the list of permitted ones are looked for: each prober reads what somebody else
 * has written. What is encrypted or checked is looked at twice, as it lies there and through the device that deciphers
 * or checks it: only what is seen then is mounted. */

#include "host/image-probe.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "luks-header.h"
#include "parse.h"
#include "strv.h"

#define LUKS "crypto_LUKS"

static int read_size(const char *path, int fd, uint64_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        if (S_ISREG(st.st_mode))
                *ret = (uint64_t) st.st_size;
        else if (ioctl(fd, BLKGETSIZE64, ret) < 0)
                return log_error_errno(-errno, "%s: cannot tell its size: %m", path);
        return 0;
}

static int log_unreadable(int error, const char *path, const char *allowed) {
        switch (error) {
        case -ENOMEDIUM:
                return log_error_errno(error,
                                       "%s: there is neither a partition table nor a file system of a permitted "
                                       "type (%s) on it",
                                       path, allowed);
        case -ESPIPE:
                return log_error_errno(error, "%s is truncated: its partitions reach beyond its end", path);
        case -EBADMSG:
                return log_error_errno(error, "%s: its partition table is damaged", path);
        case -ENOTUNIQ:
                return log_error_errno(error, "%s: it bears signs of more than one file system; see wipefs(8)", path);
        case -ENOPKG:
                return log_error_errno(error, "disk images take libblkid (libblkid.so.1), which is not installed");
        default:
                return log_error_errno(error, "%s: cannot read it: %m", path);
        }
}

/* What only firmware needs is no reason to refuse an image. */
static bool is_optional(ImagePlace place) {
        return place == IMAGE_ESP || place == IMAGE_XBOOTLDR;
}

static int log_no_file_system(const ImageProbe *probe, const Image *image, ImagePlace place) {
        return log_error_errno(-ENOMEDIUM, "%s: its %s partition holds no file system of a permitted type (%s)",
                               image->path, image_place_name(place), probe->allowed);
}

/* That it has integrity is believed when it is open (host/mapped-device.c). */
static ImageProtection encryption_of(int fd, const Partition *partition) {
        LuksHeader header;

        return luks_header_read(fd, partition->offset, &header) >= 0 && header.integrity
                ? PROTECTION_ENCRYPTED_WITH_INTEGRITY
                : PROTECTION_ENCRYPTED;
}

static ImageProtection protection_of(const ImagePlan *plan, ImagePlace place, const RootHashes *hashes, int fd) {
        if (streq(plan->slots[place].partition.fstype, LUKS))
                return encryption_of(fd, &plan->slots[place].partition);
        if (!plan->hashes.used || plan->hashes.place != place)
                return PROTECTION_NONE;
        return hashes->items[plan->hashes.hash].signature ? PROTECTION_SIGNED : PROTECTION_VERITY;
}

/* What an encrypted partition has inside is judged when it is open. */
static int judge(const ImageProbe *probe, const Image *image, ImagePlace place, ImageProtection found,
                 ImageProtection *ret) {
        ImageSlot slot = image->plan.slots[place];

        if (streq(slot.partition.fstype, LUKS))
                *slot.partition.fstype = 0;
        return image_check_slot(image->path, &probe->source->image_policy, place, &slot, found, ret);
}

static void settle_writing(ImageSlot *slot) {
        if (image_fstype_is_read_only(slot->partition.fstype) || slot->protection == PROTECTION_VERITY ||
            slot->protection == PROTECTION_SIGNED)
                slot->read_only = true;
        slot->grow = slot->grow && !slot->read_only;
}

/* How a slot is to be protected, now that it is known what is in there. */
static int protect_slot(const ImageProbe *probe, Image *image, ImagePlace place, int fd) {
        ImageSlot *slot = &image->plan.slots[place];
        const RootHashes *hashes = &probe->verity.hashes;
        bool is_checked = image->plan.hashes.used && image->plan.hashes.place == place;
        ImageProtection found = protection_of(&image->plan, place, hashes, fd);
        int r;

        r = judge(probe, image, place, found, &slot->protection);
        if (r < 0)
                return r;
        if (is_checked && protection_is_encryption(found))
                return log_error_errno(-EOPNOTSUPP, "%s: its %s partition is both encrypted and protected by verity",
                                       image->path, image_place_name(place));
        if (is_checked && slot->protection == PROTECTION_NONE && hashes->items[0].given)
                return log_error_errno(-EPERM, "%s: there is a root hash, and the image policy forbids verity",
                                       image->path);
        settle_writing(slot);
        return 0;
}

static int probe_slot(const ImageProbe *probe, Image *image, ImagePlace place, int fd) {
        ImageSlot *slot = &image->plan.slots[place];
        int r = 0;

        if (!*slot->partition.fstype)
                r = partition_probe(fd, &slot->partition, (const char *const *) probe->names);
        if (r == -ENOMEDIUM && is_optional(place)) {
                log_debug("%s: its %s partition holds no file system of a permitted type", image->path,
                          image_place_name(place));
                slot->used = false;
                return 0;
        }
        if (r == -ENOMEDIUM)
                return log_no_file_system(probe, image, place);
        return r < 0 ? log_unreadable(r, image->path, probe->allowed) : protect_slot(probe, image, place, fd);
}

/* LUKS is none of the permitted types; it is looked for to be named. */
static int split_names(const char *allowed, char ***names) {
        for (;;) {
                char *name;
                int r = split_field(&allowed, ':', &name);

                if (r == 0)
                        return strv_append(names, LUKS);
                if (r > 0)
                        r = strv_push(names, name);
                if (r < 0)
                        return r;
        }
}

int image_probe(ImageProbe *probe, Image *image, int fd, bool read_only) {
        _cleanup_partition_table_ PartitionTable table = {};
        uint64_t size;
        int r;

        r = read_size(image->path, fd, &size);
        if (r < 0)
                return r;
        r = split_names(probe->allowed, &probe->names);
        if (r < 0)
                return log_error_errno(r, "$SYSTEMD_DISSECT_FILE_SYSTEMS=%s: %m", probe->allowed);
        r = partition_table_read(fd, size, (const char *const *) probe->names, &table);
        if (r < 0)
                return log_unreadable(r, image->path, probe->allowed);
        r = image_verity_find(image->path, probe->source, fd, &table, &probe->verity);
        if (r >= 0)
                r = image_plan(image->path, &table, &probe->source->image_policy, &probe->verity.hashes, read_only,
                               &image->plan);
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (image->plan.slots[place].used)
                        r = probe_slot(probe, image, place, fd);
        return r;
}

/* A wrong root hash or damage to the hashes shows at the first block. */
static int read_first_block(const Image *image, ImagePlace place) {
        char block[4096];

        if (protection_is_encryption(image->plan.slots[place].protection) ||
            pread(image->mapped_fds[place], block, sizeof(block), 0) >= 0)
                return 0;
        return log_error_errno(-errno,
                               "%s: its %s partition is not what the root hash stands for: the hash is that of "
                               "another image, or this one is damaged",
                               image->path, image_place_name(place));
}

int image_probe_mapped(const ImageProbe *probe, Image *image, ImagePlace place) {
        ImageSlot *slot = &image->plan.slots[place];
        Partition inside = slot->partition;
        int fd = image->mapped_fds[place], r;

        inside.offset = 0;
        *inside.fstype = 0;
        r = read_size(image->path, fd, &inside.size);
        if (r >= 0)
                r = read_first_block(image, place);
        if (r < 0)
                return r;
        r = partition_probe(fd, &inside, (const char *const *) probe->names);
        if (r == -ENOMEDIUM || (r >= 0 && streq(inside.fstype, LUKS)))
                return log_no_file_system(probe, image, place);
        if (r < 0)
                return log_unreadable(r, image->path, probe->allowed);
        slot->partition = inside;
        r = judge(probe, image, place, slot->protection, NULL);
        if (r >= 0)
                settle_writing(slot);
        return r;
}

void image_probe_done(ImageProbe *probe) {
        strv_free(TAKE_PTR(probe->names));
        image_verity_done(&probe->verity);
}
