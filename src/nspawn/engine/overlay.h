/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The user's own overlays (--overlay=). */

#include "engine/execute.h"

/* A detached mount of OPERATION_OVERLAY, or a negative errno. Silent. */
int overlay_mount(ExecuteContext *context, const Operation *operation) _must_check_;
