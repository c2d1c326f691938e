/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program that reads what others have made, and may be taken over by it: what it gets, and what it can do. */

#include <sys/types.h>

#include "landlock.h"

typedef struct Confinement {
        int device_fd; /* the one thing that it may write to */
        uid_t uid;     /* whom it runs as; 0 where there can be no node of the device for anybody else */
        Landlock landlock;
} Confinement;

#define CONFINEMENT_NONE ((Confinement){ .device_fd = -EBADF, .landlock = LANDLOCK_NONE })

void confinement_done(Confinement *confinement);
#define _cleanup_confinement_ _cleanup_(confinement_done)

/* In a child of its own that still has its privileges: device_fd is the device, program the path of what is to be
 * executed. What this kernel or computer cannot do is left out; all else holds. */
int confinement_prepare(int device_fd, const char *program, Confinement *ret) _must_check_;

/* Gives up everything else, for good: files but the device, the program, libraries and what every program reads;
 * privileges; other processes, new ones, sockets, and ioctls that would turn the device into another. Then the process
 * dies with its parent. */
int confinement_enter(const Confinement *confinement) _must_check_;
