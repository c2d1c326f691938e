/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stage is a child process that runs a table of steps. */

#include "engine/machine.h"

typedef struct Step {
        const char *name;
        int (*run)(StageContext *context); /* 0 or a negative errno, logged by the step */
} Step;

/* Whether $NSPAWN_FAIL is "stage/step", for tests of every way back: -ECANCELED, logged. Else 0. */
int stage_step_fails(const char *stage, const char *step) _must_check_;

/* Routes this process's log lines to the supervisor and runs the steps in order. If one fails, the supervisor gets
 * MESSAGE_ABORT with "stage/step" and the negative errno is returned. */
int stage_run(StageContext *context, const char *stage, const Step *steps, size_t n_steps) _must_check_;
