/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: walks down with an fd for each level on either side. Every entry is opened O_PATH first and
 * looked at through that fd, and what is then opened is what was looked at: a regular file or a directory, never a
 * device, a FIFO or a symlink, whatever is renamed in between: a directory that is moved away stays in the copy, where
 * tree_walk() would lose its way. The price is a bound on the depth. The source is a mount of its own, without the
 * mounts below it.
 *
 * A file with several links is linked a second time in a hidden directory at the top of the copy, by its number in the
 * source, and whoever meets it again links it from there: no table, and no path. The directory goes in the end.
 *
 * Attributes come after the content, since writing clears the set-id bits and capabilities; first the owner, which
 * clears them as well, last the times. O_PATH fds have no calls for some of them: these go by /proc/self/fd. */

#include "copy-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"
#include "mount-fd.h"

#define DEPTH_MAX 1000u
#define CHUNK_SIZE (16u * 1024 * 1024) /* how much is copied between two looks for a signal */
#define BUFFER_SIZE (256u * 1024)
#define LIST_SIZE (64u * 1024) /* the kernel's limits for the names of attributes and for a value */
#define VALUE_SIZE (64u * 1024)

typedef struct Copier {
        const CopyOptions *options;
        CopyProgress *progress;
        size_t path_length;
        int top_fd; /* of the copy */
        struct stat top;
        int links_fd;
        char links_name[32];
        char *buffer, *list, *value;
} Copier;

static int report(Copier *c) {
        return c->options->report ? c->options->report(c->progress, c->options->userdata) : 0;
}

static void proc_path(int fd, char ret[static 32]) {
        (void) snprintf(ret, 32, "/proc/self/fd/%i", fd);
}

/* — data — */

/* A file that is exempt from copy-on-write shares with others of the kind only. */
static int take_over_nocow(int from_fd, int to_fd) {
        unsigned flags = 0, own = 0;

        if (ioctl(from_fd, FS_IOC_GETFLAGS, &flags) < 0 || ioctl(to_fd, FS_IOC_GETFLAGS, &own) < 0)
                return -errno;
        if ((flags & FS_NOCOW_FL) == (own & FS_NOCOW_FL))
                return -EINVAL;
        own ^= FS_NOCOW_FL;
        return ioctl(to_fd, FS_IOC_SETFLAGS, &own) < 0 ? -errno : 0;
}

int copy_by_sharing(int from_fd, int to_fd) {
        if (ioctl(to_fd, FICLONE, from_fd) >= 0)
                return 0;
        if (errno == EINVAL && take_over_nocow(from_fd, to_fd) >= 0 && ioctl(to_fd, FICLONE, from_fd) >= 0)
                return 0;
        return errno == ENOTTY || errno == EXDEV ? -EOPNOTSUPP : -errno;
}

/* Where the kernel cannot do it itself. */
static ssize_t copy_chunk_by_hand(Copier *c, int from_fd, int to_fd, off_t offset, size_t size) {
        ssize_t n = pread(from_fd, c->buffer, MIN(size, (size_t) BUFFER_SIZE), offset), done = 0;

        while (n > done) {
                ssize_t k = pwrite(to_fd, c->buffer + done, (size_t) (n - done), offset + done);

                if (k < 0)
                        return -1;
                done += k;
        }
        return n;
}

static ssize_t copy_chunk(Copier *c, int from_fd, int to_fd, off_t offset, size_t size) {
        off_t in = offset, out = offset;
        ssize_t n = copy_file_range(from_fd, &in, to_fd, &out, MIN(size, (size_t) CHUNK_SIZE), 0);

        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
                return copy_chunk_by_hand(c, from_fd, to_fd, offset, size);
        return n;
}

static int copy_extent(Copier *c, int from_fd, int to_fd, off_t begin, off_t end) {
        while (begin < end) {
                ssize_t n = copy_chunk(c, from_fd, to_fd, begin, (size_t) (end - begin));
                int r;

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0; /* it has become shorter */
                begin += MAX(n, (ssize_t) 0);
                c->progress->bytes += (uint64_t) MAX(n, (ssize_t) 0);
                r = report(c);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What is no data is not written: the hole in the end by the size alone. */
static int copy_extents(Copier *c, int from_fd, int to_fd, off_t size) {
        for (off_t end = 0; end < size;) {
                off_t begin = lseek(from_fd, end, SEEK_DATA);
                int r;

                if (begin < 0 && errno == ENXIO)
                        break;
                if (begin < 0)
                        return -errno;
                end = lseek(from_fd, begin, SEEK_HOLE);
                if (end < 0)
                        return -errno;
                r = copy_extent(c, from_fd, to_fd, begin, MIN(end, size));
                if (r < 0)
                        return r;
        }
        return ftruncate(to_fd, size) < 0 ? -errno : 0;
}

/* A single file that cannot be shared, such as one that is swapped to, is copied in any case. */
static int copy_data(Copier *c, int from_fd, int to_fd, off_t size) {
        int r = copy_by_sharing(from_fd, to_fd);

        if (r >= 0) {
                c->progress->bytes += (uint64_t) size;
                return 0;
        }
        if (r == -EINVAL || r == -ETXTBSY || (r == -EOPNOTSUPP && !c->options->share_only))
                return copy_extents(c, from_fd, to_fd, size);
        return r;
}

/* — attributes — */

/* Those of the file system itself mean nothing on another one. */
static bool may_be_lost(const char *name) {
        return !startswith(name, "user.") && !startswith(name, "trusted.") && !startswith(name, "system.posix_acl_") &&
                !streq(name, "security.capability");
}

static int copy_xattr(Copier *c, const char *from, const char *to, const char *name) {
        ssize_t n = getxattr(from, name, c->value, VALUE_SIZE);

        if (n < 0)
                return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
        if (setxattr(to, name, c->value, (size_t) n, 0) >= 0)
                return 0;
        return errno == EOPNOTSUPP && may_be_lost(name) ? 0 : -errno;
}

static int copy_xattrs(Copier *c, const char *from, const char *to) {
        ssize_t n = listxattr(from, c->list, LIST_SIZE);

        if (n < 0)
                return errno == EOPNOTSUPP ? 0 : -errno;
        for (const char *name = c->list; name < c->list + n; name += strlen(name) + 1) {
                int r = copy_xattr(c, from, to, name);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int copy_attributes(Copier *c, int from_fd, int to_fd, const struct stat *st) {
        const struct timespec times[] = { st->st_atim, st->st_mtim };
        char from[32], to[32];
        int r;

        proc_path(from_fd, from);
        proc_path(to_fd, to);
        if (fchownat(to_fd, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) < 0)
                return -errno;
        r = copy_xattrs(c, from, to);
        if (r < 0)
                return r;
        if (!S_ISLNK(st->st_mode) && chmod(to, st->st_mode & 07777) < 0)
                return -errno;
        return utimensat(AT_FDCWD, to, times, 0) < 0 ? -errno : 0;
}

/* — hard links — */

static void link_name(const struct stat *st, char ret[static 64]) {
        (void) snprintf(ret, 64, "%u:%u:%llu", major(st->st_dev), minor(st->st_dev), (unsigned long long) st->st_ino);
}

/* By a name that nobody can have put into the tree. */
static int open_links(Copier *c) {
        uint64_t random;

        if (c->links_fd >= 0)
                return 0;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        (void) snprintf(c->links_name, sizeof(c->links_name), ".#links.%016llx", (unsigned long long) random);
        if (mkdirat(c->top_fd, c->links_name, 0700) < 0)
                return -errno;
        c->links_fd = openat(c->top_fd, c->links_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return c->links_fd < 0 ? -errno : 0;
}

/* 1: name is one more link of a file that has been copied. */
static int link_again(Copier *c, int to_dir, const char *name, const struct stat *st) {
        char known[64];

        if (st->st_nlink < 2 || c->links_fd < 0)
                return 0;
        link_name(st, known);
        if (linkat(c->links_fd, known, to_dir, name, 0) >= 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

static int remember_link(Copier *c, int to_dir, const char *name, const struct stat *st) {
        char known[64];
        int r;

        if (st->st_nlink < 2)
                return 0;
        r = open_links(c);
        if (r < 0)
                return r;
        link_name(st, known);
        return linkat(to_dir, name, c->links_fd, known, 0) < 0 ? -errno : 0;
}

/* — entries — */

static int copy_directory(Copier *c, int from_fd, int to_fd, const struct stat *st, unsigned depth);

static int copy_subdirectory(Copier *c, int from_fd, int to_dir, const char *name, const struct stat *st,
                             unsigned depth) {
        _cleanup_close_ int to = -EBADF;

        if (st->st_dev == c->top.st_dev && st->st_ino == c->top.st_ino)
                return 0; /* the copy is made inside its source */
        if (mkdirat(to_dir, name, 0700) < 0)
                return -errno;
        to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return to < 0 ? -errno : copy_directory(c, from_fd, to, st, depth + 1);
}

static int copy_file(Copier *c, int from_fd, int to_dir, const char *name, const struct stat *st) {
        _cleanup_close_ int from = fd_reopen(from_fd, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_NOATIME), to = -EBADF;
        int r;

        if (from < 0)
                return TAKE_FD(from);
        to = openat(to_dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_data(c, from, to, st->st_size);
        return r < 0 ? r : copy_attributes(c, from, to, st);
}

static int copy_symlink(int from_fd, int to_dir, const char *name) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_fd, "", target, sizeof(target));

        if (n < 0)
                return -errno;
        if ((size_t) n >= sizeof(target))
                return -ENAMETOOLONG;
        target[n] = 0;
        return symlinkat(target, to_dir, name) < 0 ? -errno : 0;
}

/* Symlinks, devices, FIFOs, sockets */
static int copy_node(Copier *c, int from_fd, int to_dir, const char *name, const struct stat *st) {
        _cleanup_close_ int to = -EBADF;
        int r;

        if (S_ISLNK(st->st_mode))
                r = copy_symlink(from_fd, to_dir, name);
        else
                r = mknodat(to_dir, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        to = openat(to_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return to < 0 ? -errno : copy_attributes(c, from_fd, to, st);
}

static int copy_entry_of(Copier *c, int from_fd, int to_dir, const char *name, unsigned depth) {
        struct stat st;
        int r;

        if (fstat(from_fd, &st) < 0)
                return -errno;
        c->progress->files++;
        if (S_ISDIR(st.st_mode))
                return copy_subdirectory(c, from_fd, to_dir, name, &st, depth);
        r = link_again(c, to_dir, name, &st);
        if (r != 0)
                return MIN(r, 0);
        r = S_ISREG(st.st_mode) ? copy_file(c, from_fd, to_dir, name, &st) : copy_node(c, from_fd, to_dir, name, &st);
        return r < 0 ? r : remember_link(c, to_dir, name, &st);
}

/* On failure the path stays, to tell where that was. */
static int copy_entry(Copier *c, int from_dir, int to_dir, const char *name, unsigned depth) {
        _cleanup_close_ int from = openat(from_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        size_t length = c->path_length, room = sizeof(c->progress->path) - length;
        int r;

        if (from < 0)
                return errno == ENOENT ? 0 : -errno; /* it has gone meanwhile */
        (void) snprintf(c->progress->path + length, room, "%s%s", length > 0 ? "/" : "", name);
        c->path_length = strlen(c->progress->path);
        r = report(c);
        if (r >= 0)
                r = copy_entry_of(c, from, to_dir, name, depth);
        if (r < 0 && r != -EEXIST) /* what is renamed meanwhile may be read twice */
                return r;
        c->path_length = length;
        c->progress->path[length] = 0;
        return 0;
}

static int copy_entries(Copier *c, DIR *d, int to_fd, unsigned depth) {
        for (;;) {
                struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = copy_entry(c, dirfd(d), to_fd, e->d_name, depth);
                if (r < 0)
                        return r;
        }
}

static int copy_directory(Copier *c, int from_fd, int to_fd, const struct stat *st, unsigned depth) {
        int fd, r;
        DIR *d;

        if (depth > DEPTH_MAX)
                return -ENAMETOOLONG;
        fd = fd_reopen(from_fd, O_RDONLY | O_DIRECTORY | O_NOATIME);
        if (fd < 0)
                return fd;
        d = fdopendir(fd);
        if (!d) {
                r = -errno;
                (void) safe_close(fd);
                return r;
        }
        r = copy_entries(c, d, to_fd, depth);
        if (r >= 0 && depth == 0 && c->links_fd >= 0)
                r = remove_tree_at(to_fd, c->links_name);
        if (r >= 0)
                r = copy_attributes(c, fd, to_fd, st);
        (void) closedir(d);
        return r;
}

/* — the whole — */

/* Nothing is mounted below it, nor will be. */
static int open_alone(int fd) {
        _cleanup_close_ int mount = mount_clone(fd, "", false);
        int r;

        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_set_propagation(mount, "", MS_PRIVATE, false);
        return r < 0 ? r : TAKE_FD(mount);
}

static int copy_top(Copier *c, int from_fd) {
        struct stat st;

        if (fstat(from_fd, &st) < 0 || fstat(c->top_fd, &c->top) < 0)
                return -errno;
        return copy_directory(c, from_fd, c->top_fd, &st, 0);
}

int copy_tree(int from_fd, int to_fd, const CopyOptions *options, CopyProgress *progress) {
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE), *list = malloc(LIST_SIZE), *value = malloc(VALUE_SIZE);
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        Copier c = {
                .options = options,
                .progress = progress,
                .links_fd = -EBADF,
                .buffer = buffer,
                .list = list,
                .value = value,
        };
        int r;

        *progress = (CopyProgress){};
        if (!buffer || !list || !value)
                return -ENOMEM;
        from = open_alone(from_fd);
        if (from < 0)
                return TAKE_FD(from);
        to = fd_reopen(to_fd, O_RDONLY | O_DIRECTORY);
        if (to < 0)
                return TAKE_FD(to);
        c.top_fd = to;
        r = copy_top(&c, from);
        (void) safe_close(c.links_fd);
        return r;
}
