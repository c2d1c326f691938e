/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which users of the host a machine's users are. Pure; that a range is free is for host/uid-range.h to see to. */

#include "config/config.h"

#define UID_RANGE_SIZE 65536u
#define UID_RANGE_MIN 524288u         /* the first base that may be picked, */
#define UID_RANGE_MAX 1878982656u     /* and the last */
#define UID_RANGE_BUSY 0xfffe0000u    /* the base of a tree whose files are being given away, or half of them were */
#define UID_RANGE_FOREIGN 2147352576u /* the base that trees have which belong to no host in particular */

#define BIND_USER_ID_MIN 60514u /* what users of the host are in a machine, at least, */
#define BIND_USER_ID_MAX 60577u /* and at most */

typedef struct UserMapping {
        uid_t base;      /* the host's user that is root inside; groups alike */
        uint32_t count;  /* users from there on that the machine has. 0: no user namespace */
        uid_t tree_base; /* whom the files in the tree belong to that are root's */
        bool map_tree;   /* the tree is mounted so that tree_base becomes base */
        bool chown_tree; /* it is given to base on disk */
} UserMapping;

/* How many users a machine has. */
uint32_t uid_range_count(const UsersRange *range, bool have_user_namespaces);

/* The base of the range of 64K users that this one is in. */
uid_t uid_range_base(uid_t uid);

/* Whether a machine may have this base without anybody having said so. */
bool uid_range_may_be_picked(uid_t base);

/* Where a machine of this name looks first: the same on every host, and the same as systemd-nspawn's choice. */
uid_t uid_range_of_name(const char *machine);

/* Any other, made of a random number. */
uid_t uid_range_of_number(uint32_t random);

/* Decides all but the base of USERS_PICK, for a tree whose root directory belongs to this user and group. -EINVAL,
 * with an error line, if the two do not go together. */
int user_mapping_plan(const UserNamespaceConfig *config, uid_t uid, gid_t gid, UserMapping *ret) _must_check_;

/* Whether files can be given to this machine's users one by one: their numbers keep the lower half. */
bool user_mapping_may_chown(const UserMapping *mapping);

/* With the base: decides whether the tree has to be mapped, or given away. Errors as above. */
int user_mapping_complete(const UserNamespaceConfig *config, UserMapping *mapping) _must_check_;
