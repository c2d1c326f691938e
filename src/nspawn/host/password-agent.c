/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor before anything of the machine runs. The question is a file that is
 * renamed into its place when it is whole, since agents read it as soon as they see it; the answer is a datagram to a
 * socket beside it. Both have one random name, which is recorded before they are made: a supervisor that is killed
 * while it waits has no minder yet, and the next start withdraws its question. (Agents look whether the asking process
 * still lives.) An answer counts if root gave it; whoever else may have got at the socket is not heard. */

#include "host/password-agent.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "escape.h"
#include "fd.h"
#include "host/runtime-directory.h"

#define ANSWER_MAX 4096
#define NAME_SIZE 24

/* What is made in the directory: the question as it is written, the question, the socket. */
static const char *const prefixes[] = { ".#ask.", "ask.", "sck." };
enum { UNFINISHED, QUESTION, SOCKET };

static void path_of(const char *directory, size_t kind, const char *name, char *ret, size_t size) {
        (void) snprintf(ret, size, "%s/%s%s", directory, prefixes[kind], name);
}

static void withdraw(const char *directory, const char *name) {
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path)];

        for (size_t kind = 0; kind < ELEMENTSOF(prefixes); kind++) {
                path_of(directory, kind, name, path, sizeof(path));
                (void) unlink(path);
        }
}

bool password_agent_is_there(void) {
        return access("/run/systemd/system", F_OK) >= 0;
}

/* — the record: DIRECTORY/ask.NAME — */

static int record(const AgentQuestion *question, const char *name) {
        char path[128];

        path_of(question->directory, QUESTION, name, path, sizeof(path));
        return runtime_record_write(question->runtime_fd, RUNTIME_RECORD_QUESTION, path);
}

void password_agent_remove_recorded(int runtime_fd) {
        _cleanup_free_ char *path = NULL;
        char *slash;
        const char *name;

        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_QUESTION, &path) < 0)
                return;
        slash = strrchr(path, '/');
        name = slash ? startswith(slash + 1, prefixes[QUESTION]) : NULL;
        if (!name)
                return;
        *slash = 0;
        withdraw(path, name);
}

/* — asking — */

static int open_socket(const AgentQuestion *question, const char *name) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const int on = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        path_of(question->directory, SOCKET, name, address.sun_path, sizeof(address.sun_path));
        if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Values are one line each. */
static char *question_text(const AgentQuestion *question, const char *name, uint64_t end_usec) {
        char message[512], id[256], *text;

        escape_control(question->message, message, sizeof(message));
        escape_control(question->id, id, sizeof(id));
        return asprintf(&text,
                        "[Ask]\nPID=%i\nSocket=%s/%s%s\nAcceptCached=0\nEcho=0\nNotAfter=%llu\nMessage=%s\n"
                        "Icon=drive-harddisk\nId=%s\n",
                        getpid(), question->directory, prefixes[SOCKET], name, (unsigned long long) end_usec, message,
                        id) < 0
                ? NULL
                : text;
}

static int publish(const AgentQuestion *question, const char *name, uint64_t end_usec) {
        _cleanup_free_ char *text = question_text(question, name, end_usec);
        char unfinished[128], path[128];
        int r;

        if (!text)
                return -ENOMEM;
        path_of(question->directory, UNFINISHED, name, unfinished, sizeof(unfinished));
        path_of(question->directory, QUESTION, name, path, sizeof(path));
        r = write_new_file_at(AT_FDCWD, unfinished, text, strlen(text), 0644);
        if (r < 0)
                return r;
        return rename(unfinished, path) < 0 ? -errno : 0;
}

/* — the answer — */

static bool is_from_root(struct msghdr *message) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
                        struct ucred sender;

                        memcpy(&sender, CMSG_DATA(c), sizeof(sender));
                        return sender.uid == 0;
                }
        return false;
}

/* "-", or "+" and the passphrase; what an agent remembers besides, behind a NUL, was not asked for. */
static int take_answer(const char *answer, size_t size, Secret *ret) {
        Secret secret = {};

        if (size == 0 || (answer[0] != '+' && answer[0] != '-'))
                return 0;
        if (answer[0] == '-')
                return -ECANCELED;
        secret.size = strnlen(answer + 1, size - 1);
        secret.data = malloc(secret.size + 1);
        if (!secret.data)
                return -ENOMEM;
        memcpy(secret.data, answer + 1, secret.size);
        *ret = secret;
        return 1;
}

/* 1 and the passphrase, 0 if that was no answer. */
static int receive(int fd, Secret *ret) {
        char answer[ANSWER_MAX], control[CMSG_SPACE(sizeof(struct ucred))];
        struct iovec iov = { answer, sizeof(answer) };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        int r = 0;

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (!(message.msg_flags & MSG_TRUNC) && is_from_root(&message))
                r = take_answer(answer, (size_t) n, ret);
        explicit_bzero(answer, sizeof(answer));
        return r;
}

static int await(int fd, uint64_t end_usec, Secret *ret) {
        for (;;) {
                uint64_t now = clock_usec();
                int r;

                if (now >= end_usec)
                        return -ETIMEDOUT;
                r = wait_interruptibly(fd, (int) MIN((end_usec - now) / 1000 + 1, (uint64_t) INT_MAX));
                if (r > 0)
                        r = receive(fd, ret);
                if (r != 0)
                        return MIN(r, 0);
        }
}

int password_agent_ask(const AgentQuestion *question, Secret *ret) {
        uint64_t end = clock_usec() + question->timeout_usec, random;
        _cleanup_close_ int fd = -EBADF;
        char name[NAME_SIZE];
        int r;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        (void) snprintf(name, sizeof(name), "%016llx", (unsigned long long) random);
        if (mkdir(question->directory, 0755) < 0 && errno != EEXIST)
                return -errno;
        r = record(question, name);
        if (r < 0)
                return r;
        fd = open_socket(question, name);
        r = fd < 0 ? fd : publish(question, name, end);
        if (r >= 0)
                r = await(fd, end, ret);
        withdraw(question->directory, name);
        return r;
}
