/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lock files: an open file description lock (F_OFD_SETLK) on a whole, empty file that exists only while
 * someone holds or wants it. A copy of the fd in a child process holds the same lock. */

#include <stdint.h>

#include "macros.h"

typedef enum LockMode { LOCK_SHARED, LOCK_EXCLUSIVE } LockMode;

typedef struct LockFile {
        int dir_fd; /* ours */
        char *name;
        int fd; /* < 0: not held */
} LockFile;

#define LOCK_FILE_NONE ((LockFile){ .dir_fd = -EBADF, .fd = -EBADF })

/* Takes the lock dir_fd/name, creating the file (0600) if need be. Tries again for timeout_usec, then -EBUSY.
 * -EBADF: the name is taken by something that is no regular file; -ELOOP: by a symlink. dir_fd stays the
 * caller's. */
int lock_file_take(int dir_fd, const char *name, LockMode mode, uint64_t timeout_usec, LockFile *ret) _must_check_;

/* Makes an exclusive lock a shared one or the other way round, without letting go of it in between. Waits like
 * lock_file_take(), then -EBUSY, and the lock is what it was. A lock that is not held is fine. */
int lock_file_change(LockFile *lock, LockMode mode, uint64_t timeout_usec) _must_check_;

/* Gives the lock back, and removes the file unless another holder shares it. A lock that is not held is
 * fine. */
void lock_file_release(LockFile *lock);

/* Closes this process's copy and leaves the file alone: for a child that got it by fork. */
void lock_file_forget(LockFile *lock);

#define _cleanup_lock_file_ _cleanup_(lock_file_release)
