/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the inner stage, in the machine's namespaces, but by the host's /proc/sys: which
 * settings are behind a name there depends on who opens it, and the machine's own /proc/sys is read-only and its
 * tree may be hostile. Only names that are namespaced get here, see config/oci-linux.c. */

#include "guest/sysctl.h"

#include <fcntl.h>
#include <stdio.h>

#include "fd.h"
#include "log.h"
#include "strv.h"

int sysctl_apply(StageContext *context) {
        STRV_FOREACH(setting, context->config->oci.sysctl) {
                size_t n = strcspn(*setting, "=");
                char path[256];
                int r;

                (void) snprintf(path, sizeof(path), "/proc/sys/%.*s", (int) n, *setting);
                r = write_kernel_file_at(AT_FDCWD, path, *setting + n + 1);
                if (r < 0)
                        return log_error_errno(r, "linux.sysctl: cannot set %s to \"%s\": %m", path, *setting + n + 1);
        }
        return 0;
}
