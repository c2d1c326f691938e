/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the stages, as execute.c does. The kernel is given the layers as links to fds: no path
 * of the guest's is resolved again, and no character in one has a meaning.
 *
 * Where the guest has users of its own, layers that lie on the host are shown to overlayfs through mapped mounts, as
 * the tree is, and layers in the tree come through the tree's. Overlayfs takes over the user for files of the process
 * that mounts it; the outer stage is the guest's root in this (guest/users.c), which the mapped upper layer has a
 * number for. With the host's root, which it has none for, the overlay would be read-only without a word. So what the
 * guest writes is stored as if the guest had the host's users. A mapped mount has to be attached to be a layer before
 * Linux 6.15, and is, on the directory that it is of, until overlayfs has taken its own copy. */

#include "engine/overlay.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

#define LAYERS_MAX 64u

typedef struct Layers {
        int fds[LAYERS_MAX]; /* lower ones, topmost first, then the upper one and the working directory */
        size_t n_fds;
        int mapped[LAYERS_MAX]; /* mounts that are attached meanwhile */
        size_t n_mapped;
} Layers;

static void layers_done(Layers *l) {
        char path[32];

        while (l->n_fds > 0)
                (void) safe_close(l->fds[--l->n_fds]);
        while (l->n_mapped > 0) {
                int fd = l->mapped[--l->n_mapped];

                (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
                (void) umount2(path, MNT_DETACH);
                (void) safe_close(fd);
        }
}

static int map_directory(const ExecuteContext *c, Layers *l, int directory_fd) {
        _cleanup_close_ int mount = mount_clone(directory_fd, "", false);
        int r;

        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_map_ids(mount, c->users_fd, false);
        if (r >= 0)
                r = mount_attach(mount, directory_fd);
        if (r < 0)
                return r;
        l->mapped[l->n_mapped++] = mount;
        return TAKE_FD(mount);
}

/* A new fd for a directory on the host. One of a file system that cannot be mapped is taken as it is, if that will do:
 * its files belong to nobody then. */
static int open_on_host(const ExecuteContext *c, Layers *l, const char *path, bool must_map) {
        _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int mapped;

        if (fd < 0)
                return -errno;
        if (c->users_base == 0)
                return TAKE_FD(fd);
        mapped = map_directory(c, l, fd);
        if (mapped < 0)
                return (mapped == -EINVAL || mapped == -EPERM) && !must_map ? TAKE_FD(fd) : mapped;
        mapped = fcntl(mapped, F_DUPFD_CLOEXEC, 3);
        return mapped < 0 ? -errno : mapped;
}

static int open_below(int holder_fd, const char *name) {
        int fd = openat(holder_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int make_below(int holder_fd, const char *name) {
        if (mkdirat(holder_fd, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        return open_below(holder_fd, name);
}

/* An upper layer of the user's on the host, and our directory beside it: both seen through one mount. */
static int open_pair_on_host(const ExecuteContext *c, Layers *l, const char *upper, const char *beside, int *ret_upper,
                             int *ret_beside) {
        const char *upper_name = strrchr(upper, '/') + 1, *beside_name = strrchr(beside, '/') + 1;
        _cleanup_free_ char *parent = strndup(upper, MAX((size_t) (upper_name - upper - 1), (size_t) 1));
        _cleanup_close_ int holder = -EBADF, first = -EBADF, second = -EBADF;

        if (!parent)
                return -ENOMEM;
        holder = open_on_host(c, l, parent, true);
        if (holder < 0)
                return TAKE_FD(holder);
        first = open_below(holder, upper_name);
        if (first < 0)
                return TAKE_FD(first);
        second = open_below(holder, beside_name);
        if (second < 0)
                return TAKE_FD(second);
        *ret_upper = TAKE_FD(first);
        *ret_beside = TAKE_FD(second);
        return 0;
}

/* The upper layer, and where its working directory goes. One that the user has not named is new and nobody will see
 * it: it is not mapped, and what is made in it is the guest's at once. */
static int open_upper(const ExecuteContext *c, const Operation *o, Layers *l, int *ret_upper, int *ret_holder) {
        const CustomMount *m = o->custom;
        _cleanup_close_ int holder = -EBADF, upper = -EBADF;
        const char *name;

        if (!m->upper_in_guest && *m->upper)
                return open_pair_on_host(c, l, m->upper, c->temporaries[o->custom_index], ret_upper, ret_holder);
        holder = m->upper_in_guest ? root_open_parent(c->origin_fd, m->upper, true, &name)
                                   : open_below(AT_FDCWD, c->temporaries[o->custom_index]);
        if (holder < 0)
                return TAKE_FD(holder);
        upper = m->upper_in_guest ? root_open(c->origin_fd, m->upper, O_PATH | O_DIRECTORY)
                                  : make_below(holder, "upper");
        if (upper < 0)
                return TAKE_FD(upper);
        *ret_upper = TAKE_FD(upper);
        *ret_holder = TAKE_FD(holder);
        return 0;
}

/* The working directory has to be on the upper layer's file system. For an upper layer in the guest it is a hidden
 * directory beside it, which stays there for the next time. */
static int add_upper(const ExecuteContext *c, const Operation *o, Layers *l) {
        _cleanup_close_ int holder = -EBADF;
        int r;

        r = open_upper(c, o, l, &l->fds[l->n_fds], &holder);
        if (r < 0)
                return r;
        l->n_fds++;
        r = make_below(holder, o->custom->upper_in_guest ? ".#nspawn-work" : "work");
        if (r < 0)
                return r;
        l->fds[l->n_fds++] = r;
        return 0;
}

static int add_lowers(const ExecuteContext *c, const Operation *o, Layers *l) {
        const CustomMount *m = o->custom;
        size_t n = 0;

        while (m->sources[n])
                n++;
        if (n + 2 > LAYERS_MAX)
                return -E2BIG;
        while (n-- > 0) { /* the kernel takes the topmost first */
                int fd = m->source_in_guest[n] ? root_open(c->origin_fd, m->sources[n], O_PATH | O_DIRECTORY)
                                               : open_on_host(c, l, m->sources[n], false);

                if (fd < 0)
                        return fd;
                l->fds[l->n_fds++] = fd;
        }
        return 0;
}

static char *options_of(const Layers *l, bool has_upper) {
        size_t n_lower = l->n_fds - (has_upper ? 2 : 0), size;
        char *options = NULL;
        FILE *f = open_memstream(&options, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < n_lower; i++)
                fprintf(f, "%s/proc/self/fd/%i", i == 0 ? "lowerdir=" : ":", l->fds[i]);
        if (has_upper)
                fprintf(f, ",upperdir=/proc/self/fd/%i,workdir=/proc/self/fd/%i", l->fds[n_lower],
                        l->fds[n_lower + 1]);
        if (fclose(f) == 0)
                return options;
        free(options);
        return NULL;
}

int overlay_mount(ExecuteContext *context, const Operation *operation) {
        _cleanup_(layers_done) Layers layers = {};
        _cleanup_free_ char *options = NULL;
        int r;

        r = add_lowers(context, operation, &layers);
        if (r >= 0 && operation->custom->upper)
                r = add_upper(context, operation, &layers);
        if (r < 0)
                return r;
        options = options_of(&layers, operation->custom->upper);
        return options ? mount_new("overlay", NULL, options, operation->attributes) : -ENOMEM;
}
