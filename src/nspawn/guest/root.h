/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: the file system that becomes the guest's root. */

#include "engine/machine.h"

/* Attaches the tree in this mount namespace; root_fd is the tree as it is on the host. */
int root_attach(StageContext *context);

/* Lays over the tree what --ephemeral and --volatile= want; root_fd is the guest's root from here on. */
int root_add_layers(StageContext *context);
