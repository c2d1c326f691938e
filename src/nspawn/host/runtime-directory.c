/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor while it holds the machine's name lock, and by the minder after
 * it; both in the host's mount namespace. A record is a symlink that leads nowhere in particular: its text
 * appears in one system call, whole or not at all, so a crash never leaves half of one. */

#include "host/runtime-directory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fd.h"
#include "log.h"

static int open_dir_at(int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* mkdir with this mode, whatever the umask. */
static int make_dir_at(int dir_fd, const char *name) {
        if (mkdirat(dir_fd, name, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        return fchmodat(dir_fd, name, 0755, 0) < 0 ? -errno : 0;
}

static int make_and_open(int dir_fd, const char *name) {
        int fd = open_dir_at(dir_fd, name), r;

        if (fd != -ENOENT)
                return fd;
        r = make_dir_at(dir_fd, name);
        return r < 0 ? r : open_dir_at(dir_fd, name);
}

static int log_cannot_make(int error, const char *slash, const char *machine) {
        const char *hint = error == -ENOSPC || error == -EDQUOT ? "; make some room there"
                : error == -EROFS                               ? "; a writable /run is needed"
                : error == -EACCES                              ? "; run this as root"
                                                                : "";

        return log_error_errno(error, "cannot create %s%s%s: %m%s", RUNTIME_ROOT, slash, machine, hint);
}

int runtime_root_open(void) {
        int fd = make_and_open(AT_FDCWD, RUNTIME_ROOT);

        return fd < 0 ? log_cannot_make(fd, "", "") : fd;
}

static int undo_runtime_directory(void *userdata) {
        return runtime_directory_remove(userdata);
}

int runtime_directory_make(UndoLog *undo, const char *machine, int *ret_fd) {
        _cleanup_close_ int root_fd = runtime_root_open(), fd = -EBADF;
        int r;

        if (root_fd < 0)
                return root_fd;
        fd = make_and_open(root_fd, machine);
        if (fd < 0)
                return log_cannot_make(fd, "/", machine);
        r = undo_add(undo, "runtime directory", undo_runtime_directory, (void *) machine);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int runtime_directory_open(const char *machine) {
        _cleanup_close_ int root_fd = open_dir_at(AT_FDCWD, RUNTIME_ROOT);

        return root_fd < 0 ? root_fd : open_dir_at(root_fd, machine);
}

int runtime_record_write(int runtime_fd, const char *record, const char *text) {
        if (symlinkat(text, runtime_fd, record) >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (unlinkat(runtime_fd, record, 0) < 0 && errno != ENOENT)
                return -errno;
        return symlinkat(text, runtime_fd, record) < 0 ? -errno : 0;
}

int runtime_record_read(int runtime_fd, const char *record, char **ret) {
        char text[PATH_MAX];
        ssize_t n = readlinkat(runtime_fd, record, text, sizeof(text));
        char *copy;

        if (n < 0)
                return -errno;
        copy = strndup(text, (size_t) n);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int runtime_directory_remove(const char *machine) {
        _cleanup_close_ int root_fd = open_dir_at(AT_FDCWD, RUNTIME_ROOT);

        if (root_fd < 0)
                return root_fd == -ENOENT ? 0 : root_fd;
        return remove_tree_at(root_fd, machine);
}
