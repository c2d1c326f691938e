/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules in the kernel's nftables. */

#include "macros.h"

/* Loads libnftables for this process and those it forks. -ENOPKG: it is not installed. Silent. */
int nftables_load(void) _must_check_;

/* Carries out commands in nft's own language, all or none of them, in our network namespace. Wants nftables_load()
 * first. On failure reason says what libnftables thinks of it, in one line without control characters. Silent. */
int nftables_run(const char *commands, char *reason, size_t size) _must_check_;

/* Deletes a table of family inet with all that is in it; takes no library. Missing is success, and so is a kernel that
 * has no nftables. Silent. */
int nftables_delete_table(const char *name);

/* Whether there is such a table: 1 or 0. Silent. */
int nftables_has_table(const char *name) _must_check_;

/* A socket that becomes readable when anybody changes rules in our network namespace; watch_drain() is for it. */
int nftables_watch_open(void) _must_check_;
