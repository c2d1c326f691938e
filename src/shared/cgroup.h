/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups, cgroup2 only, as directory fds. Paths appear only where the kernel speaks them. */

#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

/* An O_DIRECTORY fd for the root of the cgroup2 hierarchy, as this process's cgroup namespace shows it,
 * whatever the host has mounted where: a mount that is writable if there is one, else a detached mount of our
 * own. -ENODEV: the kernel has no cgroup2; -EPERM: none is mounted and we may not mount one. */
int cgroup_open_root(void) _must_check_;

/* The cgroup2 path of a process ("/" first), pid 0 for our own. -ENODATA: it has none. */
int cgroup_path_of(pid_t pid, char **ret) _must_check_;

/* An fd for path below root_fd, no ".." and no symlinks. A path outside our namespace ("/../x"): -EXDEV. */
int cgroup_open(int root_fd, const char *path) _must_check_;

/* Creates a child and opens it. An existing one is opened, unless exclusive: then -EEXIST. */
int cgroup_make(int parent_fd, const char *name, bool exclusive) _must_check_;

/* Makes every controller that the cgroup has available to its children, each separately, so that one that
 * cannot be had costs only itself. Returns the number enabled now, or the first error if none could be. A
 * cgroup without controllers is 0. */
int cgroup_enable_controllers(int cgroup_fd);

/* 1 if the cgroup has controllers that it could pass to its children, else 0. */
int cgroup_has_controllers(int cgroup_fd);

/* Moves a process, pid 0 for ourselves. Waits for an RCU grace period, ten milliseconds where kernels are
 * busy: a process that is born in its place (CLONE_INTO_CGROUP) costs nothing. */
int cgroup_move(int cgroup_fd, pid_t pid) _must_check_;

/* Begins the grace period of cgroup_move() for whoever moves a process within the next moments, another program
 * included: that one waits for the rest of it only. Moves this process to where it is, and waits as well. */
int cgroup_prepare_move(void);

/* 1 if systemd delegated this cgroup to its processes, else 0. */
int cgroup_is_delegated(int cgroup_fd);

/* Gives the cgroup, and the files in it that make up delegation, to a user namespace's root. */
int cgroup_delegate(int cgroup_fd, uid_t uid, gid_t gid) _must_check_;

/* SIGKILL to every process in the cgroup and below, frozen or forking as they may be. */
int cgroup_kill(int cgroup_fd);

/* 1 while a process lives in the cgroup or below, else 0. A cgroup that is gone is 0. */
int cgroup_is_populated(int cgroup_fd);

/* Waits until nothing lives in it. -ETIMEDOUT. */
int cgroup_wait_empty(int cgroup_fd, uint64_t timeout_usec) _must_check_;

/* Removes a child with all below it, of any depth and number. Missing is success. Processes in it are -EBUSY
 * once the time is over (0: at the first refusal). No more than two fds are used. */
int cgroup_remove(int parent_fd, const char *name, uint64_t timeout_usec);
