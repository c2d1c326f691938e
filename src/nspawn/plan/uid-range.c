/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: bases are multiples of 64K, so that the upper half of a user's number tells the machine and
 * the lower half the user in it. A tree keeps the owners it was made with: a mount that maps them to the machine's
 * range costs nothing, whatever the tree's own base is. So trees that were moved to some range by others work like
 * those that were not, and the foreign range is just one more base. */

#include "plan/uid-range.h"

#include "log.h"
#include "siphash.h"

/* From the name to the range, as systemd-nspawn has it: then a tree that it has chowned keeps its owners. */
static const uint8_t name_key[SIPHASH_KEY_SIZE] = {
        0xe1, 0x56, 0xe0, 0xf0, 0x4a, 0xf0, 0x41, 0xaf, 0x96, 0x41, 0xcf, 0x41, 0x33, 0x94, 0xff, 0x72,
};

uint32_t uid_range_count(const UsersRange *range, bool have_user_namespaces) {
        if (range->mode == USERS_NO || (range->if_supported && !have_user_namespaces))
                return UINT32_MAX;
        return range->mode == USERS_FIXED ? range->count : UID_RANGE_SIZE;
}

uid_t uid_range_base(uid_t uid) {
        return uid & ~(uid_t) (UID_RANGE_SIZE - 1);
}

bool uid_range_may_be_picked(uid_t base) {
        return base >= UID_RANGE_MIN && base <= UID_RANGE_MAX && base == uid_range_base(base);
}

uid_t uid_range_of_number(uint32_t random) {
        return uid_range_base(random % (UID_RANGE_MAX - UID_RANGE_MIN) + UID_RANGE_MIN);
}

uid_t uid_range_of_name(const char *machine) {
        return uid_range_of_number((uint32_t) siphash24(machine, strlen(machine), name_key));
}

static int log_busy(void) {
        return log_error_errno(-EBUSY,
                               "the owners of the tree's files were not changed to the end: finish that with "
                               "--private-users-ownership=chown and --private-users=pick, =identity or =BASE");
}

bool user_mapping_may_chown(const UserMapping *mapping) {
        return mapping->count == UID_RANGE_SIZE && mapping->base == uid_range_base(mapping->base);
}

int user_mapping_plan(const UserNamespaceConfig *config, uid_t uid, gid_t gid, UserMapping *ret) {
        UserMapping mapping = { .tree_base = uid_range_base(uid), .count = UID_RANGE_SIZE };

        switch (config->range.mode) {
        case USERS_NO:
                *ret = (UserMapping){};
                return 0;
        case USERS_YES:
        case USERS_PICK:
                mapping.base = mapping.tree_base;
                break;
        case USERS_IDENTITY:
                break;
        case USERS_FIXED:
                mapping.base = config->range.base;
                mapping.count = config->range.count;
                break;
        }
        if (mapping.tree_base == UID_RANGE_BUSY && config->range.mode == USERS_YES)
                return log_busy();
        if (uid_range_base(gid) != mapping.tree_base && config->ownership != OWNERSHIP_CHOWN &&
            (config->ownership != OWNERSHIP_OFF || config->range.mode == USERS_YES))
                return log_error_errno(-EINVAL,
                                       "the root directory belongs to user %u and group %u, which are in different "
                                       "ranges; give it to one range, or use --private-users=BASE with "
                                       "--private-users-ownership=off",
                                       uid, gid);
        *ret = mapping;
        return 0;
}

int user_mapping_complete(const UserNamespaceConfig *config, UserMapping *mapping) {
        if (mapping->count == 0)
                return 0;
        if (config->ownership == OWNERSHIP_FOREIGN && mapping->tree_base != UID_RANGE_FOREIGN)
                return log_error_errno(-EINVAL,
                                       "--private-users-ownership=foreign: the root directory belongs to user %u, not "
                                       "to the foreign range (%u)",
                                       mapping->tree_base, UID_RANGE_FOREIGN);
        mapping->chown_tree = config->ownership == OWNERSHIP_CHOWN ||
                (config->ownership == OWNERSHIP_AUTO && mapping->tree_base == UID_RANGE_BUSY);
        mapping->map_tree =
                config->ownership != OWNERSHIP_OFF && mapping->tree_base != mapping->base && !mapping->chown_tree;
        if (mapping->tree_base == UID_RANGE_BUSY && !mapping->chown_tree)
                return log_busy();
        if (mapping->chown_tree && !user_mapping_may_chown(mapping))
                return log_error_errno(-EINVAL,
                                       "--private-users-ownership=chown takes a range of %u users that begins at a "
                                       "multiple of that",
                                       UID_RANGE_SIZE);
        return 0;
}
