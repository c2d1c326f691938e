/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* User namespaces as file descriptors: to enter, or to give a mount its ID mapping. */

#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

/* count users from inside on, as the namespace has them, are those from outside on of our own. For an ID-mapped
 * mount, inside is what the file system stores and outside what the mount shows. The same in groups. */
typedef struct IdMap {
        uid_t inside_uid, outside_uid;
        gid_t inside_gid, outside_gid;
        uint32_t count;
        bool host_root; /* our root has a number inside too, ID_MAP_HOST_ROOT, unless the map has one for it anyway */
} IdMap;

/* As systemd has it. What our root makes in a mount of such a map is stored under this number until it is given away;
 * without it, it could make nothing there. */
#define ID_MAP_HOST_ROOT 2147483646u

/* A new user namespace below ours, with this map. Nobody is in it; it lasts as long as the fd, or whatever was made
 * with it. Takes CAP_SETUID and CAP_SETGID. Returns the fd or a negative errno; -ENOSPC and -EPERM also mean that this
 * host allows no more of them, or none. */
int user_namespace_make(const IdMap *map) _must_check_;
