/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* OCI runtime bundles: config.json as a source of settings. */

#include "config/settings.h"

/* The text of a bundle's config.json (NUL-terminated, of size bytes) as settings, what only bundles say in value.oci.
 * bundle is its directory, an absolute path. Strict: what is not understood, of the wrong type, or not to be had is an
 * error, logged, which names the property. What the specification does not know is ignored, as it demands. */
int oci_config_parse(const char *bundle, const char *text, size_t size, Settings *ret);

/* Reads the bundle that the command line names: its root directory becomes cli's, what only bundles say goes to cli,
 * the rest to ret. Failure is logged. */
int oci_bundle_load(Settings *cli, Settings *ret);

/* Says which properties there are, for the manual: calls each for every row. refusal: why a bundle with it is refused,
 * or NULL. */
void oci_bundle_list(void (*each)(const char *path, const char *refusal, void *userdata), void *userdata);
