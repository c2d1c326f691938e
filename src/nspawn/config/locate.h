/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the machine's root is, and what the machine is called. */

#include "config/settings.h"

/* Finds the tree or image and the name of the machine: fills in value.source.directory or image, plain_name and
 * tree_parent of what the command line gave. search (NULL: the standard ones) are the directories that --machine= is
 * looked up in. */
int config_locate(Settings *cli, const char *const *search);
