/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: O_NONBLOCK belongs to the open file description, which the shell, the other end of
 * a pipeline and we have in common. A terminal or a pipe is therefore opened anew through /proc/self/fd,
 * which gives a description of our own. A socket cannot be opened anew, but takes MSG_DONTWAIT on each
 * call. Whatever is left (regular files, which must keep their common offset and O_APPEND; devices; a
 * terminal that belongs to another user) is used as it is: asked with poll() first and given only as much
 * as a ready file takes. */

#include "borrowed-fd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fd.h"

int borrowed_fd_open(int fd, int access, BorrowedFd *ret) {
        BorrowedFd b = { .fd = -EBADF };
        struct stat st;
        bool tty;

        if (fstat(fd, &st) < 0)
                return -errno;
        tty = S_ISCHR(st.st_mode) && isatty(fd);
        b.socket = S_ISSOCK(st.st_mode);
        b.max_write = tty ? 64 : S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;

        if (tty || S_ISFIFO(st.st_mode))
                b.fd = fd_reopen(fd, access | O_NONBLOCK | O_NOCTTY);
        b.private = b.fd >= 0;
        if (!b.private)
                b.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (b.fd < 0)
                return -errno;
        *ret = b;
        return 0;
}

void borrowed_fd_close(BorrowedFd *b) {
        (void) safe_close(b->fd);
        *b = BORROWED_FD_NONE;
}

/* A description that is shared blocks unless it is ready; another user of it may still be faster than us. */
static int check_ready(const BorrowedFd *b, short events) {
        struct pollfd p = { .fd = b->fd, .events = events };

        if (b->private || b->socket)
                return 0;
        if (poll(&p, 1, 0) < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        return p.revents == 0 ? -EAGAIN : 0;
}

static ssize_t result(ssize_t n) {
        if (n >= 0)
                return n;
        return errno == EINTR ? -EAGAIN : errno_or_eio();
}

ssize_t borrowed_fd_read(const BorrowedFd *b, void *data, size_t size) {
        int r = check_ready(b, POLLIN);

        if (r < 0)
                return r;
        if (b->socket)
                return result(recv(b->fd, data, size, MSG_DONTWAIT));
        return result(read(b->fd, data, size));
}

ssize_t borrowed_fd_writev(const BorrowedFd *b, const struct iovec *iov, int n_iov) {
        struct msghdr message = { .msg_iov = (struct iovec *) iov, .msg_iovlen = (size_t) n_iov };
        int r = check_ready(b, POLLOUT);

        if (r < 0)
                return r;
        if (b->socket)
                return result(sendmsg(b->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
        if (b->private)
                return result(writev(b->fd, iov, n_iov));
        return result(write(b->fd, iov[0].iov_base, MIN(iov[0].iov_len, b->max_write)));
}
