/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "macros.h"

/* The program in starter/, as the build made it. */
extern const unsigned char starter_image[];
extern const size_t starter_image_size;

typedef struct StarterRequest {
        int starter_fd;        /* from starter_open() */
        bool stub;             /* stay as PID 1 and reap; all signals are to be blocked */
        bool terminal;         /* with stub: the program's process group is the foreground one of the one on fd 0 */
        unsigned n_listen_fds; /* from fd 3 on; they and fds 0 to 2 go on, no others */
        int socket_fd;         /* to the supervisor, which is told if nothing can be executed; or -EBADF */
        const char *selinux_context; /* of the program, or NULL */
        char *const *paths;          /* to be tried in this order */
        char *const *argv;           /* NULL: the paths are shells, for a login */
        char *const *environment;
} StarterRequest;

/* A file with the starter that nobody can change. */
int starter_open(void) _must_check_;

/* Becomes the starter, and by it the program. Returns a negative errno, if at all. */
int starter_execute(const StarterRequest *request) _must_check_;
