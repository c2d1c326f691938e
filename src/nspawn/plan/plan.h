/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MachinePlan: everything that will be done, decided from const configuration and const host facts before the
 * first side effect. Const from then on; --dry-run prints it. */

#include "plan/facts.h"
#include "plan/filesystem.h"
#include "plan/network.h"
#include "plan/seccomp-compiler.h"
#include "plan/security.h"

typedef struct MachinePlan {
        bool user_namespace;   /* the machine has users of its own */
        const HostUser *bound; /* users of the host that the machine has too */
        size_t n_bound;
        FilesystemPlan filesystem;
        SecurityPlan security;
        SeccompProgram seccomp;
        NetworkPlan network;
} MachinePlan;

/* Borrows from config and facts. Errors are logged. */
int machine_plan_make(const MachineConfig *config, const HostFacts *facts, MachinePlan *ret) _must_check_;
void machine_plan_done(MachinePlan *plan);
#define _cleanup_machine_plan_ _cleanup_(machine_plan_done)

void machine_plan_print(const MachineConfig *config, const MachinePlan *plan, FILE *f);
