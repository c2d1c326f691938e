/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What guest/starter.c tells the starter by its arguments. They are followed by the paths to try and then by the
 * arguments of the program, whose environment is the starter's own. Numbers are decimal. */

enum {
        STARTER_ARG_NAME,
        STARTER_ARG_OPTIONS,      /* letters, or none */
        STARTER_ARG_N_LISTEN_FDS, /* from fd 3 on, that go to the program */
        STARTER_ARG_SOCKET_FD,    /* for what went wrong, see engine/handshake.h; or NO_SOCKET */
        STARTER_ARG_CONTEXT,      /* SELinux context of the program; or NO_CONTEXT */
        STARTER_ARG_N_PATHS,
        STARTER_ARG_PATHS,
};

#define STARTER_NO_SOCKET "-"
#define STARTER_NO_CONTEXT "-"

#define STARTER_OPTION_STUB 's'  /* stay as PID 1 and reap; the program is PID 2, in its own process group */
#define STARTER_OPTION_TTY 't'   /* this process group is the foreground one of the terminal on fd 0 */
#define STARTER_OPTION_LOGIN 'l' /* the paths are shells, to be run as login shells without arguments */

/* Begins what /proc says of the file, so that the supervisor knows it. */
#define STARTER_FILE_NAME "nspawn-starter"
#define STARTER_STUB_NAME "(sd-stubinit)"
