/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: every function takes the root as an fd and lets the kernel resolve the path with
 * RESOLVE_IN_ROOT, so "..", absolute symlinks and symlink races cannot lead out. A path is walked part by part
 * only where something may have to be made; each part is then resolved from the root again by its whole prefix,
 * because a part that is a symlink to "/elsewhere" means elsewhere in the root, which a walk relative to the
 * parent fd would not honour. Used by the stages and by the supervisor alike. */

#include "path-in-root.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

int root_open(int root_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (unsigned) flags | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };

        /* The kernel gives EAGAIN when a rename elsewhere raced with a "..": again, but not for ever. */
        for (unsigned attempt = 0;; attempt++) {
                long fd = syscall(SYS_openat2, root_fd, isempty(path) ? "." : path, &how, sizeof(how));

                if (fd >= 0)
                        return (int) fd;
                if (errno != EAGAIN || attempt >= 32)
                        return -errno;
        }
}

/* Length of the parent part of path and the last part's start; -EINVAL if the last part is no plain name. */
static int split_last(const char *path, size_t *ret_parent, const char **ret_name) {
        const char *name = strrchr(path, '/');

        name = name ? name + 1 : path;
        if (isempty(name) || streq(name, ".") || streq(name, "..") || strlen(name) > NAME_MAX)
                return -EINVAL;
        *ret_parent = (size_t) (name - path);
        *ret_name = name;
        return 0;
}

static int open_prefix(int root_fd, const char *path, size_t length, int flags) {
        char prefix[PATH_MAX];

        if (length >= sizeof(prefix))
                return -ENAMETOOLONG;
        memcpy(prefix, path, length);
        prefix[length] = 0;
        return root_open(root_fd, prefix, flags);
}

int root_mkdir(int root_fd, const char *path, mode_t mode) {
        _cleanup_close_ int fd = root_open(root_fd, path, O_PATH | O_DIRECTORY);

        if (fd != -ENOENT)
                return TAKE_FD(fd);

        for (size_t end = 0; path[end];) {
                char name[NAME_MAX + 1];
                size_t start = end + strspn(path + end, "/");
                int next;

                end = start + strcspn(path + start, "/");
                if (end == start)
                        break;
                if (end - start > NAME_MAX)
                        return -ENAMETOOLONG;
                next = open_prefix(root_fd, path, end, O_PATH | O_DIRECTORY);
                if (next == -ENOENT) {
                        if (fd < 0)
                                fd = open_prefix(root_fd, path, start, O_PATH | O_DIRECTORY);
                        if (fd < 0)
                                return TAKE_FD(fd);
                        memcpy(name, path + start, end - start);
                        name[end - start] = 0;
                        if (mkdirat(fd, name, mode) < 0 && errno != EEXIST)
                                return -errno;
                        /* A dangling symlink stands there if this still finds nothing. */
                        next = open_prefix(root_fd, path, end, O_PATH | O_DIRECTORY);
                }
                (void) safe_close(fd);
                fd = next;
                if (fd < 0)
                        return TAKE_FD(fd);
        }
        return TAKE_FD(fd);
}

int root_open_parent(int root_fd, const char *path, bool make, const char **ret_name) {
        char parent[PATH_MAX];
        const char *name;
        size_t length;
        int r;

        r = split_last(path, &length, &name);
        if (r < 0)
                return r;
        if (length >= sizeof(parent))
                return -ENAMETOOLONG;
        memcpy(parent, path, length);
        parent[length] = 0;

        r = make ? root_mkdir(root_fd, length > 0 ? parent : "/", 0755)
                 : root_open(root_fd, length > 0 ? parent : "/", O_PATH | O_DIRECTORY);
        if (r >= 0)
                *ret_name = name;
        return r;
}

static int check_kind(int fd, bool directory) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (directory && !S_ISDIR(st.st_mode))
                return -ENOTDIR;
        if (!directory && S_ISDIR(st.st_mode))
                return -EISDIR;
        return 0;
}

int root_mount_point(int root_fd, const char *path, bool directory) {
        _cleanup_close_ int fd = -EBADF, parent = -EBADF;
        const char *name;
        int r;

        if (directory)
                return root_mkdir(root_fd, path, 0755);

        fd = root_open(root_fd, path, O_PATH);
        if (fd == -ENOENT) {
                parent = root_open_parent(root_fd, path, true, &name);
                if (parent < 0)
                        return TAKE_FD(parent);
                fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
                if (fd < 0)
                        return errno == EEXIST ? -ENOENT /* a dangling symlink */ : -errno;
                (void) safe_close(fd);
                fd = root_open(root_fd, path, O_PATH);
        }
        if (fd < 0)
                return TAKE_FD(fd);
        r = check_kind(fd, false);
        return r < 0 ? r : TAKE_FD(fd);
}

int root_symlink(int root_fd, const char *target, const char *path) {
        _cleanup_close_ int parent = -EBADF;
        char existing[PATH_MAX];
        const char *name;
        ssize_t n;

        parent = root_open_parent(root_fd, path, true, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        if (symlinkat(target, parent, name) >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        n = readlinkat(parent, name, existing, sizeof(existing) - 1);
        if (n < 0)
                return errno == EINVAL ? -EEXIST : -errno;
        existing[n] = 0;
        return streq(existing, target) ? 0 : -EEXIST;
}

/* Renames the finished temporary over the name; a directory is never replaced. */
static int put_in_place(int parent, const char *temporary, const char *name) {
        int r = 0;

        if (renameat(parent, temporary, parent, name) < 0) {
                r = -errno;
                (void) unlinkat(parent, temporary, 0);
        }
        return r;
}

static const char *temporary_name(char out[static 32]) {
        (void) snprintf(out, 32, ".#nspawn-%i", (int) getpid());
        return out;
}

int root_replace_file(int root_fd, const char *path, const void *data, size_t size) {
        _cleanup_close_ int parent = -EBADF;
        const char *name, *temporary;
        char buffer[32];
        int r;

        parent = root_open_parent(root_fd, path, true, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        temporary = temporary_name(buffer);
        (void) unlinkat(parent, temporary, 0);
        r = write_new_file_at(parent, temporary, data, size, 0644);
        return r < 0 ? r : put_in_place(parent, temporary, name);
}

int root_replace_symlink(int root_fd, const char *target, const char *path) {
        _cleanup_close_ int parent = -EBADF;
        const char *name, *temporary;
        char buffer[32];

        parent = root_open_parent(root_fd, path, true, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        temporary = temporary_name(buffer);
        (void) unlinkat(parent, temporary, 0);
        if (symlinkat(target, parent, temporary) < 0)
                return -errno;
        return put_in_place(parent, temporary, name);
}

int root_read_file(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        /* Looked at before it is opened: to open a device can do things. O_NONBLOCK, and a second look, because
         * something else may stand there by then. */
        for (const int *flags = (const int[]){ O_PATH, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0 }; *flags; flags++) {
                (void) safe_close(fd);
                fd = root_open(root_fd, path, *flags);
                if (fd < 0)
                        return TAKE_FD(fd);
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (!S_ISREG(st.st_mode))
                        return -EBADF;
        }
        return read_fd(fd, max, ret, ret_size);
}

bool root_exists(int root_fd, const char *path) {
        _cleanup_close_ int fd = root_open(root_fd, path, O_PATH | O_NOFOLLOW);

        return fd >= 0;
}
