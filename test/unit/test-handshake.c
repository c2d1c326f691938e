/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/handshake.h"
#include "fd.h"
#include "test.h"

static unsigned count_fds(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static void make_pair(int *supervisor, int *stage) {
        ASSERT_OK(handshake_socketpair(supervisor, stage));
        ASSERT_OK(fd_set_nonblock(*supervisor, true));
        ASSERT_TRUE((fcntl(*supervisor, F_GETFD) & FD_CLOEXEC) && (fcntl(*stage, F_GETFD) & FD_CLOEXEC));
}

TEST(message) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = 77;
        Message m = { .type = MESSAGE_ABORT, .error = -ENOENT, .stage = "outer", .step = "root", .text = "why" }, got;

        make_pair(&supervisor, &stage);
        fd = -EBADF;
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EAGAIN);
        ASSERT_OK(handshake_send(stage, &m, -EBADF));
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_TRUE(memcmp(&m, &got, sizeof(m)) == 0);
        ASSERT_EQ(fd, -EBADF);

        /* In order, one at a time. */
        for (uint32_t type = MESSAGE_LOG; type < _MESSAGE_MAX; type++)
                ASSERT_OK(handshake_send(stage, &(Message){ .type = type }, -EBADF));
        for (uint32_t type = MESSAGE_LOG; type < _MESSAGE_MAX; type++) {
                ASSERT_OK(handshake_receive(supervisor, &got, &fd));
                ASSERT_EQ(got.type, type);
        }
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EAGAIN);
}

TEST(descriptor) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        int pair[2];
        Message got;
        char c;

        make_pair(&supervisor, &stage);
        ASSERT_TRUE(pipe2(pair, O_CLOEXEC) >= 0);
        ASSERT_OK(handshake_send(stage, &(Message){ .type = MESSAGE_CONSOLE }, pair[0]));
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_TRUE(fd >= 0 && fd != pair[0]);
        ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ASSERT_EQ(write(pair[1], "x", 1), 1);
        ASSERT_EQ(read(fd, &c, 1), 1);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

TEST(end) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        Message got;

        make_pair(&supervisor, &stage);
        ASSERT_OK(handshake_send(stage, &(Message){ .type = MESSAGE_READY }, -EBADF));
        stage = safe_close(stage);
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -ECONNRESET);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -ECONNRESET);
        ASSERT_ERR(handshake_send(supervisor, &(Message){ .type = MESSAGE_GO }, -EBADF), -EPIPE);
}

/* A stage that gives up does not read what it was sent, and its last words count all the same. */
TEST(last_words) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        Message got;

        make_pair(&supervisor, &stage);
        ASSERT_OK(handshake_send(supervisor, &(Message){ .type = MESSAGE_CGROUP }, -EBADF));
        ASSERT_OK(handshake_send(stage, &(Message){ .type = MESSAGE_LOG, .text = "why" }, -EBADF));
        ASSERT_OK(handshake_send(stage, &(Message){ .type = MESSAGE_ABORT }, -EBADF));
        stage = safe_close(stage);
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_STREQ(got.text, "why");
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_EQ(got.type, MESSAGE_ABORT);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -ECONNRESET);
}

static void send_raw(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * 8)];
        } control = {};
        struct iovec iov = { .iov_base = (void *) data, .iov_len = size };
        struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > 0) {
                header.msg_control = &control;
                header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        ASSERT_TRUE(sendmsg(socket_fd, &header, 0) >= 0);
}

TEST(malformed) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        char large[sizeof(Message) + 1] = { MESSAGE_LOG };
        Message m = { .type = MESSAGE_LOG }, got = { .type = 99 };

        make_pair(&supervisor, &stage);
        send_raw(stage, &m, sizeof(m) - 1, NULL, 0);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
        send_raw(stage, &m, 1, NULL, 0);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
        send_raw(stage, large, sizeof(large), NULL, 0);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
        for (const uint32_t *type = (const uint32_t[]){ 0, _MESSAGE_MAX, UINT32_MAX, 77 }; *type != 77; type++) {
                m.type = *type;
                send_raw(stage, &m, sizeof(m), NULL, 0);
                ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
        }
        ASSERT_EQ(got.type, 99);
        ASSERT_EQ(fd, -EBADF);
}

TEST(strings_end) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        Message m, got;

        make_pair(&supervisor, &stage);
        memset(&m, 'x', sizeof(m));
        m.type = MESSAGE_LOG;
        send_raw(stage, &m, sizeof(m), NULL, 0);
        ASSERT_OK(handshake_receive(supervisor, &got, &fd));
        ASSERT_EQ(strlen(got.stage), sizeof(got.stage) - 1);
        ASSERT_EQ(strlen(got.step), sizeof(got.step) - 1);
        ASSERT_EQ(strlen(got.text), sizeof(got.text) - 1);
}

/* However many come with however broken a message: none is left open. */
TEST(no_descriptor_stays) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        Message m = { .type = MESSAGE_CONSOLE }, got;
        int fds[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };
        unsigned before;

        make_pair(&supervisor, &stage);
        before = count_fds();
        send_raw(stage, &m, 4, fds, 1);
        ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
        ASSERT_EQ(count_fds(), before);
        for (size_t n = 2; n <= 8; n++) {
                send_raw(stage, &m, sizeof(m), fds, n);
                ASSERT_ERR(handshake_receive(supervisor, &got, &fd), -EBADMSG);
                ASSERT_EQ(count_fds(), before);
        }
        ASSERT_EQ(fd, -EBADF);
}

TEST(expect) {
        _cleanup_close_ int supervisor = -EBADF, stage = -EBADF, fd = -EBADF;
        unsigned before;
        Message got;

        make_pair(&supervisor, &stage);
        before = count_fds();
        ASSERT_OK(handshake_send(supervisor, &(Message){ .type = MESSAGE_GO }, -EBADF));
        ASSERT_OK(handshake_expect(stage, MESSAGE_GO, NULL, NULL));
        ASSERT_OK(handshake_send(supervisor, &(Message){ .type = MESSAGE_GO }, 0));
        ASSERT_ERR(handshake_expect(stage, MESSAGE_CGROUP, &got, &fd), -EBADMSG);
        ASSERT_EQ(fd, -EBADF);
        /* One nobody asked for is closed. */
        ASSERT_OK(handshake_send(supervisor, &(Message){ .type = MESSAGE_CGROUP }, 0));
        ASSERT_OK(handshake_expect(stage, MESSAGE_CGROUP, &got, NULL));
        ASSERT_EQ(count_fds(), before);
        ASSERT_OK(handshake_send(supervisor, &(Message){ .type = MESSAGE_CGROUP }, 0));
        ASSERT_OK(handshake_expect(stage, MESSAGE_CGROUP, NULL, &fd));
        ASSERT_TRUE(fd >= 0);
        supervisor = safe_close(supervisor);
        ASSERT_ERR(handshake_expect(stage, MESSAGE_GO, NULL, NULL), -ECONNRESET);
}

TEST_MAIN
