/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guest with a file system of its own, whose file does not let go of whoever closes it: a child serves FUSE in a
 * mount namespace of its own and never answers a flush, and its child opens a file there and sends it to us. */

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"
#include "supervise/fd-store.h"
#include "test.h"

TEST_MAIN

#define REQUEST_MAX 65536

static void reply(int fuse, const struct fuse_in_header *in, int error, const void *data, size_t size) {
        char out[sizeof(struct fuse_out_header) + 256] = {};
        struct fuse_out_header header = {
                .len = (uint32_t) (sizeof(header) + size),
                .error = error,
                .unique = in->unique,
        };

        memcpy(out, &header, sizeof(header));
        memcpy(out + sizeof(header), data, size);
        if (write(fuse, out, header.len) < 0)
                _exit(1);
}

static struct fuse_attr attributes_of(uint64_t node) {
        return (struct fuse_attr){ .ino = node,
                                   .nlink = 1,
                                   .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644 };
}

static void serve_one(int fuse, const struct fuse_in_header *in) {
        const struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
        const struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes_of(2) };
        const struct fuse_attr_out attributes = { .attr = attributes_of(in->nodeid) };
        const struct fuse_open_out opened = {};

        switch (in->opcode) {
        case FUSE_INIT:
                return reply(fuse, in, 0, &init, sizeof(init));
        case FUSE_LOOKUP:
                return reply(fuse, in, 0, &entry, sizeof(entry));
        case FUSE_GETATTR:
                return reply(fuse, in, 0, &attributes, sizeof(attributes));
        case FUSE_OPEN:
                return reply(fuse, in, 0, &opened, sizeof(opened));
        case FUSE_FLUSH:
        case FUSE_INTERRUPT:
        case FUSE_FORGET:
                return; /* for ever */
        default:
                return reply(fuse, in, -ENOSYS, NULL, 0);
        }
}

static _noreturn_ void serve(int fuse) {
        static _Alignas(8) char request[REQUEST_MAX];

        while (read(fuse, request, sizeof(request)) > 0)
                serve_one(fuse, (const struct fuse_in_header *) request);
        _exit(0);
}

static void send_fd(int socket, int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
        struct iovec iov = { (char[1]){ 0 }, 1 };
        struct msghdr h = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };

        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        if (sendmsg(socket, &h, 0) < 0)
                _exit(1);
}

static int receive_fd(int socket) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = { (char[1]){ 0 }, 1 };
        struct msghdr h = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        int fd;

        ASSERT_EQ(recvmsg(socket, &h, MSG_CMSG_CLOEXEC), 1);
        ASSERT_TRUE(CMSG_FIRSTHDR(&h) && CMSG_FIRSTHDR(&h)->cmsg_type == SCM_RIGHTS);
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
        return fd;
}

/* The opener is the server's child, and dies with it. */
static _noreturn_ void guest(int socket) {
        char options[80];
        int fuse, file;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
                _exit(1);
        fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        (void) snprintf(options, sizeof(options), "fd=%i,rootmode=40000,user_id=0,group_id=0", fuse);
        if (mount("fuse", "/tmp", "fuse", MS_NOSUID | MS_NODEV, options) < 0)
                _exit(1);
        if (fork() > 0)
                serve(fuse);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) close(fuse);
        file = open("/tmp/file", O_RDONLY | O_CLOEXEC);
        if (file < 0)
                _exit(1);
        send_fd(socket, file);
        (void) pause();
        _exit(0);
}

static int64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms) {
        (void) nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

TEST(a_file_that_does_not_let_go) {
        _cleanup_close_ int closer = -EBADF;
        int pair[2], file;
        int64_t started;
        pid_t pid;

        TEST_NEEDS_ROOT;
        ASSERT_TRUE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                guest(pair[1]);
        (void) close(pair[1]);
        file = receive_fd(pair[0]);

        started = now_ms();
        closer = fd_store_close(&file, 1);
        ASSERT_TRUE(closer >= 0 && now_ms() - started < 1000);
        for (int i = 0; i < 100 && fcntl(file, F_GETFD) >= 0; i++)
                sleep_ms(20);
        ASSERT_TRUE(fcntl(file, F_GETFD) < 0);
        sleep_ms(200);
        ASSERT_TRUE(process_alive(closer)); /* or this test shows nothing */

        ASSERT_TRUE(kill(pid, SIGKILL) >= 0 && waitpid(pid, NULL, 0) == pid);
        for (int i = 0; i < 100 && process_alive(closer); i++)
                sleep_ms(20);
        ASSERT_TRUE(!process_alive(closer));
        ASSERT_OK(process_wait(closer, NULL));
        (void) close(pair[0]);
}

TEST(nothing_to_close) {
        ASSERT_ERR(fd_store_close(NULL, 0), -EBADF);
}
