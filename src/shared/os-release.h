/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* os-release(5). */

#include "macros.h"

#define OS_RELEASE_MAX (64u * 1024u) /* bytes that are worth reading of one */

/* Calls each(key, value) for every assignment, in order, with quotes and escapes taken off the value; lines that
 * are no assignment are passed over. Cuts text into pieces. Stops at the first negative return and returns it. */
int os_release_parse(char *text, int (*each)(const char *key, const char *value, void *userdata), void *userdata);
