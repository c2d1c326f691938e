/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The state messages of the guest's PID 1, which are not to be trusted. Pure. */

#include "macros.h"

#define FD_NAME_MAX 255u /* what the host's manager takes, with fd-store.h's prefix */

/* What one datagram of the guest's PID 1 says. */
typedef struct GuestMessage {
        bool ready, stopping;
        bool has_status;
        char status[256];                           /* safe to show */
        bool fd_store, fd_store_remove, fd_no_poll; /* with a name that is valid */
        char fd_name[FD_NAME_MAX + 1];
} GuestMessage;

/* Reads size bytes; there need not be a NUL. Unknown fields, and text that is no message, are no error. */
void guest_message_parse(const char *data, size_t size, GuestMessage *ret);
