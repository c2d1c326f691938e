/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What keeps two machines apart: one lock for the name, two or three for the tree. Tree locks are those of
 * systemd-nspawn, so that the two programs exclude each other. */

#include "engine/undo.h"
#include "lock-file.h"

typedef struct MachineLock {
        LockFile name;    /* RUNTIME_ROOT/.#NAME.lck */
        LockFile beside;  /* .#BASENAME.lck in the directory that holds the tree */
        LockFile inode;   /* /run/systemd/nspawn/locks/inode-DEV:INO or block-MAJ:MIN */
        LockFile backing; /* the same for what is behind a loop device */
} MachineLock;

#define MACHINE_LOCK_NONE ((MachineLock){ LOCK_FILE_NONE, LOCK_FILE_NONE, LOCK_FILE_NONE, LOCK_FILE_NONE })

/* Takes the lock of a machine name. Waits up to a second for a machine that is just dying, then -EBUSY. Logs.
 * lock must be MACHINE_LOCK_NONE at first and live until the undo log has run, which releases it. */
int machine_lock_name(UndoLog *undo, MachineLock *lock, const char *machine) _must_check_;

/* The same for a tree, disk image or disk, but -EBUSY is left to the caller to tell: tree_fd refers to it (O_PATH will
 * do), directory is its absolute path. LOCK_SHARED for a machine that does not write to it. Where the holding directory
 * refuses a lock file, the inode lock does alone. */
int machine_lock_tree(UndoLog *undo, MachineLock *lock, const char *directory, int tree_fd,
                      LockMode mode) _must_check_;

/* The same for a disk image, of which nobody knows yet whether it will be written: that the exclusive lock may be had
 * is tried, but a shared one will do until machine_lock_settle(). */
int machine_lock_image(UndoLog *undo, MachineLock *lock, const char *image, int image_fd) _must_check_;

/* Whether a locked image is written is known now. -EBUSY is left to the caller to tell. */
int machine_lock_settle(MachineLock *lock, LockMode mode) _must_check_;

/* Logs why that was -EBUSY, and what helps. Returns -EBUSY. */
int machine_lock_explain(const char *directory, int tree_fd, LockMode mode);

/* Removes the lock files that a dead machine left for a tree; those that somebody holds stay. Silent. */
void machine_lock_remove_stale(const char *directory);

/* For the minder, whose copies outlive the supervisor: the locks stay held until both have let go. */
void machine_lock_release(MachineLock *lock);
