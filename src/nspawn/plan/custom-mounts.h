/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the user mounts, as operations. Pure. */

#include "config/config.h"
#include "plan/facts.h"
#include "plan/operation.h"

/* True also if path is the directory itself. */
bool path_is_below(const char *path, const char *directory);

/* What is mounted on / takes the tree's part: whatever is made in a tree is made there. */
bool custom_mount_is_root(const CustomMount *m);

/* The mount at this place that counts, the last one; NULL if there is none. */
const CustomMount *custom_mount_at(const MountsConfig *mounts, const char *destination);

/* The mount that path is in, or NULL. */
const CustomMount *custom_mount_above(const MountsConfig *mounts, const char *path);

/* Whether what is made at this path in the machine would stay in a directory that the user mounts above it, or cannot
 * be made there: then nothing is. What is mounted on / is no such directory. */
bool mounts_keep(const MountsConfig *mounts, const char *path);

/* Changes an operation of every machine to what it can be in a directory of the user's. False: leave it out. */
bool custom_mounts_adapt(const MountsConfig *mounts, Operation *o);

/* What the interpreter is to do for it; borrows from it. */
Operation custom_mount_operation(const MountsConfig *mounts, const CustomMount *m, const HostFacts *facts);

/* Whether it lies below a file system that only the inner stage can mount, and has to wait for that. */
bool custom_mount_is_inside(const CustomMount *m, const MachineConfig *config);

/* In the order in which they are to be made: what is above before what is below. The caller frees; NULL: no memory. */
const CustomMount **custom_mounts_sorted(const MountsConfig *mounts);

/* Whether it can be had at all. Logs. */
int custom_mount_check(const MachineConfig *config, const CustomMount *m, const OwnerMap *owner,
                       uint32_t n_users) _must_check_;
