/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/machine.h"

/* --link-journal=: makes the guest's journal readable on the host, under the guest's machine ID. */
int journal_link(StageContext *context);
