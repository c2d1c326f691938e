/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors: closing, whole-file reading and writing relative to a directory fd, ranges. */

#include <sys/types.h>
#include <unistd.h>

#include "macros.h"

/* Closes fd if it is one (>= 0), keeps errno. Returns -EBADF, so "fd = safe_close(fd)" reads well. */
int safe_close(int fd);

static inline void close_p(int *fd) {
        (void) safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(close_p)

/* A new O_CLOEXEC fd for what fd refers to, opened with flags (through /proc/self/fd, which is ours: never
 * use it on anything below a guest's root). Turns an O_PATH fd into a usable one. Negative errno on failure. */
int fd_reopen(int fd, int flags);

/* An fd (O_PATH) for the directory that holds what is at path, an absolute one on the host; *ret_name points at the
 * last part of path itself. -EINVAL for "/". */
int open_parent(const char *path, const char **ret_name) _must_check_;

/* Reads the whole of a regular or kernel file into a new NUL-terminated string; *ret_size may be NULL.
 * More than max bytes: -EFBIG. The file must be regular, anything else is -EBADF (a FIFO never blocks us). */
int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) _must_check_;

/* The same for an fd that is open for reading. */
int read_fd(int fd, size_t max, char **ret, size_t *ret_size) _must_check_;

/* Opens an existing file for writing and writes text with one write(2): for /proc, /sys and cgroup files. */
int write_kernel_file_at(int dir_fd, const char *path, const char *text) _must_check_;

/* Creates a new file (O_EXCL, no symlink followed) with this content and mode (umask ignored). */
int write_new_file_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode) _must_check_;

/* Writes all of data, waiting where the fd is slow. */
int write_all(int fd, const void *data, size_t size) _must_check_;

/* fcntl O_NONBLOCK on or off. */
int fd_set_nonblock(int fd, bool on);

/* fcntl FD_CLOEXEC on or off. */
int fd_set_cloexec(int fd, bool on);

/* Recursively removes what is at path below dir_fd, crossing no mount point and following no symlink. What is in it may
 * be immutable. Missing is success. */
int remove_tree_at(int dir_fd, const char *path);
