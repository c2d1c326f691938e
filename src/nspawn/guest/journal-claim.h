/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whose journal is what the host has under a machine ID: the ID alone, which a tree says of itself, gives nobody a
 * right to it. */

#include "macros.h"

typedef struct JournalClaim {
        const char *path;    /* /var/log/journal/ID on the host */
        const char *machine; /* who wants it */
        const char *target;  /* where a link of this machine's leads; NULL: it has none */
        bool vouched;        /* the ID is the user's word, not the tree's */
        char why[512];       /* one line, of a claim that was refused with -EPERM */
} JournalClaim;

/* The name of the attribute that says whose a directory is. */
#define JOURNAL_OWNER_ATTRIBUTE "user.nspawn.machine"

/* Whether the directory at path is the machine's, or nobody's yet: then, or if the claim is vouched for, it is marked
 * as the machine's. -ENOENT: there is none; -ENOTDIR: it is something else. Acts with the host's rights. Silent. */
int journal_claim_directory(JournalClaim *claim) _must_check_;

/* Whether a link at path, which leads to existing, is the machine's, or leads nowhere any more. Silent. */
int journal_claim_link(JournalClaim *claim, const char *existing) _must_check_;
