/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* Decides the machine's ID: the configured one, else the tree's machine-id, else a random one. */
int identity_read(StageContext *context);
