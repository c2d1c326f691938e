/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, in this order. A snapshot or clone is the best there is: it is taken at
 * one moment, of a source that may be running, and the machine can use overlays of its own, which have a limit of two
 * on top of each other. Else a layer is laid over the source (guest/root.c), which must not change meanwhile:
 * overlayfs says nothing of what a change of a lower layer will look like. So source.c locks it, and where that fails
 * because a machine writes to it, it is copied file by file, without its data. That takes time for each file, and so
 * does its removal; therefore it is the last resort and not the first.
 *
 * All of it lies beside the source, to be on the same file system, or in it where it is the top of one. */

#include "host/ephemeral.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "btrfs.h"
#include "copy-tree.h"
#include "fd.h"
#include "host/tree-copy.h"
#include "log.h"

static const char *last_part(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash[1] ? slash + 1 : "root";
}

/* An fd for the snapshot, which lies beside the tree, or in it where it is the top of its file system. */
static int snapshot_tree(Temporaries *t, const char *tree, int tree_fd) {
        _cleanup_free_ char *beside = NULL, *inside = NULL;
        int r;

        r = temporary_reserve_beside(t, tree, &beside);
        if (r >= 0)
                r = tree_snapshot(tree_fd, beside);
        if (r != -EOPNOTSUPP && r != -EINVAL)
                return r;
        r = temporary_reserve(t, tree, last_part(tree), &inside);
        return r < 0 ? r : tree_snapshot(tree_fd, inside);
}

static int clone_image(Temporaries *t, const char *image, int image_fd) {
        _cleanup_close_ int holder = -EBADF, fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        const char *name;
        int r;

        r = temporary_reserve_beside(t, image, &path);
        if (r < 0)
                return r;
        holder = open_parent(path, &name);
        if (holder < 0)
                return TAKE_FD(holder);
        fd = openat(holder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno == EROFS || errno == EACCES ? -EOPNOTSUPP : -errno;
        r = copy_by_sharing(image_fd, fd);
        if (r >= 0)
                return TAKE_FD(fd);
        (void) unlinkat(holder, name, 0);
        return r == -EINVAL || r == -ETXTBSY || r == -EPERM ? -EOPNOTSUPP : r;
}

static void replace(int *fd, int by) {
        (void) safe_close(*fd);
        *fd = by;
}

int ephemeral_copy(Temporaries *t, const SourceConfig *source, int *source_fd) {
        struct stat st;
        int r = -EOPNOTSUPP;

        if (fstat(*source_fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", source_path(source));
        if (S_ISREG(st.st_mode))
                r = clone_image(t, source->image, *source_fd);
        else if (btrfs_is_subvolume(*source_fd))
                r = snapshot_tree(t, source->directory, *source_fd);
        if (r >= 0) {
                replace(source_fd, r);
                return 1;
        }
        if (r == -EOPNOTSUPP)
                return 0;
        return log_error_errno(r, "%s: cannot make a snapshot of it: %m", source_path(source));
}

static int share_tree(Temporaries *t, const char *tree, int tree_fd, bool quiet) {
        TreeCopy copy = { .from = tree, .from_fd = tree_fd, .share_only = true, .quiet = quiet };
        _cleanup_free_ char *path = NULL;
        int r;

        r = temporary_reserve_beside(t, tree, &path);
        if (r == -EINVAL)
                return -EOPNOTSUPP;
        if (r < 0)
                return log_error_errno(r, "%s: cannot make a copy beside it: %m", tree);
        copy.path = path;
        return tree_copy(&copy);
}

int ephemeral_copy_in_use(Temporaries *t, const SourceConfig *source, bool quiet, int *source_fd) {
        int r = -EOPNOTSUPP;

        if (!source->image) {
                if (!quiet)
                        log_notice("%s is in use: the machine gets a copy that shares its files' blocks",
                                   source->directory);
                r = share_tree(t, source->directory, *source_fd, quiet);
        }
        if (r == -EOPNOTSUPP)
                return log_error_errno(-EBUSY,
                                       "%s is in use by a machine that writes to it, and where it lies, neither a "
                                       "snapshot "
                                       "(btrfs) nor a copy that shares blocks (xfs) can be made; stop that one first",
                                       source_path(source));
        if (r < 0)
                return r;
        replace(source_fd, r);
        return 0;
}

int ephemeral_make_layer(Temporaries *t, const SourceConfig *source, int source_fd, char **ret) {
        struct statfs fs;
        struct stat st;
        int r;

        if (fstatfs(source_fd, &fs) >= 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC)
                return 0; /* an overlay cannot hold an upper layer */
        if (fstat(source_fd, &st) >= 0 && S_ISBLK(st.st_mode))
                return 0; /* nor can /dev */
        r = temporary_make_beside(t, source_path(source), ret);
        if (r == -EROFS || r == -EACCES || r == -EINVAL)
                return 0;
        return r < 0 ? log_error_errno(r, "%s: cannot make a temporary layer beside it: %m", source_path(source)) : 0;
}
