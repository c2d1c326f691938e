/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Compiles the payload's environment and arguments. */
int payload_prepare(StageContext *context);

/* Becomes the payload. Returns on failure only, with the error logged. */
int payload_execute(StageContext *context);
