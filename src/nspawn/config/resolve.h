/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From what was said to what is meant. main() needs config_read() only. */

#include "config/settings.h"

/* The whole way: command line, environment, settings file, defaults. Returns 1 and a configuration to start;
 * 0 when all that was asked for was printed to standard output (--help); a negative errno, logged. */
int config_read(int argc, char *const argv[], MachineConfig *ret);

/* Merges, strongest first, the command line, the file (may be NULL; strongest of all under
 * --settings=override), the environment and the defaults; refuses what does not go together; fills in what
 * follows from the rest; loads credentials. cli must have been located. Both Settings are used up, whatever
 * the result. Failure is logged. */
int config_resolve(Settings *cli, Settings *file, MachineConfig *ret);
