/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* State messages: up to whoever started us ($NOTIFY_SOCKET), and from the guest's PID 1
 * (/run/host/notify). */

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "macros.h"

typedef struct Notify Notify;

/* wait_for_guest: READY=1 goes up when the guest says it, not when it has been started. Feeds the host's
 * watchdog from the loop if the host asked for it. Without $NOTIFY_SOCKET everything is accepted and
 * nothing sent. */
int notify_new(sd_event *event, bool wait_for_guest, Notify **ret) _must_check_;

/* Takes NULL. Closes the guest's socket. */
void notify_free(Notify *n);

/* The guest's PID 1 has been started; leader is its number in our PID namespace. */
void notify_started(Notify *n, pid_t leader);

/* The machine has ended and so will we: exit_for_restart, because the host is to start us again. */
void notify_stopping(Notify *n, bool exit_for_restart);

/* The machine has ended and is started again by us. */
void notify_restarting(Notify *n);

/* Listens on the guest's socket: a bound AF_UNIX datagram socket, made by the guest's own stage and thus
 * not to be trusted in any respect. Takes fd in any case. Ends the listening to an earlier one. Only what
 * leader, the guest's PID 1 as our PID namespace numbers it, sends is looked at. */
int notify_listen(Notify *n, int fd, pid_t leader) _must_check_;
