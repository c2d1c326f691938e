/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the removal itself is residue.c's; this is its caller on behalf of the user, who may say it
 * of any machine at any time. The name's lock tells a dead one from a live one. */

#include "host/cleanup.h"

#include "host/machine-lock.h"
#include "host/residue.h"

int cleanup(const SourceConfig *source) {
        MachineLock lock = MACHINE_LOCK_NONE;
        UndoLog undo = {};
        int r;

        r = machine_lock_name(&undo, &lock, source->machine);
        if (r >= 0)
                r = residue_remove(source->machine, RESIDUE_ALL);
        if (r >= 0 && source_path(source))
                machine_lock_remove_stale(source_path(source));
        undo_run(&undo);
        return r;
}
