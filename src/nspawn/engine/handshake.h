/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the stages and the supervisor tell each other: one fixed-size message per packet on a SOCK_SEQPACKET
 * pair, with at most one fd. Both stages share the child's end, because only one of them speaks at a time. */

#include <stdint.h>
#include <systemd/sd-id128.h>

#include "macros.h"

typedef enum MessageType {
        /* stage → supervisor */
        MESSAGE_LOG = 1,      /* level, text: a line to show */
        MESSAGE_PROGRESS,     /* text: what takes so long, and how far it is */
        MESSAGE_ABORT,        /* stage, step, error: the start has failed; the text was logged before */
        MESSAGE_LEADER,       /* fd: pidfd of the guest's PID 1, just born; uuid: the machine's */
        MESSAGE_CONSOLE,      /* fd: master of the pty that is the guest's console */
        MESSAGE_NOTIFY,       /* fd: datagram socket bound to the guest's /run/host/notify */
        MESSAGE_NOT_EXECUTED, /* text, error: the payload's command, and why it cannot be run; for us to log */
        MESSAGE_READY,        /* everything is done but the exec, which MESSAGE_GO is awaited for */
        /* supervisor → stage */
        MESSAGE_CGROUP, /* fd: the payload's cgroup, to be born in; none where there is no cgroup2 */
        MESSAGE_GO,     /* run the payload */
        _MESSAGE_MAX,
} MessageType;

typedef struct Message {
        uint32_t type;
        int32_t level; /* LOG: a syslog level */
        int32_t error; /* ABORT: a negative errno */
        char stage[16], step[32];
        sd_id128_t uuid;
        char text[512];
} Message;

/* A connected pair, close-on-exec. */
int handshake_socketpair(int *ret_supervisor, int *ret_stage) _must_check_;

/* Sends; fd may be negative for none. Blocks only if the other side has stopped reading. */
int handshake_send(int socket_fd, const Message *message, int fd) _must_check_;

/* Receives one message and its fd (-EBADF if it has none). A malformed packet: -EBADMSG; end of file:
 * -ECONNRESET; nothing there on a non-blocking socket: -EAGAIN. Strings are terminated. */
int handshake_receive(int socket_fd, Message *ret, int *ret_fd) _must_check_;

/* Receives until a message of this type has come; anything else is -EBADMSG. */
int handshake_expect(int socket_fd, MessageType type, Message *ret, int *ret_fd) _must_check_;
