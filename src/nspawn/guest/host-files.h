/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the payload finds below /run/host and what is laid over /proc from there; see nspawn(1), PAYLOAD. */

#include "engine/machine.h"

/* Outer stage: container-uuid, a fresh boot ID, the empty kernel log, the credentials. */
int host_files_write(StageContext *context);

/* Inner stage, before the root is changed: boot ID and kernel log over procfs. */
int host_files_lay_over_proc(StageContext *context);

/* Inner stage, in the new root: binds the notification socket and hands it to the supervisor. */
int host_files_notify_socket(StageContext *context);
