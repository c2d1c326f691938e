/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keeping ports of the host for a machine. */

#include "config/config.h"
#include "engine/undo.h"

/* Takes the host's ports that lead to the machine, until undo is run: as long as nobody else has them, and so that
 * nobody else gets them. -EADDRINUSE: somebody has. Logs. To be called when the minder has been forked, which would
 * keep them beyond our death. */
int port_claims_take(const NetworkConfig *config, UndoLog *undo) _must_check_;
