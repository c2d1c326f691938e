/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"
#include "plan/facts.h"

/* Probes what planning this machine takes, and no more: what the configuration has no use for is not looked at.
 * Logs. */
int host_facts_probe(const MachineConfig *config, HostFacts *ret) _must_check_;
void host_facts_done(HostFacts *facts);
#define _cleanup_host_facts_ _cleanup_(host_facts_done)
