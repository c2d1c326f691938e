/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /run/nspawn/NAME: what a running machine keeps on the host, and the records by which its remains are found
 * after a crash. It is made before anything else of the machine is, and removed last. */

#include "engine/undo.h"

#define RUNTIME_ROOT "/run/nspawn"

/* Records: what each one's text is. */
#define RUNTIME_RECORD_CGROUP "cgroup"       /* cgroup2 path of what we made and must kill and remove */
#define RUNTIME_RECORD_TREE "tree"           /* the tree whose locks the machine holds; with "-0" and on: of several */
#define RUNTIME_RECORD_USERS "users"         /* base of the range of users that the machine has locked */
#define RUNTIME_RECORD_MAPPED "mapped"       /* with "-0" and on: names of devices on top of partitions of images */
#define RUNTIME_RECORD_QUESTION "question"   /* the file by which password agents are asked */
#define RUNTIME_RECORD_TEMPORARY "temporary" /* with "-0" and on: directories that go with the machine */
#define RUNTIME_RECORD_PORTS "ports"         /* there is a table for the machine's forwarded ports */
#define RUNTIME_RECORD_LOCALNET "localnet"   /* number and name of a link that the machine needs route_localnet on */

/* An fd for /run/nspawn, which is made if it is missing. Logs. */
int runtime_root_open(void) _must_check_;

/* Makes the directory and gives an fd for it, which stays the caller's. The reversal removes the directory
 * with all that is in it. machine must be a valid machine name and live until then. Logs. */
int runtime_directory_make(UndoLog *undo, const char *machine, int *ret_fd) _must_check_;

/* An fd for the directory of a machine. -ENOENT: there is none. Silent. */
int runtime_directory_open(const char *machine) _must_check_;

/* Writes a record, atomically; an earlier one is replaced. Reads one: -ENOENT if there is none. Silent. */
int runtime_record_write(int runtime_fd, const char *record, const char *text) _must_check_;
int runtime_record_read(int runtime_fd, const char *record, char **ret) _must_check_;

/* Removes the directory. Missing is success. Silent. */
int runtime_directory_remove(const char *machine);
