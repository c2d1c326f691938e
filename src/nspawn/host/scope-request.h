/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is asked of the service manager for a machine's scope. */

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "macros.h"

typedef struct ScopeRequest {
        const char *machine;     /* a valid machine name */
        const char *slice;       /* NULL: machine.slice */
        char *const *properties; /* --property=, NAME=VALUE */
        char *const *devices;    /* "PATH ACCESS" the machine needs besides the usual ones; see below */
        const int *pidfds;       /* the processes that go into the scope: at least one, all alive */
        size_t n_pidfds;
        int kill_signal;            /* 0: the manager's default */
        uint64_t stop_timeout_usec; /* after it our own supervisor kills; 0: the manager's default */
        bool coredump_receive;      /* the guest can take its coredumps itself: it is booted */
} ScopeRequest;

/* What newer managers know. */
enum { SCOPE_WITH_PIDFDS = 1 << 0, SCOPE_WITH_COREDUMP_RECEIVE = 1 << 1 };

/* Appends the request's properties to the open array of a StartTransientUnit() call, of those that not every manager
 * knows the ones in with. -EINVAL: a --property= cannot be translated, which has been logged. */
int scope_request_append(const ScopeRequest *request, unsigned with, sd_bus_message *m) _must_check_;

/* The unit name for a machine name, for out of at least SCOPE_NAME_MAX bytes. */
#define SCOPE_NAME_MAX 256
int scope_unit_name(const char *machine, char *out) _must_check_;
