/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* systemd-journal-remote, with nothing in reach but what it writes to. */

#include <sys/types.h>

#include "macros.h"
#include "plan/seccomp-policy.h"

/* What a process that enters it has to be born with. No PID namespace: it is the minder's already, and the kernel makes
 * none for the child of a process that is in another. */
#define JOURNAL_SANDBOX_NAMESPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

typedef struct JournalSandbox {
        const char *program;
        const char *machine;  /* what the files are named after */
        const char *file;     /* the name of the only one, or NULL */
        const char *settings; /* for its journal-remote.conf */
        const SeccompProgram *filter;
        int directory_mount_fd;   /* a detached mount of the directory that it writes to */
        int listen_fd, output_fd; /* the socket; what it has to say */
        uid_t uid;                /* whom it runs as, and whom the mount shows its files to belong to */
        gid_t gid;
} JournalSandbox;

/* The user for it: the one that the host has for it, else nobody. */
void journal_sandbox_user(uid_t *ret_uid, gid_t *ret_gid);

/* What it may call of the kernel; the caller frees it. Logs. */
int journal_sandbox_filter(bool disabled, SeccompProgram *ret) _must_check_;

/* In a child of the supervisor: becomes it. Logs. */
_noreturn_ void journal_sandbox_enter(const JournalSandbox *sandbox);
