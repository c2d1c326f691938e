/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"
#include "device-program.h"

/* The device rules that the configuration asks for besides those every machine has: device nodes that are bound
 * into it, those that a bundle lets it use, and --property=DeviceAllow=. The caller frees *ret. A rule that cannot be
 * understood is logged. */
int devices_collect(const MachineConfig *config, DeviceRule **ret, size_t *ret_n) _must_check_;
