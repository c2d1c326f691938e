/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A mount stack whose entries are opened and locked: made by host/mstack.c, mounted by guest/mstack.c at every start. */

#include "engine/image.h"
#include "plan/mstack.h"

typedef struct StackEntry {
        const StackItem *item;
        char *path;     /* on the host, without symlinks */
        int fd;         /* of the directory, or the image */
        int mount_fd;   /* a directory: a detached mount of it, of one start */
        bool read_only; /* nothing of it is ever written */
        Image image;    /* what item->image says */
} StackEntry;

typedef struct MountStack {
        const char *path; /* on the host, for messages; borrowed */
        StackPlan plan;
        StackEntry *entries; /* plan.n_items of them, in the same order; NULL if there is no stack */
} MountStack;
