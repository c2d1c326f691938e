/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer and in the inner stage, each in its own mount namespace, over an attached
 * guest root. Every operation resolves its target to an fd inside the root, prepares a detached mount or a node, and
 * puts the one on the other: the tree may be hostile, and a symlink in it changes at most which of the guest's own
 * places is mounted over. Modes are right when a thing is made, because the stages run with an umask of zero: a
 * chmod(2) afterwards could hit what somebody put there meanwhile. Host sources are configuration and resolve on the
 * host. */

#include "engine/execute.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/operation-failure.h"
#include "engine/overlay.h"
#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "user-namespace.h"

typedef int (*operation_function_t)(ExecuteContext *context, const Operation *o);

static int do_directory(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int parent = -EBADF;
        const char *name;

        parent = root_open_parent(c->root_fd, o->where, true, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        return mkdirat(parent, name, o->mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* Attaches a finished detached mount; takes and closes mount_fd. */
static int attach(ExecuteContext *c, const Operation *o, int mount_fd, bool directory) {
        _cleanup_close_ int mount = mount_fd, target = -EBADF;

        target = (o->flags & OPERATION_EXISTING) ? root_open(c->root_fd, o->where, O_PATH)
                                                 : root_mount_point(c->root_fd, o->where, directory);
        if (target < 0)
                return TAKE_FD(target);
        return mount_attach(mount, target);
}

static int do_mount(ExecuteContext *c, const Operation *o) {
        int fd = mount_new(o->what, NULL, o->options, o->attributes);

        return fd < 0 ? fd : attach(c, o, fd, true);
}

/* A detached copy of a source that was resolved to an fd, with the wanted attributes. */
static int clone_source(int source_fd, const Operation *o, bool *ret_directory) {
        _cleanup_close_ int mount = -EBADF;
        bool recursive = o->flags & OPERATION_RECURSIVE;
        struct stat st;
        int r;

        if (fstat(source_fd, &st) < 0)
                return -errno;
        mount = mount_clone(source_fd, "", recursive);
        if (mount < 0)
                return TAKE_FD(mount);
        if (o->attributes || o->clear) {
                r = mount_set_attributes(mount, o->attributes, o->clear, recursive);
                if (r < 0)
                        return r;
        }
        if (o->flags & OPERATION_PRIVATE) {
                r = mount_set_propagation(mount, "", MS_PRIVATE, recursive);
                if (r < 0)
                        return r;
        }
        *ret_directory = S_ISDIR(st.st_mode);
        return TAKE_FD(mount);
}

/* The source decides on the host's side and, for "owneridmap", the target on the guest's: one that is yet to be made
 * will be root's. */
static int find_owners(ExecuteContext *c, const Operation *o, int source_fd, OwnerMap *map) {
        _cleanup_close_ int target = -EBADF;
        struct stat st;

        if (fstat(source_fd, &st) < 0)
                return -errno;
        *map = (OwnerMap){ .host_uid = st.st_uid, .host_gid = st.st_gid };
        if (o->idmap == BIND_IDMAP_ROOT)
                return 0;
        target = root_open(streq(o->where, "/") ? c->origin_fd : c->root_fd, o->where, O_PATH);
        if (target == -ENOENT)
                return 0;
        if (target < 0 || fstat(target, &st) < 0)
                return target < 0 ? target : -errno;
        map->guest_uid = st.st_uid - c->users_base;
        map->guest_gid = st.st_gid - c->users_base;
        return 0;
}

/* One user of the host appears as one user of the guest, and what this user writes is the other's. Others are nobody. */
static int map_owner(ExecuteContext *c, const OwnerMap *owner, bool recursive, int mount_fd) {
        const IdMap map = {
                .inside_uid = owner->host_uid,
                .outside_uid = c->users_base + owner->guest_uid,
                .inside_gid = owner->host_gid,
                .outside_gid = c->users_base + owner->guest_gid,
                .count = 1,
        };
        _cleanup_close_ int users = user_namespace_make(&map);

        return users < 0 ? TAKE_FD(users) : mount_map_ids(mount_fd, users, recursive);
}

static int map_source(ExecuteContext *c, const Operation *o, int source_fd, int mount_fd) {
        bool recursive = o->flags & OPERATION_RECURSIVE;
        OwnerMap found = {};
        int r;

        switch (o->idmap) {
        case BIND_IDMAP_NONE:
                break;
        case BIND_IDMAP_MAP:
                /* What comes from the tree has the guest's owners already. */
                if (c->users_base == 0 || o->kind == OPERATION_BIND_SELF)
                        break;
                return mount_map_ids(mount_fd, c->users_fd, recursive);
        case BIND_IDMAP_ROOT:
        case BIND_IDMAP_OWNER:
                r = find_owners(c, o, source_fd, &found);
                return r < 0 ? r : map_owner(c, &found, recursive, mount_fd);
        case BIND_IDMAP_USER:
                return map_owner(c, &o->owner, recursive, mount_fd);
        }
        return 0;
}

/* A detached mount of a source, with the wanted attributes and owners. */
static int mount_source(ExecuteContext *c, const Operation *o, int source_fd, bool *ret_directory) {
        _cleanup_close_ int mount = clone_source(source_fd, o, ret_directory);
        int r;

        if (mount < 0)
                return TAKE_FD(mount);
        r = map_source(c, o, source_fd, mount);
        return r < 0 ? r : TAKE_FD(mount);
}

static int mount_shallow_source(ExecuteContext *c, const Operation *o, int source_fd, bool *ret_directory) {
        Operation alone = *o;
        int mount;

        alone.flags &= ~(unsigned) OPERATION_RECURSIVE;
        mount = mount_source(c, &alone, source_fd, ret_directory);
        if (mount >= 0)
                log_warning("%s: something that is mounted there cannot show files under other owners: the machine "
                            "sees "
                            "nothing of what is mounted",
                            o->what);
        return mount;
}

static int do_bind(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int source = -EBADF;
        bool directory = false;
        int mount;

        if (o->kind == OPERATION_BIND_HOST) {
                source = open(isempty(o->what) ? c->temporaries[o->custom_index] : o->what, O_PATH | O_CLOEXEC);
                if (source < 0)
                        return -errno;
        } else {
                source = root_open(o->custom ? c->origin_fd : c->root_fd, o->what, O_PATH);
                if (source < 0)
                        return TAKE_FD(source);
        }
        /* A temporary directory is new: the guest's root may have it. */
        if (isempty(o->what) && fchownat(source, "", c->users_base, c->users_base, AT_EMPTY_PATH) < 0)
                return -errno;
        mount = mount_source(c, o, source, &directory);
        if (mount == -EINVAL && (o->flags & OPERATION_SHALLOW))
                mount = mount_shallow_source(c, o, source, &directory);
        return mount < 0 ? mount : attach(c, o, mount, directory);
}

/* Parts can be cloned from an attached mount only (before Linux 6.15), so the new sysfs is laid over the host's
 * /sys in this namespace, which goes away with the whole of the host's tree when the root is changed. Read-only is all
 * that a user namespace gets where the host's is read-only; its parts are then read-only as well. */
static int open_sysfs(ExecuteContext *c, uint64_t attributes) {
        const uint64_t always = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
        _cleanup_close_ int mount = -EBADF, place = -EBADF;
        int r;

        if (c->sysfs_fd >= 0)
                return 0;
        mount = mount_new("sysfs", NULL, NULL, attributes | always);
        if (mount == -EPERM)
                mount = mount_new("sysfs", NULL, NULL, MOUNT_ATTR_RDONLY | always);
        if (mount < 0)
                return TAKE_FD(mount);
        place = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (place < 0)
                return -errno;
        r = mount_attach(mount, place);
        if (r < 0)
                return r;
        c->sysfs_fd = TAKE_FD(mount);
        return 0;
}

static int do_sysfs(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int part = -EBADF;
        bool directory = false;
        int mount, r;

        r = open_sysfs(c, o->attributes);
        if (r < 0)
                return r;
        part = openat(c->sysfs_fd, o->what, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (part < 0)
                return -errno;
        mount = clone_source(part, o, &directory);
        return mount < 0 ? mount : attach(c, o, mount, directory);
}

static int do_mask(ExecuteContext *c, const Operation *o) {
        static const struct {
                mode_t type;
                const char *node;
        } nodes[] = {
                { S_IFREG, "reg" },   { S_IFDIR, "dir" }, { S_IFIFO, "fifo" },
                { S_IFSOCK, "sock" }, { S_IFCHR, "chr" }, { S_IFBLK, "blk" },
        };
        _cleanup_close_ int target = -EBADF, nothing = -EBADF, mount = -EBADF, seen = -EBADF;
        const char *node = "reg";
        struct stat before, after;
        char path[64];
        int r;

        target = root_open(c->root_fd, o->where, O_PATH);
        if (target < 0)
                return TAKE_FD(target);
        if (fstat(target, &before) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                if (nodes[i].type == (before.st_mode & S_IFMT))
                        node = nodes[i].node;

        (void) snprintf(path, sizeof(path), "/run/host/inaccessible/%s", node);
        nothing = root_open(c->root_fd, path, O_PATH);
        if (nothing == -ENOENT)
                nothing = root_open(c->root_fd, "/run/host/inaccessible/reg", O_PATH);
        if (nothing < 0)
                return TAKE_FD(nothing);
        mount = mount_clone(nothing, "", false);
        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_attach(mount, target);
        if (r < 0)
                return r;

        /* A mask that is not where the payload will look is worse than an error. */
        seen = root_open(c->root_fd, o->where, O_PATH);
        if (seen < 0 || fstat(seen, &after) < 0 || fstat(nothing, &before) < 0)
                return errno_or_eio();
        return after.st_dev == before.st_dev && after.st_ino == before.st_ino ? 0 : -ESTALE;
}

static int do_remount(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int fd = root_open(c->root_fd, o->where, O_PATH);

        return fd < 0 ? fd : mount_set_attributes(fd, o->attributes, o->clear, false);
}

/* Where making a device node is refused (a device program or a user namespace around us), the host's own is
 * bound: it is the same device, though then also the same inode. */
static int bind_host_device(ExecuteContext *c, const Operation *o) {
        _cleanup_free_ char *path = strdup(o->where);
        Operation bind = *o;
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (stat(path, &st) < 0)
                return -errno;
        if ((st.st_mode & S_IFMT) != (o->mode & S_IFMT) || st.st_rdev != o->device)
                return -EPERM;
        bind.kind = OPERATION_BIND_HOST;
        bind.what = path;
        return do_bind(c, &bind);
}

static int do_node(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int parent = -EBADF;
        bool device = (S_ISCHR(o->mode) || S_ISBLK(o->mode)) && o->device != makedev(0, 0);
        const char *name;

        parent = root_open_parent(c->root_fd, o->where, true, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        if (mknodat(parent, name, o->mode, o->device) < 0) {
                if (errno == EPERM && device)
                        return bind_host_device(c, o);
                /* The character device 0:0 is the kernel's whiteout and free for all, the block device is not, where a
                 * user namespace is around us. Masks do without. */
                if (errno == EPERM && S_ISBLK(o->mode))
                        return 0;
                return -errno;
        }
        if ((o->uid > 0 || o->gid > 0) &&
            fchownat(parent, name, c->users_base + o->uid, c->users_base + o->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int do_symlink(ExecuteContext *c, const Operation *o) {
        return root_symlink(c->root_fd, o->what, o->where);
}

static int do_file(ExecuteContext *c, const Operation *o) {
        _cleanup_close_ int parent = -EBADF;
        const char *name;

        parent = root_open_parent(c->root_fd, o->where, true, &name);
        return parent < 0 ? parent : write_new_file_at(parent, name, o->what, strlen(o->what), o->mode);
}

static int do_overlay(ExecuteContext *c, const Operation *o) {
        int mount = overlay_mount(c, o);

        return mount < 0 ? mount : attach(c, o, mount, true);
}

static const operation_function_t functions[] = {
        [OPERATION_DIRECTORY] = do_directory, [OPERATION_MOUNT] = do_mount,     [OPERATION_BIND_HOST] = do_bind,
        [OPERATION_BIND_SELF] = do_bind,      [OPERATION_SYSFS] = do_sysfs,     [OPERATION_MASK] = do_mask,
        [OPERATION_REMOUNT] = do_remount,     [OPERATION_NODE] = do_node,       [OPERATION_SYMLINK] = do_symlink,
        [OPERATION_FILE] = do_file,           [OPERATION_OVERLAY] = do_overlay,
};

int execute_operations(ExecuteContext *context, const OperationList *list) {
        for (size_t i = 0; i < list->n_items; i++) {
                const Operation *o = &list->items[i];
                int r = functions[o->kind](context, o);

                if (r == -ENOENT && (o->flags & OPERATION_OPTIONAL)) {
                        log_debug("%s is left out: it, or what is to be there, is missing", o->where);
                        continue;
                }
                if (r < 0)
                        return operation_log_failure(o, r);
        }
        return 0;
}
