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
 * Descriptors that the guest attaches are refused by the kernel where it can do that, and otherwise find no room here,
 * which makes the kernel drop them. Where the host's manager keeps descriptors for us, a datagram is looked at first,
 * and those of PID 1 that are to be stored are received with what they bring. One such is dealt with at a time: the
 * socket rests until they are closed, see fd-store.c. */

#include "supervise/notify.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "process.h"
#include "supervise/fd-store.h"
#include "supervise/guest-message.h"

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
        bool stores; /* and whoever listens there keeps descriptors */
        int fd;
        pid_t leader;
        sd_event_source *socket;
        int closer_fd; /* pidfd of the child that closes descriptors, or -EBADF */
        sd_event_source *closer;
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
        (void) snprintf(text, sizeof(text), "STATUS=Container running%s%s", n->status[0] ? ": " : ".", n->status);
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
        send_up(n,
                exit_for_restart ? "STOPPING=1\nSTATUS=Container rebooting, restarting..."
                                 : "STOPPING=1\nSTATUS=Terminating...");
}

void notify_restarting(Notify *n) {
        drop_status(n);
        /* No STOPPING=1: the host would wait for our end, and enforce it. */
        send_up(n, "STATUS=Restarting...");
}

/* — from the guest — */

static void handle_message(Notify *n, const GuestMessage *message) {
        if (message->has_status)
                queue_status(n, message->status);
        if (message->ready && n->wait_for_guest && !n->ready_sent) {
                n->ready_sent = true;
                send_up(n, "READY=1");
        }
        if (message->stopping)
                log_debug("the guest's PID 1 says that it is stopping");
}

typedef struct Datagram {
        char data[MESSAGE_MAX];
        size_t size;
        bool whole;
        pid_t sender; /* 0 if the kernel did not tell */
        int fds[FDS_MAX];
        size_t n_fds;
} Datagram;

static void read_control_data(struct msghdr *h, Datagram *d) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
                size_t n = c->cmsg_len - CMSG_LEN(0);

                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && n >= sizeof(struct ucred)) {
                        struct ucred u;

                        memcpy(&u, CMSG_DATA(c), sizeof(u));
                        d->sender = u.pid;
                }
                if (c->cmsg_type == SCM_RIGHTS && d->n_fds + n / sizeof(int) <= FDS_MAX) {
                        memcpy(d->fds + d->n_fds, CMSG_DATA(c), n);
                        d->n_fds += n / sizeof(int);
                }
        }
}

/* 1: there is one. 0: there is none. Credentials come before descriptors. */
static int receive(int fd, int flags, bool with_fds, Datagram *ret) {
        union {
                struct cmsghdr align;
                char data[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { ret->data, sizeof(ret->data) };
        struct msghdr h = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = with_fds ? sizeof(control) : CMSG_SPACE(sizeof(struct ucred)) };
        ssize_t size;

        do
                size = recvmsg(fd, &h, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (size < 0 && errno == EINTR);
        if (size < 0)
                return errno == EAGAIN ? 0 : -errno;
        ret->size = (size_t) size;
        ret->whole = !(h.msg_flags & MSG_TRUNC);
        ret->sender = 0;
        ret->n_fds = 0;
        read_control_data(&h, ret);
        return 1;
}

static int on_closed(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        Notify *n = userdata;

        (void) process_wait(fd, NULL);
        n->closer = sd_event_source_disable_unref(n->closer);
        n->closer_fd = safe_close(n->closer_fd);
        (void) sd_event_source_set_enabled(n->socket, SD_EVENT_ON);
        return 0;
}

/* Returns 0, since one of these is enough for a wake-up. */
static int store(Notify *n, const GuestMessage *message, Datagram *d) {
        int r;

        fd_store_forward(message, d->fds, d->n_fds);
        n->closer_fd = fd_store_close(d->fds, d->n_fds);
        if (n->closer_fd < 0)
                return 0;
        r = sd_event_add_io(n->event, &n->closer, n->closer_fd, EPOLLIN, on_closed, n);
        if (r >= 0)
                (void) sd_event_source_set_enabled(n->socket, SD_EVENT_OFF);
        return MIN(r, 0);
}

/* 1: one datagram is gone. 0: there is none, or enough is done. */
static int receive_one(Notify *n, int fd) {
        GuestMessage message;
        bool heard, stores;
        Datagram d;
        int r;

        r = receive(fd, n->stores ? MSG_PEEK : 0, false, &d);
        if (r <= 0)
                return r;
        heard = d.sender == n->leader && d.whole;
        guest_message_parse(d.data, heard ? d.size : 0, &message);
        stores = n->stores && (message.fd_store || message.fd_store_remove);
        if (n->stores) {
                r = receive(fd, 0, message.fd_store, &d);
                if (r <= 0)
                        return r;
        }
        if (heard)
                handle_message(n, &message);
        else
                log_debug("dropped a state message from PID %i of the guest", d.sender);
        return stores ? store(n, &message, &d) : 1;
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
static int prepare_socket(int fd, bool pass_fds) {
        const struct {
                int option, value;
                bool required;
        } options[] = {
                { SO_PASSCRED, 1, true },
                { SO_PASSSEC, 0, false },
                { SO_PASSPIDFD, 0, false },
                { SO_PASSRIGHTS, pass_fds, false },
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

/* A child that closes is not waited for: it ends with us. */
static void stop_listening(Notify *n) {
        n->closer = sd_event_source_disable_unref(n->closer);
        n->closer_fd = safe_close(n->closer_fd);
        n->socket = sd_event_source_disable_unref(n->socket);
        n->fd = safe_close(n->fd);
}

int notify_listen(Notify *n, int fd, pid_t leader) {
        int r;

        stop_listening(n);
        n->fd = fd;
        n->leader = leader;
        r = prepare_socket(fd, n->stores);
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
        n->stores = n->active && fd_store_offered();
        n->fd = n->closer_fd = -EBADF;
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
