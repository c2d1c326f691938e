/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a snapshot is of one subvolume; the subvolumes in it appear as empty directories, and each of
 * them is then snapshotted in the place of that directory. They are not left empty, since a snapshot has to show what
 * its source does, and systemd-tmpfiles alone makes several in any machine it starts in (/home, /srv, /var/tmp).
 *
 * The subvolumes in a subvolume are found in the file system's tree of roots. Whoever lives in there may rename them
 * meanwhile: paths are resolved below the subvolume's fd without following a symlink, what has moved is left out,
 * and what is removed is named by its number, not by a path. */

#include "btrfs.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd.h"

#define DEPTH_MAX 64u

/* A subvolume in another one. */
typedef struct Child {
        uint64_t id;
        uint64_t directory; /* inode number, in the parent subvolume */
        char name[BTRFS_VOL_NAME_MAX + 1];
} Child;

typedef struct Children {
        Child *items;
        size_t n;
} Children;

static void children_done(Children *c) {
        free(c->items);
}

bool btrfs_is_subvolume(int fd) {
        struct statfs fs;
        struct stat st;

        return fstat(fd, &st) >= 0 && S_ISDIR(st.st_mode) && st.st_ino == BTRFS_FIRST_FREE_OBJECTID &&
                fstatfs(fd, &fs) >= 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

/* — finding what is inside — */

/* The subvolume that fd is in. */
static int subvolume_id(int fd, uint64_t *ret) {
        struct btrfs_ioctl_ino_lookup_args args = { .objectid = BTRFS_FIRST_FREE_OBJECTID };

        if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
                return -errno;
        *ret = args.treeid;
        return 0;
}

/* One item of the tree of roots: a struct btrfs_root_ref, then the name. */
static int add_child(Children *c, uint64_t id, const char *data, size_t size) {
        struct btrfs_root_ref ref;
        Child *bigger;
        uint16_t length;

        if (size < sizeof(ref))
                return -EBADMSG;
        memcpy(&ref, data, sizeof(ref));
        length = le16toh(ref.name_len);
        if (length > BTRFS_VOL_NAME_MAX || size < sizeof(ref) + length)
                return -EBADMSG;
        bigger = reallocarray(c->items, c->n + 1, sizeof(Child));
        if (!bigger)
                return -ENOMEM;
        c->items = bigger;
        bigger[c->n] = (Child){ .id = id, .directory = le64toh(ref.dirid) };
        memcpy(bigger[c->n].name, data + sizeof(ref), length);
        c->n++;
        return 0;
}

/* The items of one answer. Returns how many there were; *next is where the next search begins. */
static int add_found(Children *c, const struct btrfs_ioctl_search_args *args, uint64_t *next) {
        size_t position = 0;

        for (uint32_t i = 0; i < args->key.nr_items; i++) {
                struct btrfs_ioctl_search_header header;
                int r;

                memcpy(&header, args->buf + position, sizeof(header));
                position += sizeof(header);
                r = header.type == BTRFS_ROOT_REF_KEY ? add_child(c, header.offset, args->buf + position, header.len)
                                                      : 0;
                if (r < 0)
                        return r;
                position += header.len;
                *next = header.offset + 1;
        }
        return (int) args->key.nr_items;
}

/* The subvolumes directly in the one of this number, fd being anywhere on the file system. */
static int find_children(int fd, uint64_t id, Children *ret) {
        uint64_t next = 0;

        for (;;) {
                struct btrfs_ioctl_search_args args = {
                        .key = {
                                .tree_id = BTRFS_ROOT_TREE_OBJECTID,
                                .min_objectid = id,
                                .max_objectid = id,
                                .min_type = BTRFS_ROOT_REF_KEY,
                                .max_type = BTRFS_ROOT_REF_KEY,
                                .min_offset = next,
                                .max_offset = UINT64_MAX,
                                .max_transid = UINT64_MAX,
                                .nr_items = 64,
                        },
                };
                int r;

                if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0)
                        return -errno;
                r = add_found(ret, &args, &next);
                if (r <= 0)
                        return r;
        }
}

/* — making — */

static int set_name(struct btrfs_ioctl_vol_args_v2 *args, const char *name) {
        if (strlen(name) >= sizeof(args->name))
                return -ENAMETOOLONG;
        (void) strcpy(args->name, name);
        return 0;
}

int btrfs_subvolume_make(int parent_fd, const char *name) {
        _cleanup_close_ int fd = fd_reopen(parent_fd, O_RDONLY | O_DIRECTORY);
        struct btrfs_ioctl_vol_args_v2 args = {};
        int r;

        if (fd < 0)
                return TAKE_FD(fd);
        r = set_name(&args, name);
        if (r < 0)
                return r;
        return ioctl(fd, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
}

static int open_inside(int fd, const char *path) {
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
        };
        long r = syscall(SYS_openat2, fd, *path ? path : ".", &how, sizeof(how));

        return r < 0 ? -errno : (int) r;
}

/* The directory that holds a child, in the subvolume and at the same path in its snapshot. */
static int open_holders(int fd, int snapshot_fd, const Child *child, int *ret, int *ret_snapshot) {
        struct btrfs_ioctl_ino_lookup_args args = { .objectid = child->directory };
        _cleanup_close_ int holder = -EBADF, copy = -EBADF;

        if (child->directory == BTRFS_FIRST_FREE_OBJECTID)
                args.name[0] = 0; /* the top, which the kernel has no path for */
        else if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
                return -errno;
        holder = open_inside(fd, args.name);
        if (holder < 0)
                return TAKE_FD(holder);
        copy = open_inside(snapshot_fd, args.name);
        if (copy < 0)
                return TAKE_FD(copy);
        *ret = TAKE_FD(holder);
        *ret_snapshot = TAKE_FD(copy);
        return 0;
}

static int snapshot(int fd, int parent_fd, const char *name, unsigned depth);

/* A snapshot that is being made or was made in its own source does not become a part of it. */
static int replace_child(int holder, int copy, const Child *child, unsigned depth) {
        _cleanup_close_ int source = -EBADF;

        if (unlinkat(copy, child->name, AT_REMOVEDIR) < 0)
                return errno == ENOENT || errno == ENOTDIR || errno == ENOTEMPTY ? 0 : -errno;
        if (depth == 0 && child->directory == BTRFS_FIRST_FREE_OBJECTID && startswith(child->name, ".#"))
                return 0;
        source = open_inside(holder, child->name);
        if (source < 0 || !btrfs_is_subvolume(source))
                return 0;
        return snapshot(source, copy, child->name, depth + 1);
}

/* What has been renamed since is not an error: the source may be in use. */
static int snapshot_child(int fd, int snapshot_fd, const Child *child, unsigned depth) {
        _cleanup_close_ int holder = -EBADF, copy = -EBADF;
        struct stat st;
        int r;

        r = open_holders(fd, snapshot_fd, child, &holder, &copy);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV ? 0 : r;
        if (fstat(holder, &st) < 0)
                return -errno;
        r = replace_child(holder, copy, child, depth);
        if (r < 0)
                return r;
        return futimens(copy, (const struct timespec[]){ st.st_atim, st.st_mtim }) < 0 ? -errno : 0;
}

static int make_like(int fd, int snapshot_fd) {
        uint64_t flags, own;

        if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0 ||
            ioctl(snapshot_fd, BTRFS_IOC_SUBVOL_GETFLAGS, &own) < 0)
                return -errno;
        if (!(flags & BTRFS_SUBVOL_RDONLY))
                return 0;
        own |= BTRFS_SUBVOL_RDONLY;
        return ioctl(snapshot_fd, BTRFS_IOC_SUBVOL_SETFLAGS, &own) < 0 ? -errno : 0;
}

static int snapshot_children(int fd, int snapshot_fd, unsigned depth) {
        _cleanup_(children_done) Children children = {};
        uint64_t id = 0;
        int r;

        r = subvolume_id(fd, &id);
        if (r >= 0)
                r = find_children(fd, id, &children);
        for (size_t i = 0; i < children.n && r >= 0; i++)
                r = snapshot_child(fd, snapshot_fd, &children.items[i], depth);
        return r;
}

static int snapshot(int fd, int parent_fd, const char *name, unsigned depth) {
        struct btrfs_ioctl_vol_args_v2 args = { .fd = fd };
        _cleanup_close_ int own = -EBADF;
        int r;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        r = set_name(&args, name);
        if (r < 0)
                return r;
        if (ioctl(parent_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
                return -errno;
        own = open_inside(parent_fd, name);
        if (own < 0)
                return TAKE_FD(own);
        r = snapshot_children(fd, own, depth);
        return r < 0 || depth == 0 ? r : make_like(fd, own);
}

int btrfs_snapshot(int fd, int parent_fd, const char *name) {
        _cleanup_close_ int source = fd_reopen(fd, O_RDONLY | O_DIRECTORY), parent = -EBADF;

        if (source < 0)
                return TAKE_FD(source);
        parent = fd_reopen(parent_fd, O_RDONLY | O_DIRECTORY);
        return parent < 0 ? TAKE_FD(parent) : snapshot(source, parent, name, 0);
}

/* — removing — */

/* Breadth first, so that backwards each comes before what it is in: however deep they are. */
static int remove_by_id(int fd, uint64_t id) {
        _cleanup_(children_done) Children all = { .items = calloc(1, sizeof(Child)), .n = 1 };
        int r = 0;

        if (!all.items)
                return -ENOMEM;
        all.items[0].id = id;
        for (size_t i = 0; i < all.n && r >= 0; i++)
                r = find_children(fd, all.items[i].id, &all);
        for (size_t i = all.n; i > 0 && r >= 0; i--) {
                struct btrfs_ioctl_vol_args_v2 args = {
                        .flags = BTRFS_SUBVOL_SPEC_BY_ID,
                        .subvolid = all.items[i - 1].id,
                };

                r = ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 ? -errno : 0;
        }
        return r;
}

int btrfs_subvolume_remove(int parent_fd, const char *name) {
        _cleanup_close_ int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                            parent = -EBADF;
        uint64_t id;
        int r;

        if (fd < 0)
                return errno == ENOTDIR || errno == ELOOP ? -ENOTTY : -errno;
        if (!btrfs_is_subvolume(fd))
                return -ENOTTY;
        parent = fd_reopen(parent_fd, O_RDONLY | O_DIRECTORY);
        if (parent < 0)
                return TAKE_FD(parent);
        r = subvolume_id(fd, &id);
        return r < 0 ? r : remove_by_id(parent, id);
}
