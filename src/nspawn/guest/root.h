/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Outer stage: the file system that becomes the guest's root. */

#include "engine/machine.h"

/* Attaches the tree in this mount namespace; root_fd is the tree as it is on the host. */
int root_attach(StageContext *context);

/* Lays over the tree what --ephemeral wants; root_fd then stands for the tree, and nothing reaches that. */
int root_add_ephemeral(StageContext *context);

/* Puts in root_fd's place, or over parts of it, what --volatile= wants. */
int root_add_volatile(StageContext *context);

/* Whether the latter is a layer of its own: where --ephemeral has laid one that will do, it is not. */
bool root_has_volatile_layer(const StageContext *context);

/* For who puts something in the place of what is root_fd so far. The first gives whatever is on top at the machine's
 * place; the second attaches a detached mount there, and *fd becomes an fd for its root. Silent. */
int root_open_place(const StageContext *context);
int root_stack(StageContext *context, int mount, int *fd);
