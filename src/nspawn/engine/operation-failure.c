/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the kernel has few numbers for errors, and what one of them means depends on what was tried. So
 * there is a function for each kind of operation that a user asks for, which returns 0 where it knows no better than
 * the general line. */

#include "engine/operation-failure.h"

#include <unistd.h>

#include "log.h"

static int explain_bind(const Operation *o, int error) {
        if (error == -EINVAL && o->idmap != BIND_IDMAP_NONE)
                return log_error_errno(error,
                                       "cannot bind %s to %s in the machine: a file system there cannot show files "
                                       "under other owners",
                                       o->what, o->where);
        if (error == -EPERM && o->idmap != BIND_IDMAP_NONE)
                return log_error_errno(error,
                                       "cannot bind %s to %s in the machine: the owners of a mount there are mapped "
                                       "already",
                                       o->what, o->where);
        return log_error_errno(error, "cannot bind %s to %s in the machine: %m", o->what, o->where);
}

/* The first layer of the host's that is not there. */
static const char *missing_layer(const CustomMount *m) {
        for (size_t i = 0; m->sources[i]; i++)
                if (!m->source_in_guest[i] && access(m->sources[i], F_OK) < 0)
                        return m->sources[i];
        return m->upper && !m->upper_in_guest && *m->upper && access(m->upper, F_OK) < 0 ? m->upper : NULL;
}

static int explain_overlay(const Operation *o, int error) {
        const char *missing = error == -ENOENT ? missing_layer(o->custom) : NULL;

        if (missing)
                return log_error_errno(error, "cannot set up the overlay %s in the machine: %s: %m", o->where,
                                       missing);
        if (error == -EINVAL && !isempty(o->custom->upper))
                return log_error_errno(error,
                                       "cannot set up the overlay %s in the machine: its upper layer lies on a file "
                                       "system that cannot be one, as overlays cannot (--ephemeral, "
                                       "--volatile=overlay "
                                       "and mount stacks make the machine's root one), or that is only read",
                                       o->where);
        if (error == -EINVAL)
                return log_error_errno(error,
                                       "cannot set up the overlay %s in the machine: the kernel stacks two overlays "
                                       "and "
                                       "no more (--ephemeral, --volatile=overlay and mount stacks make the machine's "
                                       "root one)",
                                       o->where);
        return 0;
}

/* A place that had to be made, which is so for everything but an overlay's own layers. */
static int explain_place(const Operation *o, int error) {
        if (error == -EROFS && o->custom && o->kind != OPERATION_OVERLAY && !streq(o->where, "/"))
                return log_error_errno(error,
                                       "%s does not exist in the machine and cannot be made: %m; make it in the tree, "
                                       "or use --ephemeral",
                                       o->where);
        if (error == -ENOENT && o->kind == OPERATION_MOUNT && (o->flags & OPERATION_EXISTING))
                return log_error_errno(error,
                                       "there is no %s in what is mounted above it in the machine, where nothing is "
                                       "made: make it a directory first",
                                       o->where);
        return 0;
}

int operation_log_failure(const Operation *o, int error) {
        int r = explain_place(o, error);

        if (r == 0 && (o->kind == OPERATION_BIND_HOST || o->kind == OPERATION_BIND_SELF))
                r = explain_bind(o, error);
        if (r == 0 && o->kind == OPERATION_OVERLAY)
                r = explain_overlay(o, error);
        return r < 0 ? r : log_error_errno(error, "cannot set up %s in the machine: %m", o->where);
}
