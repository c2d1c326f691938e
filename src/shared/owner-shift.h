/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Giving all files of a tree to another range of 65536 users: the upper half of each user's and group's number is
 * exchanged, whatever it was, and the lower half stays. */

#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

/* The range that a tree's top belongs to while its files are given away, and after this was cut short. It is also
 * systemd-nspawn's, so that each can finish what the other began. */
#define OWNER_SHIFT_BUSY UINT32_C(0xfffe0000)

typedef struct OwnerShift {
        uid_t base;                                                      /* a multiple of 65536 */
        void (*progress)(uint64_t done, uint64_t total, void *userdata); /* for each file; or NULL */
        void *userdata;
} OwnerShift;

/* Does it to the tree of the directory top_fd, which must have procfs, the host's users and nobody who changes it
 * beside us. A tree whose top is in the range already is taken to be done; then this takes no time. If it is killed at
 * any moment, the next call finishes it. Follows no symlink and leaves out what is mounted in the tree. Keeps set-id
 * bits, access lists and file capabilities. -EMLINK, before anything is changed: a file has names outside of the tree
 * also. Returns 1 if there was something to do, else 0. On errors *ret_where is as of tree_walk(), or NULL. Silent. */
int owner_shift(int top_fd, const OwnerShift *how, char **ret_where) _must_check_;

/* The values of two extended attributes, changed in place. */

/* system.posix_acl_*: -EBADMSG if it is none. Returns whether it is another now. */
int owner_shift_acl(void *value, size_t size, uid_t base) _must_check_;

/* security.capability, of *size bytes in a buffer of OWNER_SHIFT_CAPABILITY_MAX: capabilities count in a user namespace
 * only if they name its root. -EBADMSG if it is none. */
#define OWNER_SHIFT_CAPABILITY_MAX 24u
int owner_shift_capability(void *value, size_t *size, uid_t base) _must_check_;
