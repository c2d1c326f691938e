/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is said of an operation that could not be carried out. */

#include "plan/operation.h"

/* Logs what went wrong and, where something helps, what. Returns error. */
int operation_log_failure(const Operation *o, int error);
