/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Landlock: a process gives up, for itself and all it will ever start, everything it does not name. */

#include <stdint.h>

#include "macros.h"

/* Access to what lies at a path, or below it where that is a directory. */
#define LANDLOCK_READ UINT64_C(0x0c)         /* files and lists of directories */
#define LANDLOCK_EXECUTE UINT64_C(0x01)      /* as programs; libraries are read */
#define LANDLOCK_READ_WRITE UINT64_C(0x8006) /* what is there; of a device also its own requests */

typedef struct Landlock {
        int fd;           /* of the rules so far */
        uint64_t handled; /* the kinds of access to files that this kernel can take away */
} Landlock;

#define LANDLOCK_NONE ((Landlock){ .fd = -EBADF })

void landlock_done(Landlock *landlock);
#define _cleanup_landlock_ _cleanup_(landlock_done)

/* Nothing permitted yet: no file; where the kernel knows how, no TCP, and no signal or connection to an abstract socket
 * of anybody outside. -EOPNOTSUPP where there is no Landlock. */
int landlock_new(Landlock *ret) _must_check_;

/* Permits access (LANDLOCK_*) to what fd refers to, which may be O_PATH. */
int landlock_allow(const Landlock *landlock, int fd, uint64_t access) _must_check_;

/* The same by path; one that is not there is no error. */
int landlock_allow_path(const Landlock *landlock, const char *path, uint64_t access) _must_check_;

/* From now on. Takes no_new_privs. */
int landlock_enforce(const Landlock *landlock) _must_check_;
