/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure. What a bundle adds to the file system of its machine besides mounts. */

#include "plan/bundle-filesystem.h"

#include <linux/mount.h>

#include "log.h"
#include "strv.h"

bool bundle_has_device(const MachineConfig *config, const char *path) {
        for (size_t i = 0; i < config->oci.n_devices; i++)
                if (streq(config->oci.devices[i].path, path))
                        return true;
        return false;
}

int bundle_append_devices(OperationList *list, const MachineConfig *config) {
        for (size_t i = 0; i < config->oci.n_devices; i++) {
                const OciDevice *d = &config->oci.devices[i];
                const Operation o = {
                        .kind = OPERATION_NODE,
                        .where = d->path,
                        .mode = d->mode,
                        .device = d->number,
                        .uid = d->uid,
                        .gid = d->gid,
                };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        return 0;
}

/* What a bundle wants to be hidden and only read, wherever it comes from: after all is mounted. */
int bundle_append_paths(OperationList *list, const MachineConfig *config) {
        STRV_FOREACH(path, config->oci.read_only) {
                const Operation o = {
                        .kind = OPERATION_BIND_SELF,
                        .where = *path,
                        .what = *path,
                        .attributes = MOUNT_ATTR_RDONLY,
                        .flags = OPERATION_EXISTING | OPERATION_OPTIONAL | OPERATION_RECURSIVE,
                };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        STRV_FOREACH(path, config->oci.masked) {
                const Operation o = { .kind = OPERATION_MASK, .where = *path, .flags = OPERATION_OPTIONAL };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        return 0;
}
