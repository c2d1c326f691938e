/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* HostFacts: what this machine can do and what its host files say, probed once by host/facts.c and const from
 * then on. Planning depends on these and the configuration alone, so a plan can be tested anywhere. */

#include "macros.h"
#include "plan/network.h"
#include "plan/security.h"

/* A user of the host and the group of its files. */
typedef struct HostIds {
        uid_t uid;
        gid_t gid;
} HostIds;

/* What the host knows of a user that is bound. */
typedef struct HostUser {
        char *name, *home;
        char *shell;    /* NULL: none */
        char *password; /* hashed; NULL: none that lets anybody in */
        uid_t uid;
        gid_t gid;
} HostUser;

typedef struct HostFacts {
        bool systemd_running;      /* the host's service manager is systemd */
        bool have_fuse;            /* /dev/fuse can be opened */
        bool have_tun;             /* /dev/net/tun can be opened */
        bool have_selinux;         /* it is enabled; looked at where it is needed */
        bool have_user_namespaces; /* and users to pick for one; looked at for -U alone */
        const char *os_release;    /* the host's, a literal; NULL if it has none */
        char **container_host;     /* container_host_id=… and such, from it */
        HostIds *mapped;           /* for each of the configuration's mounts whom it maps; NULL if none does */
        HostUser *bound;           /* the configuration's bind_users.names */
        size_t n_bound;
        SecurityFacts security;
        NetworkFacts network;
} HostFacts;
