/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: everything is stacked on one place, the machine's runtime directory as this mount namespace
 * sees it: it is certain to exist and of no use to the guest. First comes the tree; an overlay's upper layer in memory
 * is attached on top of it, since layers have to be attached to be used before Linux 6.15, and the overlay on top of
 * that. Where the user mounts something on / itself, that has a place of its own beside the tree's, so that the tree
 * can still be shown in it as it is. What is covered stays reachable through the fds that were opened before, and
 * overlayfs is given its layers as /proc/self/fd links, which also spares it every question of commas and colons in
 * paths. */

#include "guest/root.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "guest/users.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

#define MEMORY_OPTIONS "mode=755,size=25%,nr_inodes=1m"

/* Whatever is on top at the machine's place. */
int root_open_place(const StageContext *context) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "%s%s", context->runtime_directory, context->place);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int root_stack(StageContext *context, int mount, int *fd) {
        int top, r;

        top = root_open_place(context);
        if (top < 0)
                return top;
        r = mount_attach(mount, top);
        (void) safe_close(top);
        if (r < 0)
                return r;
        top = root_open_place(context);
        if (top < 0)
                return top;
        *fd = top;
        return 0;
}

/* The clone would otherwise share its mount events with the host's mount of the tree. */
int root_attach(StageContext *context) {
        const SourceConfig *source = &context->config->source;
        int r;

        r = mount_set_propagation(context->tree_fd, "", MS_SLAVE, true);
        if (r >= 0 && source->directory) { /* parts of others are dealt with one by one */
                r = users_own_tree(context, context->tree_fd, source->directory);
                if (r < 0)
                        return r;
        }
        if (r >= 0 && source->read_only && !config_root_is_closed_last(context->config))
                r = mount_set_attributes(context->tree_fd, MOUNT_ATTR_RDONLY, 0, true);
        if (r >= 0)
                r = root_stack(context, context->tree_fd, &context->root_fd);
        return r < 0 ? log_error_errno(r, "%s: cannot attach the root: %m", source_path(source)) : 0;
}

static int mount_memory(const StageContext *context) {
        const char *label = context->config->security.selinux_apifs_context;
        _cleanup_free_ char *options = NULL;

        if (label && asprintf(&options, "%s,context=\"%s\"", MEMORY_OPTIONS, label) < 0)
                return -ENOMEM;
        return mount_new("tmpfs", NULL, options ?: MEMORY_OPTIONS, MOUNT_ATTR_STRICTATIME);
}

/* Directories for an upper layer: below the one that the supervisor made beside the tree, or if that is NULL in
 * memory. */
static int open_layer(StageContext *context, const char *directory, int *ret) {
        _cleanup_close_ int mount = -EBADF;

        if (directory) {
                int fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (fd < 0)
                        return -errno;
                *ret = fd;
                return 0;
        }
        mount = mount_memory(context);
        return mount < 0 ? TAKE_FD(mount) : root_stack(context, mount, ret);
}

/* The upper layer's root is the merged root: it takes over what the tree's root is like. A working directory that has
 * been used by an overlay of this kind (see below) may not be used again, so the one of the last run goes. */
static int make_layer(int layer_fd, int lower_fd, int *ret_upper, int *ret_work) {
        _cleanup_close_ int upper = -EBADF, work = -EBADF;
        struct stat st;
        int r;

        r = remove_tree_at(layer_fd, "work");
        if (r < 0)
                return r;
        if (mkdirat(layer_fd, "work", 0700) < 0 || (mkdirat(layer_fd, "upper", 0755) < 0 && errno != EEXIST))
                return -errno;
        upper = openat(layer_fd, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        work = openat(layer_fd, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (upper < 0 || work < 0 || fstat(lower_fd, &st) < 0 || fchown(upper, st.st_uid, st.st_gid) < 0 ||
            fchmod(upper, st.st_mode & 07777) < 0)
                return -errno;
        *ret_upper = TAKE_FD(upper);
        *ret_work = TAKE_FD(work);
        return 0;
}

/* "volatile": nothing is written out for the sake of a crash, since after one nobody wants the layer. Else the end of
 * the overlay would wait for all that anybody has written to the file system that holds it. */
static int lay_over(StageContext *context, const char *directory) {
        _cleanup_close_ int layer = -EBADF, upper = -EBADF, work = -EBADF, mount = -EBADF, lower = -EBADF;
        char options[160];
        int r;

        lower = TAKE_FD(context->root_fd);
        r = open_layer(context, directory, &layer);
        if (r < 0)
                return r;
        r = make_layer(layer, lower, &upper, &work);
        if (r < 0)
                return r;
        (void) snprintf(options, sizeof(options),
                        "lowerdir=/proc/self/fd/%i,upperdir=/proc/self/fd/%i,workdir=/proc/self/fd/%i,volatile", lower,
                        upper, work);
        mount = mount_new("overlay", NULL, options, 0);
        return mount < 0 ? TAKE_FD(mount) : root_stack(context, mount, &context->root_fd);
}

/* Overlayfs works in its layers as the user that mounts it. */
static int add_overlay(StageContext *context, const char *directory) {
        int r;

        users_act_as_host();
        r = lay_over(context, directory);
        users_act_as_guest(context);
        if (r == -EINVAL)
                return log_error_errno(r,
                                       "%s: cannot lay a temporary layer over the tree: the kernel stacks two "
                                       "overlays "
                                       "and no more, or this file system cannot be a layer",
                                       source_path(&context->config->source));
        return r < 0 ? log_error_errno(r, "%s: cannot lay a temporary layer over the tree: %m",
                                       source_path(&context->config->source))
                     : 0;
}

/* A root of /usr alone works where the rest of the system's directories are symlinks into it. */
static int copy_usr_links(int tree_fd, int root_fd) {
        static const char *const names[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char target[PATH_MAX];
                ssize_t n = readlinkat(tree_fd, names[i], target, sizeof(target) - 1);

                if (n < 0 && errno == ENOENT)
                        continue;
                if (n < 0)
                        return errno == EINVAL ? -EMEDIUMTYPE : -errno;
                target[n] = 0;
                if (symlinkat(target, root_fd, names[i]) < 0)
                        return -errno;
        }
        return 0;
}

static int replace_by_usr(StageContext *context) {
        _cleanup_close_ int tree = TAKE_FD(context->root_fd), mount = -EBADF, source = -EBADF, usr = -EBADF,
                            target = -EBADF;
        int r;

        source = root_open(tree, "/usr", O_PATH | O_DIRECTORY);
        if (source < 0)
                return TAKE_FD(source);
        usr = mount_clone(source, "", true);
        if (usr < 0)
                return TAKE_FD(usr);
        r = mount_set_attributes(usr, MOUNT_ATTR_RDONLY, 0, true);
        if (r < 0)
                return r;
        mount = mount_memory(context);
        if (mount < 0)
                return TAKE_FD(mount);
        r = root_stack(context, mount, &context->root_fd);
        if (r < 0)
                return r;
        target = root_mount_point(context->root_fd, "/usr", true);
        if (target < 0)
                return TAKE_FD(target);
        r = mount_attach(usr, target);
        return r < 0 ? r : copy_usr_links(tree, context->root_fd);
}

static int cover_var(StageContext *context) {
        _cleanup_close_ int mount = -EBADF, target = -EBADF;
        int r = 0;

        /* A tree is only read already. */
        if (mounts_have_root(&context->config->mounts))
                r = mount_set_attributes(context->root_fd, MOUNT_ATTR_RDONLY, 0, false);
        if (r < 0)
                return r;
        target = root_open(context->root_fd, "/var", O_PATH | O_DIRECTORY);
        if (target < 0)
                return TAKE_FD(target);
        mount = mount_memory(context);
        return mount < 0 ? TAKE_FD(mount) : mount_attach(mount, target);
}

int root_add_ephemeral(StageContext *context) {
        return context->layered ? add_overlay(context, context->layer_directory) : 0;
}

bool root_has_volatile_layer(const StageContext *context) {
        return context->config->source.volatile_mode == VOLATILE_OVERLAY &&
                (!context->layered || mounts_have_root(&context->config->mounts));
}

int root_add_volatile(StageContext *context) {
        const SourceConfig *source = &context->config->source;
        int r = 0;

        if (root_has_volatile_layer(context))
                return add_overlay(context, NULL);
        if (source->volatile_mode == VOLATILE_YES)
                r = replace_by_usr(context);
        else if (source->volatile_mode == VOLATILE_STATE)
                r = cover_var(context);
        if (r == -EMEDIUMTYPE)
                return log_error_errno(r,
                                       "%s: --volatile=yes takes a tree whose /bin, /sbin and /lib are links to /usr",
                                       source_path(source));
        return r < 0 ? log_error_errno(r, "%s: cannot set up the volatile root: %m", source_path(source)) : 0;
}
