/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Operations: the changes to the guest's file tree, as data. plan/ compiles the configuration to lists of them,
 * engine/execute.c is the one interpreter. */

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "config/config.h"
#include "macros.h"

typedef enum OperationKind {
        OPERATION_DIRECTORY, /* make directory `where` with `mode` */
        OPERATION_MOUNT,     /* new file system of type `what` with `options` on directory `where` */
        OPERATION_BIND_HOST, /* host path `what` on `where`; directory or not is seen from the source */
        OPERATION_BIND_SELF, /* guest path `what` on `where` */
        OPERATION_SYSFS,     /* subtree `what` of a sysfs of this network namespace on `where` */
        OPERATION_MASK,      /* nothing to be had at `where` */
        OPERATION_REMOUNT,   /* set `attributes` on the mount at `where` */
        OPERATION_NODE,      /* device, FIFO or socket node `where` by `mode` and `device` */
        OPERATION_SYMLINK,   /* symlink `where` to `what` */
        OPERATION_FILE,      /* file `where` with content `what` */
        OPERATION_OVERLAY,   /* overlay of the layers of `custom` on `where` */
} OperationKind;

typedef enum OperationFlags {
        OPERATION_OPTIONAL = 1 << 0,  /* a missing source or target is no error */
        OPERATION_RECURSIVE = 1 << 1, /* with the mounts below the source */
        OPERATION_EXISTING = 1 << 2,  /* the target is never made */
        OPERATION_SHALLOW = 1 << 3,   /* recursive if all that can be mapped, else not: with a warning */
        OPERATION_PRIVATE = 1 << 4,   /* what the host mounts below the source later does not show */
} OperationFlags;

/* One user and one group of the host, and who they are in the guest. */
typedef struct OwnerMap {
        uid_t host_uid, guest_uid;
        gid_t host_gid, guest_gid;
} OwnerMap;

/* All strings are borrowed: literals, the configuration's, or the plan's own. */
typedef struct Operation {
        OperationKind kind;
        const char *where; /* absolute, below the guest's root */
        const char *what;
        const char *options;
        uint64_t attributes, clear; /* MOUNT_ATTR_* to set and to clear */
        mode_t mode;
        dev_t device;
        uid_t uid; /* of a node, in the guest */
        gid_t gid;
        unsigned flags;
        const CustomMount *custom; /* what the user asked for, if that is where it comes from */
        size_t custom_index;       /* its place in the configuration */
        BindIdmap idmap;           /* OPERATION_BIND_*: whose the files are said to be */
        OwnerMap owner;            /* BIND_IDMAP_USER: them */
} Operation;

typedef struct OperationList {
        Operation *items;
        size_t n_items;
} OperationList;

/* Appends copies of n operations. -ENOMEM, with the list unchanged. */
int operation_list_append(OperationList *list, const Operation *items, size_t n) _must_check_;

/* One line per operation, in a form made for reading and for golden tests. */
void operation_print(const Operation *o, FILE *f);
