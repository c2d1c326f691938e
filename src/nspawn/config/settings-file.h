/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* .nspawn files. */

#include "config/settings.h"

/* Parses the text of one file (NUL-terminated, of size bytes; it is written to). path is for messages. Keys
 * that are unknown, and from an untrusted file those that need trust, are warned of and left out. A value
 * that cannot be understood is an error: a restriction with a typing mistake in it must not vanish. Failure
 * is logged. */
int settings_file_parse(const char *path, bool trusted, char *text, size_t size, Settings *ret);

/* Finds and reads the file of the machine: NAME.nspawn in the trusted directories (NULL: /etc/systemd/nspawn,
 * then /run/systemd/nspawn), then in tree_parent, the directory that the machine's tree lies in (NULL: none),
 * which is trusted only in SETTINGS_TRUSTED mode. The first file found is the only one. Returns 1 if there is
 * one, 0 with ret untouched if there is none or the mode is SETTINGS_NO, or a negative errno, logged. */
int config_load_file(const char *machine, const char *tree_parent, SettingsMode mode,
                     const char *const *trusted_directories, Settings *ret);
