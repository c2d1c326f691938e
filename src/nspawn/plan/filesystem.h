/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guest's file tree as two lists of operations, compiled from const configuration and host facts. */

#include "config/config.h"
#include "plan/facts.h"
#include "plan/operation.h"

typedef struct FilesystemPlan {
        OperationList root;  /* what the user mounts on / itself, over the tree, before all else */
        OperationList outer; /* done before the guest's namespaces exist, with the host's privileges */
        OperationList inner; /* done inside them, by PID 1 to be, the host's tree still in view */
        char **strings;      /* owned strings that operations point to */
} FilesystemPlan;

/* Fills ret, which borrows from config. Errors are logged. */
int filesystem_plan(const MachineConfig *config, const HostFacts *facts, FilesystemPlan *ret) _must_check_;

void filesystem_plan_free(FilesystemPlan *plan);

void filesystem_plan_print(const FilesystemPlan *plan, FILE *f);
