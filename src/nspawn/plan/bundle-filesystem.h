/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Device nodes of bundles, and what they want to be hidden or only read. */

#include "config/config.h"
#include "plan/operation.h"

/* Whether the bundle has a device at this path, which then counts instead of ours. */
bool bundle_has_device(const MachineConfig *config, const char *path);

/* These log their errors. */
int bundle_append_devices(OperationList *list, const MachineConfig *config) _must_check_;
int bundle_append_paths(OperationList *list, const MachineConfig *config) _must_check_;
