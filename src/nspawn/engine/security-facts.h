/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What security_plan() must know of this machine. */

#include "plan/security.h"

/* Reads it from the running process, the host's PID 1 and the environment. Values that cannot be read are
 * replaced by this process's own, or the kernel's defaults. Never fails. */
void security_facts_read(SecurityFacts *ret);
