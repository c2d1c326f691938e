/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guest's user namespace, and whose the files are that the stages make. Nothing happens for a machine that has
 * the host's users. */

#include "engine/machine.h"

/* Outer stage: makes the namespace (users_fd). From here on the files that this stage makes are the guest's root's. */
int users_make_namespace(StageContext *context);

/* Outer stage: for what the host is to own, and back. */
void users_act_as_host(void);
void users_act_as_guest(const StageContext *context);

/* Outer stage: whatever is born from now on lives in the namespace. Logs. */
int users_enter_namespace(StageContext *context) _must_check_;

/* Outer stage: looks whom an image belongs to, by the mount of its first file system. Logs. */
int users_measure_tree(StageContext *context, int mount_fd) _must_check_;

/* Outer stage: makes the files of a detached mount of the tree, and of those below it, the machine's: shows their
 * owners by a mapping from what the file system stores, or changes them there. what is the tree in messages. Logs. */
int users_own_tree(StageContext *context, int mount_fd, const char *what) _must_check_;

/* Outer stage: shows files of the host's users as those of the machine's users of the same numbers. Silent. */
int users_map_files(const StageContext *context, int mount_fd, bool recursive);

/* Inner stage: root of the namespace. */
int users_become_root(StageContext *context);
