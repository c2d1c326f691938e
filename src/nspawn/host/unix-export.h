/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A small file system that the guest writes sockets to and the host sees: /run/host/unix-export inside,
 * /run/systemd/nspawn/NAME/unix-export on the host, where systemd-ssh-proxy looks for them. */

#include "engine/undo.h"

/* Makes it and mounts the host's read-only view. *ret is a detached writable mount for the guest. machine must live
 * until the undo log has run. Logs. */
int unix_export_make(UndoLog *undo, const char *machine, uid_t owner, int *ret) _must_check_;
