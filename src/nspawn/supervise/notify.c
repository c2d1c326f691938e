/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. The guest's socket was bound by the inner stage inside the
 * guest, where everybody may write to it. The kernel tells the sender's PID as our own PID namespace
 * numbers it, so comparing it with the leader's is enough: PID 1 of the guest is our child and its number
 * is not reused before we reap it. (Root in a guest without user namespace can claim to be PID 1. It could
 * make PID 1 say what it likes just as well.)
 *
 * The guest may flood the socket. A wake-up reads a bounded number of datagrams, and sd-event stops
 * polling the socket for the rest of an interval that had too many wake-ups; meanwhile the senders wait,
 * as they would for any slow reader. The allowance is above what a booting systemd sends, since that one
 * would wait too. Status texts go up at most ten times a second, the latest one wins.
 *
 * Descriptors the guest attaches are refused by the kernel where it can do that, and closed here
 * otherwise. */

#include "supervise/notify.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "escape.h"
#include "fd.h"
#include "log.h"

/* asm/socket.h of Linux 6.5 and 6.16 */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#define MESSAGE_MAX 4096U
#define FDS_MAX 253 /* the kernel's limit for one message */
#define MESSAGES_PER_WAKEUP 16U
#define WAKEUPS_PER_SECOND 250U
#define STATUS_INTERVAL_USEC 100000U

struct Notify {
        sd_event *event;
        bool wait_for_guest;
        bool ready_sent;
        bool active; /* $NOTIFY_SOCKET is set */
        int fd;
        pid_t leader;
        sd_event_source *socket;
        sd_event_source *status_timer; /* enabled: a status went up a moment ago */
        bool status_pending;
        char status[sizeof(((GuestMessage *) 0)->status)];
};

static void send_up(Notify *n, const char *text) {
        int r = n->active ? sd_notify(false, text) : 0;

        if (r < 0)
                (void) log_debug_errno(r, "cannot tell the service manager our state: %m");
}

static void send_status(Notify *n) {
        char text[sizeof(n->status) + 64];

        n->status_pending = false;
        (void) snprintf(text, sizeof(text), "STATUS=Container running%s%s", n->status[0] ? ": " : ".",
                        n->status);
        send_up(n, text);
        (void) sd_event_source_set_time_relative(n->status_timer, STATUS_INTERVAL_USEC);
        (void) sd_event_source_set_enabled(n->status_timer, SD_EVENT_ONESHOT);
}

static int on_status_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Notify *n = userdata;

        if (n->status_pending)
                send_status(n);
        return 0;
}

static void queue_status(Notify *n, const char *status) {
        int enabled = SD_EVENT_OFF;

        (void) snprintf(n->status, sizeof(n->status), "%s", status);
        if (!n->active)
                return;
        (void) sd_event_source_get_enabled(n->status_timer, &enabled);
        if (enabled == SD_EVENT_OFF)
                send_status(n);
        else
                n->status_pending = true;
}

/* A status of the guest that still waits must not follow our own. */
static void drop_status(Notify *n) {
        n->status_pending = false;
        n->status[0] = 0;
}

void notify_started(Notify *n, pid_t leader) {
        char text[128];
        bool ready = !n->wait_for_guest && !n->ready_sent;

        drop_status(n);
        (void) snprintf(text, sizeof(text), "%sSTATUS=Container started.\nX_NSPAWN_LEADER_PID=%i",
                        ready ? "READY=1\n" : "", leader);
        send_up(n, text);
        n->ready_sent |= ready;
}

void notify_stopping(Notify *n, bool exit_for_restart) {
        drop_status(n);
        send_up(n, exit_for_restart ? "STOPPING=1\nSTATUS=Container rebooting, restarting..." :
                                      "STOPPING=1\nSTATUS=Terminating...");
}

void notify_restarting(Notify *n) {
        drop_status(n);
        /* No STOPPING=1: the host would wait for our end, and enforce it. */
        send_up(n, "STATUS=Restarting...");
}

/* ── From the guest ────────────────────────────────────────────────────────────────────────────────────── */

/* The length of the line at data, without its newline. */
static size_t line_length(const char *data, size_t size) {
        const char *newline = memchr(data, '\n', size);

        return newline ? (size_t) (newline - data) : size;
}

static void parse_status(const char *text, size_t size, GuestMessage *ret) {
        char copy[sizeof(ret->status)];
        size_t n = MIN(size, sizeof(copy) - 1);

        /* Escaping makes it longer, never shorter, so no more than this is needed. */
        memcpy(copy, text, n);
        copy[n] = 0;
        escape_control(copy, ret->status, sizeof(ret->status));
        ret->has_status = true;
}

/* What follows field in a line of n bytes, or NULL. */
static const char *after(const char *line, size_t n, const char *field) {
        size_t m = strlen(field);

        return n >= m && memcmp(line, field, m) == 0 ? line + m : NULL;
}

void guest_message_parse(const char *data, size_t size, GuestMessage *ret) {
        const char *end = data + size;

        *ret = (GuestMessage){};
        for (const char *line = data; line < end;) {
                size_t n = line_length(line, (size_t) (end - line));
                const char *status = after(line, n, "STATUS=");

                if (status)
                        parse_status(status, (size_t) (line + n - status), ret);
                else if (after(line, n, "READY=1") == line + n)
                        ret->ready = true;
                else if (after(line, n, "STOPPING=1") == line + n)
                        ret->stopping = true;
                line += n + (line + n < end); /* the newline */
        }
}

static void handle_message(Notify *n, const char *data, size_t size) {
        GuestMessage message;

        guest_message_parse(data, size, &message);
        if (message.has_status)
                queue_status(n, message.status);
        if (message.ready && n->wait_for_guest && !n->ready_sent) {
                n->ready_sent = true;
                send_up(n, "READY=1");
        }
        if (message.stopping)
                log_debug("the guest's PID 1 says that it is stopping");
}

/* The sender's PID, or 0 if the kernel did not tell. Closes descriptors that came along. */
static pid_t take_control_data(struct msghdr *h) {
        pid_t pid = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
                size_t n = c->cmsg_len - CMSG_LEN(0);

                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && n >= sizeof(struct ucred)) {
                        struct ucred u;

                        memcpy(&u, CMSG_DATA(c), sizeof(u));
                        pid = u.pid;
                }
                for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < n / sizeof(int); i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        (void) safe_close(fd);
                }
        }
        return pid;
}

/* 1: one datagram is gone. 0: there is none. */
static int receive_one(Notify *n, int fd) {
        union {
                struct cmsghdr align;
                char data[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control;
        char data[MESSAGE_MAX];
        struct iovec iov = { data, sizeof(data) };
        struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        ssize_t size = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        pid_t pid;

        if (size < 0)
                return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
        pid = take_control_data(&h);
        if (pid == n->leader && !(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
                handle_message(n, data, (size_t) size);
        else
                log_debug("dropped a state message from PID %i of the guest", pid);
        return 1;
}

static int on_datagrams(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata) {
        Notify *n = userdata;
        int r = 1;

        for (unsigned i = 0; i < MESSAGES_PER_WAKEUP && r > 0; i++)
                r = receive_one(n, fd);
        if (r < 0) {
                (void) log_debug_errno(r, "cannot read the guest's state messages: %m");
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        return 0;
}

/* The socket comes from a process inside the guest, so what it is and how it is set is checked or set
 * again. */
static int prepare_socket(int fd) {
        static const struct {
                int option, value;
                bool required;
        } options[] = {
                { SO_PASSCRED, 1, true },
                { SO_PASSSEC, 0, false },
                { SO_PASSPIDFD, 0, false },
                { SO_PASSRIGHTS, 0, false },
        };
        int domain = 0, type = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) }) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }) < 0)
                return -errno;
        if (domain != AF_UNIX || type != SOCK_DGRAM)
                return -EPROTOTYPE;
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (setsockopt(fd, SOL_SOCKET, options[i].option, &options[i].value, sizeof(int)) < 0 &&
                    options[i].required)
                        return -errno;
        return fd_set_cloexec(fd, true);
}

static void stop_listening(Notify *n) {
        n->socket = sd_event_source_disable_unref(n->socket);
        n->fd = safe_close(n->fd);
}

int notify_listen(Notify *n, int fd, pid_t leader) {
        int r;

        stop_listening(n);
        n->fd = fd;
        n->leader = leader;
        r = prepare_socket(fd);
        if (r >= 0)
                r = sd_event_add_io(n->event, &n->socket, fd, EPOLLIN, on_datagrams, n);
        if (r >= 0)
                r = sd_event_source_set_priority(n->socket, SD_EVENT_PRIORITY_NORMAL + 10);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(n->socket, 1000000, WAKEUPS_PER_SECOND);
        if (r < 0) {
                stop_listening(n);
                return log_error_errno(r, "cannot listen on the guest's /run/host/notify: %m");
        }
        return 0;
}

int notify_new(sd_event *event, bool wait_for_guest, Notify **ret) {
        Notify *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return log_oom();
        n->event = sd_event_ref(event);
        n->wait_for_guest = wait_for_guest;
        n->active = !isempty(getenv("NOTIFY_SOCKET"));
        n->fd = -EBADF;
        r = sd_event_set_watchdog(event, true);
        if (r < 0)
                (void) log_warning_errno(r, "cannot feed the host's watchdog: %m");
        if (n->active) {
                r = sd_event_add_time(event, &n->status_timer, CLOCK_MONOTONIC, 0, 1000, on_status_timer, n);
                if (r >= 0)
                        r = sd_event_source_set_enabled(n->status_timer, SD_EVENT_OFF);
                if (r < 0) {
                        notify_free(n);
                        return log_error_errno(r, "cannot make a timer: %m");
                }
        }
        *ret = n;
        return 0;
}

void notify_free(Notify *n) {
        if (!n)
                return;
        stop_listening(n);
        sd_event_source_disable_unref(n->status_timer);
        sd_event_unref(n->event);
        free(n);
}
