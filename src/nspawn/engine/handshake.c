/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: packets keep message boundaries, so a message is whole or absent; its size and type are
 * checked all the same, because the inner stage shares a kernel with whatever the guest's tree can do to it. The
 * socket is close-on-exec and so never reaches the payload. */

#include "engine/handshake.h"

#include <sys/socket.h>

#include "fd.h"

int handshake_socketpair(int *ret_supervisor, int *ret_stage) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        *ret_supervisor = pair[0];
        *ret_stage = pair[1];
        return 0;
}

typedef union ControlBuffer {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
} ControlBuffer;

int handshake_send(int socket_fd, const Message *message, int fd) {
        struct iovec iov = { .iov_base = (void *) message, .iov_len = sizeof(*message) };
        struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
        ControlBuffer control = {};

        if (fd >= 0) {
                header.msg_control = &control;
                header.msg_controllen = sizeof(control.space);
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        }
        while (sendmsg(socket_fd, &header, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

int handshake_receive(int socket_fd, Message *ret, int *ret_fd) {
        Message m;
        struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
        ControlBuffer control = {};
        struct msghdr header = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = CMSG_LEN(sizeof(int)), /* with padding there would be space for two */
        };
        _cleanup_close_ int fd = -EBADF;
        struct cmsghdr *c;
        ssize_t n;

        /* A peer that closed without reading all we sent is reported once, before what it sent itself. */
        do
                n = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
        while (n < 0 && (errno == EINTR || errno == ECONNRESET));
        if (n < 0)
                return -errno;
        c = CMSG_FIRSTHDR(&header);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(&fd, CMSG_DATA(c), sizeof(int));
        if (n == 0)
                return -ECONNRESET;
        if ((size_t) n != sizeof(m) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || m.type == 0 ||
            m.type >= _MESSAGE_MAX)
                return -EBADMSG;

        m.stage[sizeof(m.stage) - 1] = m.step[sizeof(m.step) - 1] = m.text[sizeof(m.text) - 1] = 0;
        *ret = m;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int handshake_expect(int socket_fd, MessageType type, Message *ret, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        Message m;
        int r;

        r = handshake_receive(socket_fd, &m, &fd);
        if (r < 0)
                return r;
        if (m.type != type)
                return -EBADMSG;
        if (ret)
                *ret = m;
        if (ret_fd)
                *ret_fd = TAKE_FD(fd);
        return 0;
}
