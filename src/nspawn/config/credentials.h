/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Reads the data of every credential that has a path and no data yet: from a file, or from a stream socket
 * until its end. Failure is logged. */
int credentials_load(CredentialsConfig *credentials);
