/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which names are valid, and a valid machine name made from any text. */

#include "macros.h"

/* Machine and host names: labels of letters, digits and inner hyphens, joined by single dots; at most 64
 * bytes. */
bool machine_name_is_valid(const char *s);

/* Makes a machine name of s by dropping what is not allowed in one. -EINVAL if nothing is left. */
int machine_name_clean(const char *s, char **ret);

/* What the kernel and the network tools take for an interface name: 1 to 15 bytes, not all digits. */
bool interface_name_is_valid(const char *s);

/* The first length bytes of s: letters, digits and underscores, no digit first. */
bool variable_name_is_valid(const char *s, size_t length);

/* A user name or number as the guest's database may know it. */
bool user_name_is_valid(const char *s);

/* A name that every system takes for an account's: a letter or underscore, then also digits, dots and hyphens, at most
 * 31 bytes. */
bool account_name_is_valid(const char *s);

/* One component of a path: not empty, no slash, no control character, not "." or "..", at most 255 bytes. */
bool file_name_is_valid(const char *s);
