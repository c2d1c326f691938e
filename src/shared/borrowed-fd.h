/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading and writing, without ever waiting, on the standard streams that we share with whoever started us:
 * their open file descriptions must not be made non-blocking under the others' hands. */

#include <sys/types.h>
#include <sys/uio.h>

#include "macros.h"

typedef struct BorrowedFd {
        int fd;       /* our own descriptor, O_CLOEXEC; what to poll */
        bool private; /* its open file description is ours alone, and non-blocking */
        bool socket;
        size_t max_write; /* for a description that is shared: what a writable fd takes without waiting */
} BorrowedFd;

#define BORROWED_FD_NONE ((BorrowedFd){ .fd = -EBADF })

/* Makes a descriptor for the same file as fd, for O_RDONLY or O_WRONLY. fd itself stays the caller's and
 * is not changed. -EBADF if fd is not open. */
int borrowed_fd_open(int fd, int access, BorrowedFd *ret) _must_check_;
void borrowed_fd_close(BorrowedFd *b);

/* Returns the number of bytes, 0 at the end, -EAGAIN if there is nothing now, or another negative errno. */
ssize_t borrowed_fd_read(const BorrowedFd *b, void *data, size_t size);

/* Writes a part of it. -EAGAIN if nothing can be written now; -EPIPE, for which SIGPIPE must be ignored. */
ssize_t borrowed_fd_writev(const BorrowedFd *b, const struct iovec *iov, int n_iov);
