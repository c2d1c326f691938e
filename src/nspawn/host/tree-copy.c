/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor before there is an event loop. Signals are blocked since there is
 * something to undo, so they are looked for between files and between the chunks of large ones. On btrfs the copy is a
 * subvolume even if its source is none: its removal takes no time, and the next copy will be a snapshot. */

#include "host/tree-copy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "btrfs.h"
#include "copy-tree.h"
#include "engine/progress.h"
#include "fd.h"
#include "log.h"

static bool is_asked_to_stop(void) {
        sigset_t set;

        return sigpending(&set) >= 0 && (sigismember(&set, SIGINT) > 0 || sigismember(&set, SIGTERM) > 0);
}

static int report(const CopyProgress *copied, void *userdata) {
        if (is_asked_to_stop())
                return -EINTR;
        progress_show(userdata, "copying: %llu files, %llu MB", (unsigned long long) copied->files,
                      (unsigned long long) (copied->bytes / 1000000));
        return 0;
}

static int log_failure(int error, const TreeCopy *copy, const CopyProgress *progress) {
        const char *slash = *progress->path ? "/" : "";

        if (error == -EINTR)
                return log_error_errno(error, "%s: the copy was interrupted; nothing of it is kept", copy->from);
        if (error == -EOPNOTSUPP && copy->share_only)
                return error;
        if (error == -ENAMETOOLONG)
                return log_error_errno(error, "cannot copy %s: its directories are nested too deeply", copy->from);
        if (error == -EOPNOTSUPP)
                return log_error_errno(error,
                                       "cannot copy %s%s%s: where the copy goes, the file system cannot store all of "
                                       "its "
                                       "attributes",
                                       copy->from, slash, progress->path);
        return log_error_errno(error, "cannot copy %s%s%s: %m", copy->from, slash, progress->path);
}

static int copy_into(const TreeCopy *copy, int to_fd) {
        Progress progress = { .quiet = copy->quiet };
        const CopyOptions options = { .share_only = copy->share_only, .report = report, .userdata = &progress };
        CopyProgress copied;
        int r;

        r = copy_tree(copy->from_fd, to_fd, &options, &copied);
        progress_end(&progress);
        return r < 0 ? log_failure(r, copy, &copied) : 0;
}

static int open_made(int holder_fd, const char *name) {
        int fd = openat(holder_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int make_directory(const char *path) {
        _cleanup_close_ int holder = -EBADF;
        const char *name;

        holder = open_parent(path, &name);
        if (holder < 0)
                return TAKE_FD(holder);
        if (btrfs_subvolume_make(holder, name) < 0 && mkdirat(holder, name, 0700) < 0)
                return -errno;
        return open_made(holder, name);
}

int tree_copy(const TreeCopy *copy) {
        _cleanup_close_ int fd = make_directory(copy->path);
        int r;

        if (fd == -EROFS && copy->share_only)
                return -EOPNOTSUPP;
        if (fd < 0)
                return log_error_errno(fd, "cannot make %s, for a copy of %s: %m", copy->path, copy->from);
        r = copy_into(copy, fd);
        return r < 0 ? r : TAKE_FD(fd);
}

/* The file system has no such thing, not there, or not for us. */
static bool is_impossible(int error) {
        return error == -ENOTTY || error == -EXDEV || error == -EROFS || error == -EPERM || error == -EACCES ||
                error == -EINVAL || error == -ETXTBSY;
}

int tree_snapshot(int tree_fd, const char *path) {
        _cleanup_close_ int holder = -EBADF;
        const char *name;
        int r;

        if (!btrfs_is_subvolume(tree_fd))
                return -EOPNOTSUPP;
        holder = open_parent(path, &name);
        if (holder < 0)
                return TAKE_FD(holder);
        r = btrfs_snapshot(tree_fd, holder, name);
        if (r < 0)
                return is_impossible(r) ? log_debug_errno(-EOPNOTSUPP, "no snapshot at %s: %s", path, strerror(-r))
                                        : r;
        return open_made(holder, name);
}
