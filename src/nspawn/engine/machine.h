/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the stages know: the const configuration, facts and plan they were forked with, and what they learn. */

#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "config/config.h"
#include "engine/image.h"
#include "engine/mstack.h"
#include "plan/plan.h"
#include "plan/uid-range.h"

/* Below the runtime directory, of machines with a mount of the user's on / itself. */
#define PLACE_OF_TREE "/place-tree"
#define PLACE_OF_ROOT "/place-root"

typedef struct StageContext {
        const MachineConfig *config;
        const HostFacts *facts;
        const MachinePlan *plan;
        int socket_fd;      /* to the supervisor, see engine/handshake.h */
        int tree_fd;        /* a detached mount of the directory tree, or of the image's root */
        const Image *image; /* NULL if it is none */
        MountStack *stack;  /* the same */
        UserMapping users;  /* the guest's */
        int unix_export_fd; /* a detached mount for /run/host/unix-export, or -EBADF */
        int journal_fd;     /* a socket for /run/host/journal/socket, which the supervisor has too, or -EBADF */
        const char *runtime_directory;  /* of this machine on the host, absolute */
        bool layered;                   /* an ephemeral machine's changes go to a layer over the tree */
        const char *layer_directory;    /* for that; NULL: in memory */
        char *const *mount_temporaries; /* for each of the configuration's mounts a directory on the host, or NULL */
        const char *stage;              /* what this process runs now */
        bool console_is_pty;            /* false: the payload gets the caller's stdio */
        unsigned n_listen_fds;          /* of socket activation, from fd 3 on; they go to the payload */

        /* Learned by the outer stage. */
        int users_fd;      /* the guest's user namespace, or -EBADF */
        int root_fd;       /* the guest's root, attached in this mount namespace */
        const char *place; /* below runtime_directory, where the root is attached: "" or a PLACE_OF_* */
        int origin_fd;     /* what "+" sources of mounts are below, if that is not root_fd, or -EBADF */
        int stack_fd;      /* the layers of a mount stack with a root of its own, or -EBADF */
        int former_fd;     /* a detached mount of the root before --pivot-root=, or -EBADF */
        sd_id128_t uuid;   /* the machine's */
        uid_t *bound_ids;  /* what plan->bound are in the guest */
        const char *init;  /* START_BOOT: path of the init found, one of our own literals */
        int payload_cgroup_fd;

        /* Learned by the inner stage. */
        int starter_fd; /* see guest/starter.h */
        int tty_fd;     /* the slave of the console pty, or -EBADF in pipe mode */
        char **argv;
        char **environment;
        char *user_name, *home, *shell; /* shell may be NULL: the usual ones are tried */
        uid_t uid;
        gid_t gid;
        gid_t *groups;
        size_t n_groups;
} StageContext;
