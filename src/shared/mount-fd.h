/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mount API by file descriptors. A "mount fd" is a detached mount: it appears nowhere and goes away with
 * the fd unless mount_attach() places it. attributes are MOUNT_ATTR_* of mount_setattr(2). */

#include <stdint.h>

#include "macros.h"

/* A new file system. options is "key=value,flag,…" in mount(8)'s form or NULL; one that begins with "?" is left
 * out where the kernel does not know it. source is what mountinfo shows
 * as the device, NULL for the type's name. Returns a mount fd or a negative errno. */
int mount_new(const char *type, const char *source, const char *options, uint64_t attributes) _must_check_;

/* A copy of the mount(s) at path, relative to dir_fd ("" for dir_fd itself): a bind mount not yet attached. */
int mount_clone(int dir_fd, const char *path, bool recursive) _must_check_;

/* Sets and clears attributes of the mount at fd, of those below it too if recursive. */
int mount_set_attributes(int fd, uint64_t set, uint64_t clear, bool recursive) _must_check_;

/* Shows the mount's files (those of the mounts below it too if recursive) under other owners, by the map of a user
 * namespace: what the file system stores is the namespace's number, what is seen is the number outside. The mount must
 * be detached. -EINVAL: this kind of file system cannot do it; -EPERM: it is mapped already. */
int mount_map_ids(int fd, int user_namespace_fd, bool recursive) _must_check_;

/* Sets the propagation (MS_SHARED, MS_SLAVE, MS_PRIVATE) at path relative to dir_fd. */
int mount_set_propagation(int dir_fd, const char *path, unsigned long propagation, bool recursive) _must_check_;

/* Places a detached mount on what target_fd refers to. The mount fd stays open. */
int mount_attach(int mount_fd, int target_fd) _must_check_;
