/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors of the guest's PID 1 that the host's manager keeps over a restart of our unit. */

#include "supervise/guest-message.h"

/* Whether the manager keeps any for us ($FDSTORE). */
bool fd_store_offered(void);

/* Passes on what the message asks for. */
void fd_store_forward(const GuestMessage *message, const int *fds, size_t n_fds);

/* Closes the descriptors in a child of this process, and returns its pidfd: a file of the guest's can keep whoever
 * closes it for as long as the guest likes. -EBADF if there was nothing to close. */
int fd_store_close(const int *fds, size_t n_fds);
