/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: an ephemeral machine is an overlay on its tree, which costs the same whatever the size of the
 * tree. What it writes lies on the tree's own file system, where there is room for it, in a hidden directory of a
 * random name. It goes when the machine ends, by the undo log, or by its record in the runtime directory if the
 * supervisor was killed. */

#include "host/layer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "fd.h"
#include "host/runtime-directory.h"
#include "log.h"

static bool can_hold_layer(const char *parent) {
        struct statfs fs;

        return statfs(parent, &fs) >= 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC;
}

static int layer_path(const char *directory, char **ret) {
        const char *slash = strrchr(directory, '/');
        uint64_t random;

        if (!slash || !slash[1])
                return -EINVAL; /* the root directory has no place beside it */
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        return asprintf(ret, "%.*s/.#%s.%016llx", (int) (slash - directory), directory, slash + 1,
                        (unsigned long long) random) < 0 ?
                -ENOMEM :
                0;
}

int layer_remove(const char *path) {
        return remove_tree_at(AT_FDCWD, path);
}

static int undo_layer(void *userdata) {
        char *path = userdata;
        int r = layer_remove(path);

        free(path);
        return r;
}

int layer_make(UndoLog *undo, const char *directory, int runtime_fd, char **ret) {
        _cleanup_free_ char *path = NULL, *copy = NULL, *parent = NULL;
        int r;

        r = layer_path(directory, &path);
        if (r == -EINVAL) {
                *ret = NULL;
                return 0;
        }
        if (r < 0)
                return log_error_errno(r, "%s: cannot name a temporary layer: %m", directory);
        copy = strdup(path);
        parent = strndup(path, (size_t) (strrchr(path, '/') - path) ?: 1);
        if (!copy || !parent)
                return log_oom();

        if (!can_hold_layer(parent)) {
                *ret = NULL;
                return 0;
        }
        /* Recorded first: a directory that nobody knows of is worse than a record without a directory. */
        r = runtime_record_write(runtime_fd, RUNTIME_RECORD_LAYER, path);
        if (r < 0)
                return log_error_errno(r, "cannot record the temporary layer: %m");
        if (mkdir(path, 0700) < 0) {
                if (errno != EROFS && errno != EACCES)
                        return log_error_errno(-errno, "%s: %m", path);
                *ret = NULL;
                return 0;
        }
        r = undo_add(undo, "temporary layer", undo_layer, TAKE_PTR(copy));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}
