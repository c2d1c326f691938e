/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What --version says. Callers of systemd-nspawn take the second word of its first line for a number and
 * choose their options by it, so it has to be the systemd release whose command line we speak. That is 261:
 * it renamed
 * --user= to --uid=, gave --user and --system their meaning, and began to split the arguments of -b into
 * environment and arguments of init, all of which we do. */
#define SYSTEMD_VERSION_COMPAT 261

/* Our own, from the build system. */
#ifndef NSPAWN_VERSION
#define NSPAWN_VERSION "0"
#endif
