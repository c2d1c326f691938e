/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What machined is told of a machine, over whichever transport. */

#include <sys/types.h>
#include <systemd/sd-id128.h>

typedef struct RegistrationRequest {
        const char *machine;        /* a valid machine name */
        sd_id128_t uuid;            /* may be SD_ID128_NULL */
        const char *service;        /* who runs it: "systemd-nspawn" unless overridden */
        int leader_pidfd;           /* the guest's PID 1: our child, not reaped before the reply */
        const char *root_directory; /* on the host; NULL for an image */
        const int *ifindices;       /* the host's ends of the machine's network links */
        size_t n_ifindices;
} RegistrationRequest;

/* Called once: error 0, or a negative errno and one line that says why. -ENOPKG: there is no machined
 * here. */
typedef void (*registered_t)(int error, const char *why, void *userdata);
