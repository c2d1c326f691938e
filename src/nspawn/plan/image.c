/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: each partition of a GPT is compared with a table of types. For root and /usr the
 * machine's own architecture beats a second one it can run, and among equals the label with the newest
 * version wins, so that an A/B image starts its newer half; of other types the first is taken. A disk
 * without any of them is accepted if there is no question which partition is meant. Then the policy has its
 * say, on what was chosen and on what is missing. Swap is never used.
 *
 * Verity: a root hash is the UUIDs of two partitions, that with the data and that with their hashes. One that was
 * given therefore decides which partition is meant, and nothing else may take its place; one that the image itself
 * bears, signed, comes into play if the partition that was chosen without it happens to be its own.
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

static const sd_id128_t generic_type = SD_ID128_MAKE(0f, c6, 3d, af, 84, 83, 47, 72, 8e, 79, 3d, 69, d8, 47, 7d, e4);

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
        [IMAGE_XBOOTLDR] = { "/boot", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW },
        [IMAGE_ESP] = { "/efi", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW },
};

const char *image_place_path(ImagePlace place) {
        return places[place].path;
}

/* — kinds of partitions — */

static const struct {
        ImagePlace data, hashes, signature;
        RootHashOf of;
} families[] = {
        { IMAGE_ROOT, IMAGE_ROOT_VERITY, IMAGE_ROOT_VERITY_SIG, ROOT_HASH_OF_ROOT },
        { IMAGE_USR, IMAGE_USR_VERITY, IMAGE_USR_VERITY_SIG, ROOT_HASH_OF_USR },
};

static bool has_place(const Partition *p, ImagePlace place) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (types[i].place == place && sd_id128_equal(p->type, types[i].type))
                        return true;
        return false;
}

bool image_is_signature(const Partition *partition, RootHashOf *ret) {
        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                if (has_place(partition, families[i].signature)) {
                        *ret = families[i].of;
                        return true;
                }
        return false;
}

/* Of the root, unless it is known better or only /usr can be meant. */
static RootHashOf hash_is_of(const RootHash *hash, const PartitionTable *table) {
        if (hash->of != ROOT_HASH_OF_ANY)
                return hash->of;
        for (size_t i = 0; i < table->n_items; i++)
                if (has_place(&table->items[i], IMAGE_USR) && root_hash_is_of_data(hash, table->items[i].uuid.bytes))
                        return ROOT_HASH_OF_USR;
        return ROOT_HASH_OF_ROOT;
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

/* Whether a given root hash leaves room for this partition in that place. */
static bool hash_permits(const RootHash *given, ImagePlace place, const Partition *p) {
        bool concerned = given && (given->of == ROOT_HASH_OF_ROOT ? place == IMAGE_ROOT : place == IMAGE_USR);

        return !concerned || root_hash_is_of_data(given, p->uuid.bytes);
}

static void choose(Choice *choices, const RootHash *given, const Partition *p) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                Choice *choice = &choices[types[i].place];

                if (!sd_id128_equal(p->type, types[i].type) || !hash_permits(given, types[i].place, p))
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
                        return log_error_errno(-ENOTUNIQ,
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

static int choose_gpt(const char *name, const PartitionTable *table, const RootHash *given, Choice *choices) {
        RootHash hash = given ? *given : (RootHash){};

        if (given)
                hash.of = hash_is_of(given, table);
        for (size_t i = 0; i < table->n_items; i++)
                choose(choices, given ? &hash : NULL, &table->items[i]);
        if (given && !choices[hash.of == ROOT_HASH_OF_USR ? IMAGE_USR : IMAGE_ROOT].partition)
                return log_error_errno(-ENXIO, "%s: none of its partitions is the one of this root hash", name);
        if (choices[IMAGE_ROOT].partition || choices[IMAGE_USR].partition)
                return 0;
        return choose_generic(name, table, choices);
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
                return log_error_errno(-ENOTUNIQ,
                                       "%s: which of its Linux partitions is the root cannot be told; mark one "
                                       "as bootable",
                                       name);
        choices[IMAGE_ROOT].partition = linux_found;
        return 0;
}

/* — verity — */

/* The partition with the hashes that belong to the data in place. */
static const Partition *find_hashes(const PartitionTable *table, ImagePlace place, const RootHash *hash) {
        for (size_t i = 0; i < table->n_items; i++)
                if (has_place(&table->items[i], place) && root_hash_is_of_hashes(hash, table->items[i].uuid.bytes))
                        return &table->items[i];
        return NULL;
}

/* Whether a hash is that of the chosen partition. Where there is no table, there is no UUID to tell it by. */
static bool is_hash_of(const RootHash *hash, RootHashOf of, TableKind kind, const Partition *chosen) {
        if (!chosen || (hash->of != ROOT_HASH_OF_ANY && hash->of != of))
                return false;
        return kind == TABLE_GPT ? root_hash_is_of_data(hash, chosen->uuid.bytes) : hash->given;
}

static bool pair(const PartitionTable *table, const RootHashes *hashes, size_t number, const Choice *choices,
                 ImageHashes *ret) {
        const RootHash *hash = &hashes->items[number];

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                const Partition *found;

                if (!is_hash_of(hash, families[i].of, table->kind, choices[families[i].data].partition))
                        continue;
                found = hashes->elsewhere ? NULL : find_hashes(table, families[i].hashes, hash);
                if (!found && !hashes->elsewhere)
                        continue;
                *ret = (ImageHashes){
                        .used = true, .place = families[i].data, .hash = number, .elsewhere = hashes->elsewhere
                };
                if (found)
                        ret->partition = *found;
                return true;
        }
        return false;
}

static int choose_hashes(const char *name, const PartitionTable *table, const RootHashes *hashes,
                         const Choice *choices, ImageHashes *ret) {
        for (size_t i = 0; hashes && i < hashes->n_items; i++)
                if (pair(table, hashes, i, choices, ret))
                        break;
        if (!ret->used && hashes && hashes->n_items > 0 && hashes->items[0].given)
                return log_error_errno(-ENXIO,
                                       "%s: there is a root hash, and no partition or file with the hashes that "
                                       "belong to it",
                                       name);
        /* What is in /usr would not be what the hash stands for. */
        if (ret->used && ret->place == IMAGE_ROOT && choices[IMAGE_USR].partition)
                return log_error_errno(-EINVAL,
                                       "%s: its root partition is protected by verity, which is of no use "
                                       "with a /usr partition that is not",
                                       name);
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
                return log_error_errno(-EINVAL,
                                       "%s: its root and /usr partitions are for different kinds of processors", name);
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

int image_plan(const char *name, const PartitionTable *table, const ImagePolicy *policy, const RootHashes *hashes,
               bool read_only, ImagePlan *ret) {
        const RootHash *given = hashes && hashes->n_items > 0 && hashes->items[0].given ? hashes->items : NULL;
        Choice choices[_IMAGE_PART_MAX] = {};
        ImagePlan plan = { .sector_size = table->sector_size };
        int r = 0;

        if (table->kind == TABLE_GPT)
                r = choose_gpt(name, table, given, choices);
        else if (table->kind == TABLE_MBR)
                r = choose_mbr(name, table, choices);
        else
                choices[IMAGE_ROOT].partition = table->items;
        if (r >= 0)
                r = apply_policy(name, table->kind, policy, choices);
        if (r >= 0)
                r = check_pair(name, &choices[IMAGE_ROOT], &choices[IMAGE_USR]);
        if (r >= 0)
                r = choose_hashes(name, table, hashes, choices, &plan.hashes);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(plan.slots); i++)
                if (choices[i].partition)
                        fill_slot(&plan.slots[i], table->kind, choices[i].partition, read_only);
        *ret = plan;
        return 0;
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
                        return read_only || options[i].read_only_type ? options[i].read_only : options[i].writable;
        return read_only ? "ro" : NULL;
}

uint64_t image_mount_attributes(ImagePlace place, bool read_only) {
        return places[place].attributes | MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0);
}
