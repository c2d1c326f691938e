/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --forward-journal=: has systemd-journal-remote write to the host what the guest's journald sends to a socket. */

#include <systemd/sd-event.h>

#include "config/config.h"
#include "engine/undo.h"
#include "host/temporary.h"

typedef struct JournalReceiver JournalReceiver;

/* Sees that all is there that it takes, and opens what is written to. *ret is NULL if nothing is to be forwarded.
 * config and machine must live until journal_receiver_free(), and so until the undo log has run. Logs. */
int journal_receiver_new(sd_event *event, const ForwardJournalConfig *config, const char *machine, bool seccomp,
                         UndoLog *undo, Temporaries *temporaries, JournalReceiver **ret) _must_check_;

/* All that follows takes NULL, and then does nothing. */
void journal_receiver_free(JournalReceiver *r);

/* A run begins: *ret_fd is a stream socket for the outer stage to bind and to listen on; it stays the receiver's.
 * -EBADF for none. Logs. */
int journal_receiver_open(JournalReceiver *r, int *ret_fd) _must_check_;

/* The outer stage has done so: from now on the first connection starts the receiving process, in the cgroup of
 * cgroup_fd if that is one. Logs. */
int journal_receiver_listen(JournalReceiver *r, int cgroup_fd) _must_check_;

/* All processes of the guest have ended: waits, for some seconds at most, until what they have sent is written. */
void journal_receiver_finish(JournalReceiver *r);
