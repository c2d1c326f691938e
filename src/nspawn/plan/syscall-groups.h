/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The named groups of system calls that --system-call-filter= accepts, with the members that users of the
 * option know from systemd.exec(5). */

#include "macros.h"

typedef struct SyscallGroup {
        const char *name;    /* with its "@" */
        const char *members; /* names separated by one space; a member may be a group */
} SyscallGroup;

/* The group of this name ("@aio"), or NULL. "@known" is here too, with no members: it means every system call
 * of the table in use. */
const SyscallGroup *syscall_group_find(const char *name);

/* Cuts the next word off a member list. Returns false at the end. */
bool syscall_group_next(const char **members, char *ret_word, size_t size);

#define SYSCALL_NAME_MAX 64
