/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: thin wrappers around descriptor calls that turn errno into a negative return value and
 * handle short reads and writes. Used by every process of the program; keeps no state. */

#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int safe_close(int fd) {
        if (fd >= 0) {
                PROTECT_ERRNO;
                (void) close(fd);
        }
        return -EBADF;
}

int fd_reopen(int fd, int flags) {
        char path[32];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
        r = open(path, flags | O_CLOEXEC);
        return r < 0 ? -errno : r;
}

int open_parent(const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;
        int fd;

        if (!slash || !slash[1])
                return -EINVAL;
        parent = strndup(path, (size_t) (slash - path) ?: 1);
        if (!parent)
                return -ENOMEM;
        fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_name = slash + 1;
        return fd;
}

int read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0, space = 0;

        for (;;) {
                ssize_t n;

                if (space - size < 2) {
                        char *bigger = realloc(data, space = space > 0 ? space * 2 : 4096);
                        if (!bigger)
                                return -ENOMEM;
                        data = bigger;
                }
                n = read(fd, data + size, space - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = 0;
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        return read_fd(fd, max, ret, ret_size);
}

int write_kernel_file_at(int dir_fd, const char *path, const char *text) {
        _cleanup_close_ int fd = -EBADF;
        size_t size = strlen(text);
        ssize_t n;

        fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        n = write(fd, text, size);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}

int write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0 && errno == EAGAIN) {
                        struct pollfd pfd = { .fd = fd, .events = POLLOUT };
                        if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
                                return -errno;
                        continue;
                }
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int write_new_file_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, path, 0);
        return r;
}

static int set_flag(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get);

        if (flags < 0)
                return -errno;
        if (((flags & flag) != 0) == on)
                return 0;
        return fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0 ? -errno : 0;
}

int fd_set_nonblock(int fd, bool on) {
        return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_set_cloexec(int fd, bool on) {
        return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

/* How far removal descends with an fd for each level; what lies deeper is brought up first. */
#define REMOVE_DEPTH_MAX 64u

typedef struct Removal {
        int top_fd;     /* of the tree that is being removed */
        unsigned moved; /* directories brought up so far, for their names */
} Removal;

static int remove_children(Removal *removal, int dir_fd, unsigned depth);

/* The tree may hold the names we make up. */
static int bring_up(Removal *removal, int parent_fd, const char *name) {
        char up[32];
        int r;

        do {
                (void) snprintf(up, sizeof(up), ".#deep-%u", removal->moved++);
                r = renameat2(parent_fd, name, removal->top_fd, up, RENAME_NOREPLACE);
        } while (r < 0 && errno == EEXIST);
        return r < 0 ? -errno : 0;
}

static int remove_directory(Removal *removal, int parent_fd, const char *name, unsigned depth) {
        /* A device number would not tell a bind mount of the same file system. */
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_NO_XDEV,
        };
        long fd;
        int r;

        if (depth >= REMOVE_DEPTH_MAX)
                return bring_up(removal, parent_fd, name);
        fd = syscall(SYS_openat2, parent_fd, name, &how, sizeof(how));
        if (fd < 0)
                return -errno;
        r = remove_children(removal, (int) fd, depth + 1);
        if (r < 0)
                return r;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Immutable or append-only, as whoever could write here may have made it. */
static void clear_protection(int fd) {
        unsigned flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
                return;
        flags &= ~(unsigned) (FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void) ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* Of the directory and of an entry in it; nothing else can be protected. */
static void clear_protections(int dir_fd, const char *name) {
        _cleanup_close_ int path = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -EBADF;
        struct stat st;

        clear_protection(dir_fd);
        if (path < 0 || fstat(path, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
                return;
        fd = fd_reopen(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0)
                clear_protection(fd);
}

static int remove_entry(Removal *removal, int dir_fd, const char *name, unsigned depth) {
        if (unlinkat(dir_fd, name, 0) >= 0)
                return 0;
        return errno == EISDIR || errno == EPERM ? remove_directory(removal, dir_fd, name, depth) : -errno;
}

/* Takes dir_fd. */
static int remove_children(Removal *removal, int dir_fd, unsigned depth) {
        DIR *d = fdopendir(dir_fd);
        int r = 0;

        if (!d) {
                r = -errno;
                (void) safe_close(dir_fd);
                return r;
        }
        for (struct dirent *e; r >= 0 && (e = readdir(d));) {
                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = remove_entry(removal, dirfd(d), e->d_name, depth);
                if (r != -EPERM && r != -ENOTDIR)
                        continue;
                clear_protections(dirfd(d), e->d_name);
                r = remove_entry(removal, dirfd(d), e->d_name, depth);
        }
        (void) closedir(d);
        return r;
}

int remove_tree_at(int dir_fd, const char *path) {
        _cleanup_close_ int top = -EBADF;
        Removal removal = {};
        int r;

        if (unlinkat(dir_fd, path, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;

        top = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (top < 0)
                return -errno;
        removal.top_fd = top;
        clear_protection(top);
        /* Each round removes all it reaches and may have brought directories up: again until it is empty. */
        for (;;) {
                int fd;

                if (unlinkat(dir_fd, path, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                        return 0;
                if (errno != ENOTEMPTY && errno != EEXIST)
                        return -errno;
                fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                r = remove_children(&removal, fd, 0);
                if (r < 0)
                        return r;
        }
}
