/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: each partition of a GPT is compared with a table of types. For root and /usr the
 * machine's own architecture beats a second one it can run, and among equals the label with the newest
 * version wins, so that an A/B image starts its newer half; of other types the first is taken. A disk
 * without any of them is accepted if there is no question which partition is meant. Then the policy has its
 * say, on what was chosen and on what is missing. Verity partitions are passed over but for that: without a
 * root hash, which only the user can give, they protect nothing. Swap is never used.
 *
 * An image is made by others. Its superblock may ask the kernel to panic on errors, so the errors option
 * is always set; devices on it are not opened; what only firmware reads is not run. */

#include "plan/image.h"

#include <linux/mount.h>
#include <systemd/sd-gpt.h>

#include "log.h"
#include "version-order.h"

#define MBR_LINUX 0x83
#define MBR_XBOOTLDR 0xea

static const sd_id128_t generic_type =
        SD_ID128_MAKE(0f, c6, 3d, af, 84, 83, 47, 72, 8e, 79, 3d, 69, d8, 47, 7d, e4);

static const struct {
        ImagePlace place;
        unsigned rank; /* the greater one is preferred; root and /usr must agree in it */
        sd_id128_t type;
} types[] = {
#ifdef SD_GPT_ROOT_NATIVE
        { IMAGE_ROOT, 2, SD_GPT_ROOT_NATIVE },
        { IMAGE_USR, 2, SD_GPT_USR_NATIVE },
        { IMAGE_ROOT_VERITY, 2, SD_GPT_ROOT_NATIVE_VERITY },
        { IMAGE_USR_VERITY, 2, SD_GPT_USR_NATIVE_VERITY },
        { IMAGE_ROOT_VERITY_SIG, 2, SD_GPT_ROOT_NATIVE_VERITY_SIG },
        { IMAGE_USR_VERITY_SIG, 2, SD_GPT_USR_NATIVE_VERITY_SIG },
#endif
#ifdef SD_GPT_ROOT_SECONDARY
        { IMAGE_ROOT, 1, SD_GPT_ROOT_SECONDARY },
        { IMAGE_USR, 1, SD_GPT_USR_SECONDARY },
        { IMAGE_ROOT_VERITY, 1, SD_GPT_ROOT_SECONDARY_VERITY },
        { IMAGE_USR_VERITY, 1, SD_GPT_USR_SECONDARY_VERITY },
        { IMAGE_ROOT_VERITY_SIG, 1, SD_GPT_ROOT_SECONDARY_VERITY_SIG },
        { IMAGE_USR_VERITY_SIG, 1, SD_GPT_USR_SECONDARY_VERITY_SIG },
#endif
        { IMAGE_HOME, 0, SD_GPT_HOME },
        { IMAGE_SRV, 0, SD_GPT_SRV },
        { IMAGE_VAR, 0, SD_GPT_VAR },
        { IMAGE_TMP, 0, SD_GPT_TMP },
        { IMAGE_XBOOTLDR, 0, SD_GPT_XBOOTLDR },
        { IMAGE_ESP, 0, SD_GPT_ESP },
        { IMAGE_SWAP, 0, SD_GPT_SWAP },
};

static const struct {
        const char *path;
        uint64_t attributes;
} places[_IMAGE_PLACE_MAX] = {
        [IMAGE_ROOT] = { "/", 0 },
        [IMAGE_USR] = { "/usr", 0 },
        [IMAGE_HOME] = { "/home", 0 },
        [IMAGE_SRV] = { "/srv", 0 },
        [IMAGE_VAR] = { "/var", 0 },
        [IMAGE_TMP] = { "/var/tmp", MOUNT_ATTR_NOSUID },
        [IMAGE_XBOOTLDR] = { "/boot",
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW },
        [IMAGE_ESP] = { "/efi", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW },
};

const char *image_place_path(ImagePlace place) {
        return places[place].path;
}

/* — choosing — */

typedef struct Choice {
        const Partition *partition;
        unsigned rank;
} Choice;

/* Half-written updates are labelled "_empty" until they are whole. */
static bool is_better(const Choice *old, const Partition *p, unsigned rank) {
        if (!old->partition || rank != old->rank)
                return !old->partition || rank > old->rank;
        return rank > 0 && version_compare(p->label, old->partition->label) > 0;
}

static void choose(Choice *choices, const Partition *p) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                Choice *choice = &choices[types[i].place];

                if (!sd_id128_equal(p->type, types[i].type))
                        continue;
                if (types[i].place == IMAGE_ESP ? (p->flags & PARTITION_GPT_NO_BLOCK_IO) != 0
                                                : (p->flags & PARTITION_GPT_NO_AUTO) != 0)
                        return;
                if ((types[i].rank > 0 && streq(p->label, "_empty")) || !is_better(choice, p, types[i].rank))
                        return;
                *choice = (Choice){ p, types[i].rank };
                return;
        }
}

/* The only one of several for which there is no name. */
static int choose_generic(const char *name, const PartitionTable *table, Choice *choices) {
        const Partition *found = NULL;

        for (size_t i = 0; i < table->n_items; i++) {
                const Partition *p = &table->items[i];

                if (!sd_id128_equal(p->type, generic_type) || (p->flags & PARTITION_GPT_NO_AUTO))
                        continue;
                if (found)
                        return log_error_errno(
                                -ENOTUNIQ,
                                "%s: which of its Linux partitions is the root cannot be told; "
                                "give one of them the type for root partitions",
                                name);
                found = p;
        }
        if (!found)
                return log_error_errno(-ENXIO,
                                       "%s: none of its %zu partitions is a root or /usr partition for this "
                                       "kind of processor",
                                       name, table->n_items);
        choices[IMAGE_ROOT].partition = found;
        return 0;
}

static int choose_gpt(const char *name, const PartitionTable *table, Choice *choices) {
        for (size_t i = 0; i < table->n_items; i++)
                choose(choices, &table->items[i]);
        if (!choices[IMAGE_ROOT].partition && !choices[IMAGE_USR].partition)
                return choose_generic(name, table, choices);
        return 0;
}

/* A boot indicator settles which one is meant. */
static int choose_mbr(const char *name, const PartitionTable *table, Choice *choices) {
        const Partition *linux_found = NULL;
        bool ambiguous = false;

        for (size_t i = 0; i < table->n_items; i++) {
                const Partition *p = &table->items[i];

                if (p->mbr_type == MBR_XBOOTLDR && !choices[IMAGE_XBOOTLDR].partition)
                        choices[IMAGE_XBOOTLDR].partition = p;
                if (p->mbr_type != MBR_LINUX)
                        continue;
                if (linux_found && linux_found->flags == p->flags)
                        ambiguous = true;
                else if (!linux_found || p->flags == PARTITION_MBR_BOOTABLE) {
                        linux_found = p;
                        ambiguous = false;
                }
        }
        if (!linux_found)
                return log_error_errno(-ENXIO, "%s: it has no Linux partition (type 83)", name);
        if (ambiguous)
                return log_error_errno(
                        -ENOTUNIQ,
                        "%s: which of its Linux partitions is the root cannot be told; mark one "
                        "as bootable",
                        name);
        choices[IMAGE_ROOT].partition = linux_found;
        return 0;
}

/* — judging — */

static int judge(const char *name, const ImagePolicy *policy, ImagePlace place, const ImageFinding *finding,
                 ImageVerdict *ret) {
        *ret = image_judge(policy, place, finding);
        return ret->answer == IMAGE_REFUSE ? log_error_errno(-EPERM, "%s: %s", name, ret->reason) : 0;
}

static uint64_t attributes_of(TableKind kind, const Partition *p) {
        return kind == TABLE_GPT ? p->flags : 0;
}

static int apply_policy(const char *name, TableKind kind, const ImagePolicy *policy, Choice *choices) {
        for (ImagePlace place = 0; place < _IMAGE_PART_MAX; place++) {
                const Partition *p = choices[place].partition;
                ImageFinding finding = { .protection = p ? PROTECTION_UNREAD : PROTECTION_ABSENT,
                                         .attributes = p ? attributes_of(kind, p) : 0 };
                ImageVerdict verdict;
                int r;

                r = judge(name, policy, place, &finding, &verdict);
                if (r < 0)
                        return r;
                if (verdict.answer == IMAGE_IGNORE)
                        choices[place].partition = NULL;
        }
        return 0;
}

static int check_pair(const char *name, const Choice *root, const Choice *usr) {
        if (!root->partition && !usr->partition)
                return log_error_errno(-EPERM, "%s: the image policy leaves neither a root nor a /usr partition of it",
                                       name);
        if (root->partition && usr->partition && root->rank != usr->rank)
                return log_error_errno(
                        -EINVAL, "%s: its root and /usr partitions are for different kinds of processors",
                        name);
        return 0;
}

int image_check_slot(const char *name, const ImagePolicy *policy, ImagePlace place, const ImageSlot *slot,
                     ImageProtection protection, ImageProtection *ret_protection) {
        ImageFinding finding = { protection, slot->attributes, slot->partition.fstype };
        ImageVerdict verdict;
        int r = judge(name, policy, place, &finding, &verdict);

        if (r >= 0 && ret_protection)
                *ret_protection = verdict.protection;
        return r;
}

/* — the whole — */

static void fill_slot(ImageSlot *slot, TableKind kind, const Partition *p, bool read_only) {
        *slot = (ImageSlot){
                .used = true,
                .partition = *p,
                .attributes = attributes_of(kind, p),
        };
        slot->read_only = read_only || (slot->attributes & PARTITION_GPT_READ_ONLY);
        slot->grow = !slot->read_only && (slot->attributes & PARTITION_GPT_GROW);
}

int image_plan(const char *name, const PartitionTable *table, const ImagePolicy *policy, bool read_only,
               ImagePlan *ret) {
        Choice choices[_IMAGE_PART_MAX] = {};
        ImagePlan plan = { .sector_size = table->sector_size };
        int r = 0;

        if (table->kind == TABLE_GPT)
                r = choose_gpt(name, table, choices);
        else if (table->kind == TABLE_MBR)
                r = choose_mbr(name, table, choices);
        else
                choices[IMAGE_ROOT].partition = table->items;
        if (r >= 0)
                r = apply_policy(name, table->kind, policy, choices);
        if (r >= 0)
                r = check_pair(name, &choices[IMAGE_ROOT], &choices[IMAGE_USR]);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(plan.slots); i++)
                if (choices[i].partition)
                        fill_slot(&plan.slots[i], table->kind, choices[i].partition, read_only);
        *ret = plan;
        return 0;
}

void image_plan_print(const ImagePlan *plan, FILE *f) {
        for (size_t i = 0; i < ELEMENTSOF(plan->slots); i++) {
                const ImageSlot *slot = &plan->slots[i];

                if (slot->used)
                        fprintf(f, "%s: partition %i, %llu bytes at %llu%s%s%s%s\n", image_place_name((ImagePlace) i),
                                slot->partition.number, (unsigned long long) slot->partition.size,
                                (unsigned long long) slot->partition.offset,
                                *slot->partition.fstype ? ", " : "", slot->partition.fstype,
                                slot->read_only ? ", read-only" : "", slot->grow ? ", grow" : "");
        }
}

/* — mounting — */

static const struct {
        const char *fstype;
        bool read_only_type;
        const char *read_only, *writable; /* "?" before an option that a kernel may not know */
} options[] = {
        /* A journal is not replayed where nothing may be written; errors= beats what the superblock asks
         * for. */
        { "ext4", false, "ro,norecovery,errors=remount-ro", "errors=remount-ro" },
        { "ext3", false, "ro,norecovery,errors=remount-ro", "errors=remount-ro" },
        { "ext2", false, "ro,errors=remount-ro", "errors=remount-ro" },
        { "nilfs2", false, "ro,norecovery,errors=remount-ro", "errors=remount-ro" },
        { "xfs", false, "ro,norecovery,nouuid", "nouuid" }, /* the same image may be mounted already */
        { "btrfs", false, "ro,rescue=nologreplay", NULL },
        { "f2fs", false, "ro,norecovery,?errors=remount-ro", "?errors=remount-ro" },
        { "vfat", false, "ro,errors=remount-ro,umask=0077", "errors=remount-ro,umask=0077" },
        { "squashfs", true, "ro", NULL },
        { "erofs", true, "ro", NULL },
};

bool image_fstype_is_read_only(const char *fstype) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (streq(options[i].fstype, fstype))
                        return options[i].read_only_type;
        return false;
}

const char *image_mount_options(const char *fstype, bool read_only) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (streq(options[i].fstype, fstype))
                        return read_only || options[i].read_only_type ? options[i].read_only
                                                                      : options[i].writable;
        return read_only ? "ro" : NULL;
}

uint64_t image_mount_attributes(ImagePlace place, bool read_only) {
        return places[place].attributes | MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0);
}
