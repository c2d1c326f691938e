/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* --cleanup: removes what a dead machine of this name or tree left. A live one is -EBUSY. Logs. */
int cleanup(const SourceConfig *source) _must_check_;
