/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's side is played by children of this process: a child is the leader, another one an impostor. The
 * host's side is a socket of ours in $NOTIFY_SOCKET. */

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "supervise/guest-message.h"
#include "supervise/notify.h"
#include "test.h"

TEST_MAIN

static GuestMessage parse(const char *text) {
        GuestMessage m;

        guest_message_parse(text, strlen(text), &m);
        return m;
}

TEST(parse_fields) {
        GuestMessage m = parse("READY=1\nSTATUS=Startup finished\nMAINPID=7\n");

        ASSERT_TRUE(m.ready && !m.stopping && m.has_status);
        ASSERT_STREQ(m.status, "Startup finished");
        ASSERT_TRUE(parse("STOPPING=1").stopping);
        ASSERT_TRUE(parse("STATUS=").has_status);
        ASSERT_STREQ(parse("STATUS=a\nSTATUS=b").status, "b");
}

TEST(parse_garbage) {
        static const char *const texts[] = {
                "", "\n\n", "READY=0", "READY=11", "XREADY=1", "READY", "STATU", "=",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                GuestMessage m = parse(texts[i]);

                ASSERT_TRUE(!m.ready && !m.stopping && !m.has_status);
        }
}

TEST(parse_hostile_status) {
        GuestMessage m = parse("STATUS=\033]0;title\007 \x9b"
                               "1m");
        char data[4096];

        ASSERT_STREQ(m.status, "\\x1b]0;title\\x07 \\x9b1m");

        memset(data, 'x', sizeof(data));
        memcpy(data, "STATUS=", 7);
        guest_message_parse(data, sizeof(data), &m);
        ASSERT_EQ(strlen(m.status), sizeof(m.status) - 1);

        guest_message_parse("STATUS=a\0b", 10, &m);
        ASSERT_STREQ(m.status, "a");
}

/* A bound datagram socket in the abstract namespace, so that nothing is left behind. */
static int make_socket(const char *name, struct sockaddr_un *ret_address, socklen_t *ret_size) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ASSERT_TRUE(fd >= 0);
        *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        *ret_size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 +
                                 (size_t) sprintf(ret_address->sun_path + 1, "test-notify-%i-%s", getpid(), name));
        ASSERT_TRUE(bind(fd, (struct sockaddr *) ret_address, *ret_size) >= 0);
        return fd;
}

typedef struct Fixture {
        sd_event *event;
        Notify *notify;
        int host; /* receives what goes up */
        struct sockaddr_un guest;
        socklen_t guest_size;
        int start[2], guest_fd;
} Fixture;

static void fixture_new(Fixture *f, bool wait_for_guest) {
        struct sockaddr_un host;
        socklen_t size;
        char name[128];

        f->host = make_socket("host", &host, &size);
        (void) snprintf(name, sizeof(name), "@%s", host.sun_path + 1);
        ASSERT_TRUE(setenv("NOTIFY_SOCKET", name, 1) >= 0);
        ASSERT_OK(sd_event_new(&f->event));
        ASSERT_OK(notify_new(f->event, wait_for_guest, &f->notify));
        f->guest_fd = make_socket("guest", &f->guest, &f->guest_size);
        ASSERT_TRUE(pipe2(f->start, O_CLOEXEC) >= 0);
}

static void fixture_free(Fixture *f) {
        notify_free(f->notify);
        sd_event_unref(f->event);
        (void) safe_close(f->host);
        (void) safe_close(f->start[0]);
        (void) safe_close(f->start[1]);
        (void) unsetenv("NOTIFY_SOCKET");
}

/* A child that waits for a byte and then sends text count times, with a descriptor if it can. */
static pid_t spawn_sender(Fixture *f, const char *text, unsigned count, bool with_fd) {
        pid_t pid = fork();

        ASSERT_TRUE(pid >= 0);
        if (pid > 0)
                return pid;

        char byte, control[CMSG_SPACE(sizeof(int))] = {};
        struct iovec iov = { (void *) (uintptr_t) text, strlen(text) };
        struct msghdr h = {
                .msg_name = &f->guest,
                .msg_namelen = f->guest_size,
                .msg_iov = &iov,
                .msg_iovlen = 1,
        };
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0), zero = STDIN_FILENO;

        if (with_fd) {
                h.msg_control = control;
                h.msg_controllen = sizeof(control);
                *CMSG_FIRSTHDR(&h) = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &zero, sizeof(int));
        }
        if (fd < 0 || read(f->start[0], &byte, 1) != 1)
                _exit(1);
        while (count-- > 0)
                if (sendmsg(fd, &h, 0) < 0)
                        _exit(errno == EPERM && with_fd ? 2 : 1); /* 2: the kernel refuses descriptors */
        _exit(0);
}

/* Runs the loop until the child has ended and a little longer. */
static int run_sender(Fixture *f, pid_t pid) {
        int status;

        ASSERT_EQ(write(f->start[1], "", 1), 1);
        while (waitpid(pid, &status, WNOHANG) == 0)
                ASSERT_OK(sd_event_run(f->event, 10000));
        for (int i = 0; i < 40; i++)
                ASSERT_OK(sd_event_run(f->event, 10000));
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* The next message the host has got, or "". */
static const char *host_message(Fixture *f) {
        static char text[1024];
        ssize_t n = recv(f->host, text, sizeof(text) - 1, MSG_DONTWAIT);

        text[n > 0 ? n : 0] = 0;
        return text;
}

static unsigned count_fds(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

TEST(messages_up) {
        Fixture f = {};

        fixture_new(&f, false);
        notify_started(f.notify, 1234);
        ASSERT_STREQ(host_message(&f), "READY=1\nSTATUS=Container started.\nX_NSPAWN_LEADER_PID=1234");
        notify_restarting(f.notify);
        ASSERT_STREQ(host_message(&f), "STATUS=Restarting...");
        notify_started(f.notify, 1235); /* READY=1 goes up once */
        ASSERT_STREQ(host_message(&f), "STATUS=Container started.\nX_NSPAWN_LEADER_PID=1235");
        notify_stopping(f.notify, false);
        ASSERT_STREQ(host_message(&f), "STOPPING=1\nSTATUS=Terminating...");
        (void) safe_close(f.guest_fd);
        fixture_free(&f);
}

TEST(ready_from_guest) {
        Fixture f = {};
        pid_t pid;

        fixture_new(&f, true);
        pid = spawn_sender(&f, "READY=1\nSTATUS=up\033", 2, false);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, pid));
        notify_started(f.notify, pid);
        ASSERT_TRUE(!strstr(host_message(&f), "READY=1"));
        ASSERT_EQ(run_sender(&f, pid), 0);
        ASSERT_STREQ(host_message(&f), "STATUS=Container running: up\\x1b");
        ASSERT_STREQ(host_message(&f), "READY=1");
        ASSERT_STREQ(host_message(&f), "STATUS=Container running: up\\x1b"); /* the second, 100 ms later */
        ASSERT_STREQ(host_message(&f), "");
        fixture_free(&f);
}

TEST(impostor_is_ignored) {
        Fixture f = {};
        pid_t pid;

        fixture_new(&f, true);
        pid = spawn_sender(&f, "READY=1\nSTATUS=hello", 100, false);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, getpid()));
        ASSERT_EQ(run_sender(&f, pid), 0);
        ASSERT_STREQ(host_message(&f), "");
        fixture_free(&f);
}

/* 83 is SO_PASSRIGHTS: with it on, as on kernels that do not have it, descriptors arrive and have to be
 * closed. */
static void check_descriptors(bool pass) {
        Fixture f = {};
        unsigned before;
        pid_t pid;

        fixture_new(&f, true);
        pid = spawn_sender(&f, "STATUS=x", 50, true);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, pid));
        if (pass)
                (void) setsockopt(f.guest_fd, SOL_SOCKET, 83, &(int){ 1 }, sizeof(int));
        before = count_fds();
        ASSERT_TRUE(run_sender(&f, pid) != 1);
        ASSERT_EQ(count_fds(), before);
        ASSERT_TRUE(!pass || strstr(host_message(&f), "STATUS=Container running: x"));
        fixture_free(&f);
}

TEST(descriptors_are_not_kept) {
        check_descriptors(false);
        check_descriptors(true);
}

TEST(flood_is_bounded) {
        Fixture f = {};
        unsigned n = 0;
        pid_t pid;

        fixture_new(&f, false);
        pid = spawn_sender(&f, "STATUS=flood", 3000, false);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, pid));
        ASSERT_EQ(run_sender(&f, pid), 0);
        while (*host_message(&f))
                n++;
        ASSERT_TRUE(n >= 2 && n < 50);
        fixture_free(&f);
}

TEST(oversized_and_strange_sockets) {
        Fixture f = {};
        char *big = malloc(8192);
        int pair[2];
        pid_t pid;

        fixture_new(&f, false);
        ASSERT_TRUE(big);
        memset(big, 'a', 8191);
        memcpy(big, "STATUS=", 7);
        big[8191] = 0;
        pid = spawn_sender(&f, big, 1, false);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, pid));
        ASSERT_EQ(run_sender(&f, pid), 0);
        ASSERT_STREQ(host_message(&f), "");

        ASSERT_TRUE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) >= 0);
        ASSERT_ERR(notify_listen(f.notify, pair[0], 1), -EPROTOTYPE);
        ASSERT_TRUE(fcntl(pair[0], F_GETFD) < 0);
        (void) safe_close(pair[1]);
        free(big);
        fixture_free(&f);
}

/* — descriptors for the host's manager to keep — */

TEST(parse_descriptors) {
        static const char *const wrong[] = {
                "FDSTORE=1\nFDNAME=",
                "FDSTORE=1\nFDNAME=a:b",
                "FDSTORE=1\nFDNAME=a b",
                "FDSTORE=1\nFDNAME=\xc3\xa4",
                "FDSTORE=2",
                "FDSTOREREMOVE=1\nFDNAME=\n",
        };
        char longest[300] = "FDSTORE=1\nFDNAME=";
        GuestMessage m = parse("FDNAME=a.b\nFDSTORE=1\nFDPOLL=0");

        ASSERT_TRUE(m.fd_store && !m.fd_store_remove && m.fd_no_poll);
        ASSERT_STREQ(m.fd_name, "a.b");
        ASSERT_STREQ(parse("FDSTORE=1").fd_name, "stored");
        ASSERT_TRUE(parse("FDSTOREREMOVE=1\nFDNAME=a").fd_store_remove);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                m = parse(wrong[i]);
                ASSERT_TRUE(!m.fd_store && !m.fd_store_remove);
        }
        memset(longest + strlen(longest), 'x', 247);
        ASSERT_TRUE(parse(longest).fd_store);
        longest[strlen(longest)] = 'x';
        ASSERT_TRUE(!parse(longest).fd_store);
}

/* What the host has got, with the number of descriptors in front. */
static const char *host_descriptors(Fixture *f) {
        static char text[1024];
        char control[CMSG_SPACE(8 * sizeof(int))];
        struct iovec iov = { text + 2, sizeof(text) - 3 };
        struct msghdr h = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t n = recvmsg(f->host, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        size_t n_fds = 0;

        for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
                for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        (void) safe_close(fd);
                        n_fds++;
                }
        text[0] = (char) ('0' + n_fds);
        text[1] = ' ';
        text[2 + MAX(n, 0)] = 0;
        return text;
}

static void check_store(const char *max, const char *message, bool with_fd, const char *expected, bool impostor) {
        Fixture f = {};
        unsigned before, n = 0;
        pid_t pid;

        ASSERT_TRUE(setenv("FDSTORE", max, 1) >= 0);
        fixture_new(&f, true);
        pid = spawn_sender(&f, message, 5, with_fd);
        ASSERT_OK(notify_listen(f.notify, f.guest_fd, impostor ? getpid() : pid));
        before = count_fds();
        ASSERT_TRUE(run_sender(&f, pid) != 1);
        for (int i = 0; i < 500 && count_fds() != before; i++) /* a child for each message, on a busy machine */
                ASSERT_OK(sd_event_run(f.event, 10000));
        ASSERT_EQ(count_fds(), before);
        for (const char *text; *(text = host_descriptors(&f) + 2); n++)
                ASSERT_STREQ(text - 2, expected);
        ASSERT_EQ(n, *expected ? 5u : 0u);
        ASSERT_ERR(waitpid(-1, NULL, WNOHANG) < 0 ? -errno : 0, -ECHILD); /* who closed them */
        fixture_free(&f);
        ASSERT_TRUE(unsetenv("FDSTORE") >= 0);
}

TEST(descriptors_are_passed_on) {
        check_store("2", "FDSTORE=1\nFDNAME=x", true, "1 FDSTORE=1\nFDNAME=payload-x", false);
        check_store("2", "FDSTORE=1\nFDPOLL=0", true, "1 FDSTORE=1\nFDNAME=payload-stored\nFDPOLL=0", false);
        check_store("2", "FDSTOREREMOVE=1\nFDNAME=x", false, "0 FDSTOREREMOVE=1\nFDNAME=payload-x", false);
        check_store("2", "FDSTOREREMOVE=1\nFDNAME=x", true, "0 FDSTOREREMOVE=1\nFDNAME=payload-x", false);
}

TEST(descriptors_are_not_passed_on) {
        check_store("2", "FDSTORE=1\nFDNAME=x", false, "", false); /* there is none */
        check_store("2", "FDNAME=x", true, "", false);
        check_store("2", "FDSTORE=1\nFDNAME=x:y", true, "", false);
        check_store("2", "FDSTORE=1\nFDNAME=x", true, "", true);
        check_store("0", "FDSTORE=1\nFDNAME=x", true, "", false);
        check_store("", "FDSTOREREMOVE=1\nFDNAME=x", false, "", false);
}
