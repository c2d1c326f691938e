/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Settings that exclude each other. */

#include "config/settings.h"

/* -EINVAL if two of the merged settings do not go together, or one of them is of no use without another. Logged. */
int config_refuse(const Settings *s);
