/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a machine's PID 1 is, and which action makes it stop the machine. */

#include <stdint.h>
#include <sys/types.h>

#include "macros.h"

typedef enum StopWish {
        STOP_POWEROFF,
        STOP_REBOOT,
        _STOP_WISH_MAX,
} StopWish;

/* A look at the leader at one moment. All of it comes from a hostile process: hints, never facts. */
typedef struct LeaderView {
        int pidfd;       /* borrowed */
        int proc_fd;     /* its directory in /proc, which stays bound to this process */
        int root_fd;     /* O_PATH; -EBADF until leader_view_root() */
        bool ours;       /* it still runs our own program */
        bool in_sigwait; /* it waits for signals that the masks do not show: see init-system.c */
        uid_t uid;       /* its effective UID, in our numbers */
        uint64_t caught, blocked, ignored, pending; /* signal masks, bit n - 1 for signal n */
        char program[64];                           /* base name of its executable, "" if not known */
} LeaderView;

#define LEADER_VIEW_NONE ((LeaderView){ .pidfd = -EBADF, .proc_fd = -EBADF, .root_fd = -EBADF })

/* Fills a view. -ESRCH if the process has ended. */
int leader_view_open(int leader_pidfd, LeaderView *ret) _must_check_;
void leader_view_close(LeaderView *view);

/* The root directory of the leader, opened at the first call; the view keeps it. */
int leader_view_root(LeaderView *view) _must_check_;

/* True if a signal is caught or blocked, so that it cannot be lost: the kernel drops others when they are
 * sent to a PID 1. */
bool leader_view_hears(const LeaderView *view, int sig);
bool leader_view_catches(const LeaderView *view, int sig);
bool leader_view_ignores(const LeaderView *view, int sig);
bool leader_view_has_pending(const LeaderView *view, int sig);

typedef enum StopMethod {
        STOP_BY_SIGNAL,
        STOP_BY_FIFO,  /* a message into a FIFO */
        STOP_BY_FLAGS, /* executable bits of two files, then a signal */
        STOP_BY_GUESS, /* a signal of those that it catches */
} StopMethod;

/* Signals as this table has them: the real-time ones are not constants. */
#define REALTIME_SIGNAL(n) (1000 + (n))
int init_system_signal(int sig);

typedef struct InitSystem {
        const char *name;
        const char *programs[4]; /* base names of executables */
        StopMethod method;
        bool deaf_at_boot;           /* BY_SIGNAL: takes the signal but drops it while booting: ask until it is gone */
        int signals[_STOP_WISH_MAX]; /* BY_SIGNAL, BY_FLAGS */
        const char *paths[2];        /* BY_FIFO: where it may be; BY_FLAGS: "stop now", "and reboot" */
        struct {
                const void *data;
                size_t size;
        } messages[_STOP_WISH_MAX]; /* BY_FIFO; at most PIPE_BUF */
} InitSystem;

/* Never NULL: what is not known is the last row. */
const InitSystem *init_system_find(const char *program);
