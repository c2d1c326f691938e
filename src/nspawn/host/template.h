/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --template=: the tree of a machine that has none yet. */

#include "config/config.h"
#include "host/temporary.h"

/* Makes source->directory a copy of source->template if that is asked for and the directory is missing or empty. lock:
 * the template may be in use by machines. Where a part of the copy is left after a crash, t removes it. Logs. */
int template_make(Temporaries *t, const SourceConfig *source, bool lock, bool quiet) _must_check_;
