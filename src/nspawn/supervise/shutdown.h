/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asking a machine to stop, in the way that its PID 1 understands. */

#include "supervise/init-system.h"

typedef struct ShutdownTarget {
        int leader_pidfd; /* borrowed: PID 1 of the machine */
        int kill_signal;  /* configured for "stop", 0 for none; not used for a reboot */
        bool boot;        /* PID 1 is an init of the tree's own */
        bool stub;        /* PID 1 is our stub init; neither: it is the command itself */

        bool flagged; /* kept between the calls for one wish; false at the first */
} ShutdownTarget;

/* Asks once; never waits. Returns
 *   0           it has been asked and has it for sure, or will have it: do not ask again;
 *   -EAGAIN     it cannot hear this yet, or may not have heard it: call again in 100 ms, until it is gone;
 *   -EOPNOTSUPP the command leaves this signal at its default action, which would be to end it, but
 *               the kernel spares a PID 1 that: killing it is what was meant;
 *   -ESRCH      it has ended.
 * Other errors are logged; calling again may still help. */
int shutdown_ask(ShutdownTarget *target, StopWish wish) _must_check_;
