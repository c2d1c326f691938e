/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* User and group records as files for nss-systemd: JSON, see https://systemd.io/USER_RECORD. */

#include <sys/types.h>

#include "macros.h"

/* A user with a group of the same name and number. */
typedef struct UserRecord {
        const char *name, *home;
        const char *shell;    /* NULL: the default one */
        const char *password; /* hashed; NULL: none that would let anybody in */
        uid_t id;
} UserRecord;

typedef enum UserRecordPart {
        USER_RECORD_USER,            /* for NAME.user, all may read it */
        USER_RECORD_USER_PRIVILEGED, /* for NAME.user-privileged: the password */
        USER_RECORD_GROUP,           /* for NAME.group */
} UserRecordPart;

/* Loads the JSON library, once for this process and its children. -ENOPKG: it is not there. */
int user_record_load(void) _must_check_;

/* The text of a file, after user_record_load(). */
int user_record_format(const UserRecord *record, UserRecordPart part, char **ret) _must_check_;
