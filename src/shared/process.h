/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes as pidfds: birth by clone3(2), signals, waiting. */

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

/* Like fork(2), with clone3(2) flags (CLONE_PIDFD is added). cgroup_fd >= 0: the child is born in that cgroup.
 * Returns 0 in the child, the PID in the parent with *ret_pidfd set, or a negative errno. With CLONE_PARENT
 * the child's parent is ours. */
pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) _must_check_;

/* A pidfd for a process of our PID namespace, or a negative errno. */
int process_open(pid_t pid);

/* Sends a signal. A process that is gone already: -ESRCH. */
int process_signal(int pidfd, int sig);

/* Reaps a child, waiting for it to end. */
int process_wait(int pidfd, siginfo_t *ret);

/* The same, but the child stays a zombie, and its number taken, until process_wait(). */
int process_peek(int pidfd, siginfo_t *ret);

/* Kills and reaps a child that may have ended by itself. Closes nothing. */
void process_kill_and_reap(int pidfd);

/* The PID behind a pidfd, as our PID namespace sees it; -ESRCH if it is gone or not visible. */
pid_t process_pid(int pidfd);

/* The directory of a process in procfs, as an O_PATH fd; -ESRCH as above. While the process is not reaped, that it
 * stays the right one is sure. */
int process_open_directory(int pidfd) _must_check_;

/* True while the process has not ended (a zombie has ended). */
bool process_alive(int pidfd);
