/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage. Every layer is attached at the machine's place (guest/root.c), one on
 * top of the other, because a detached mount can be a layer only since Linux 6.15; overlayfs gets links to their fds.
 * They stay there, below what becomes the root.
 *
 * Where the machine has users of its own, each layer is shown through a mount that maps its owners, like a tree, and
 * the overlay is made as the guest's root, who the mapped upper layer has a number for (see engine/overlay.c). The
 * overlay is mapped by that and not itself. */

#include "guest/mstack.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "guest/image.h"
#include "guest/root.h"
#include "guest/users.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

#define LAYERS_MAX 64u

static StackEntry *entry_of(const StageContext *context, StackKind kind) {
        const StackItem *item = stack_plan_find(&context->stack->plan, kind);

        return item ? &context->stack->entries[item - context->stack->plan.items] : NULL;
}

/* A detached mount of an entry, mapped, and read-only if nothing of it is written. */
static int mount_entry(StageContext *context, StackEntry *entry, bool measure) {
        _cleanup_close_ int mount = -EBADF;
        int r;

        if (entry->item->image)
                return image_mount_whole(context, &entry->image, measure);
        mount = TAKE_FD(entry->mount_fd);
        r = mount_set_propagation(mount, "", MS_SLAVE, true);
        if (r < 0)
                return log_error_errno(r, "%s: %m", entry->path);
        r = users_own_tree(context, mount, entry->path);
        if (r < 0)
                return r;
        r = entry->read_only ? mount_set_attributes(mount, MOUNT_ATTR_RDONLY, 0, true) : 0;
        return r < 0 ? log_error_errno(r, "%s: %m", entry->path) : TAKE_FD(mount);
}

/* The same, attached at the machine's place; an fd for its root. */
static int place_entry(StageContext *context, StackEntry *entry, bool measure) {
        _cleanup_close_ int mount = mount_entry(context, entry, measure);
        int fd = -EBADF, r;

        if (mount < 0)
                return TAKE_FD(mount);
        r = root_stack(context, mount, &fd);
        return r < 0 ? log_error_errno(r, "%s: cannot attach it: %m", entry->path) : fd;
}

/* — the overlay — */

typedef struct Layers {
        int fds[LAYERS_MAX]; /* the topmost first */
        size_t n;
        int upper, work;
} Layers;

static void layers_done(Layers *l) {
        while (l->n > 0)
                (void) safe_close(l->fds[--l->n]);
        l->upper = safe_close(l->upper);
        l->work = safe_close(l->work);
}

/* New ones are like the layer below. */
static int make_upper(int rw_fd, int lower_fd, Layers *l) {
        struct stat st;
        bool made;

        made = mkdirat(rw_fd, "data", 0755) >= 0;
        if ((!made && errno != EEXIST) || (mkdirat(rw_fd, "work", 0700) < 0 && errno != EEXIST))
                return -errno;
        l->upper = openat(rw_fd, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        l->work = openat(rw_fd, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (l->upper < 0 || l->work < 0)
                return -errno;
        if (made &&
            (fstat(lower_fd, &st) < 0 || fchown(l->upper, st.st_uid, st.st_gid) < 0 ||
             fchmod(l->upper, st.st_mode & 07777) < 0))
                return -errno;
        return 0;
}

/* What was written before is one more layer where nothing may be written now. */
static int add_data(int rw_fd, Layers *l) {
        int fd = openat(rw_fd, "data", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        memmove(l->fds + 1, l->fds, l->n * sizeof(int));
        l->fds[0] = fd;
        l->n++;
        return 0;
}

static int add_rw(StageContext *context, Layers *l) {
        StackEntry *entry = entry_of(context, STACK_RW);
        _cleanup_close_ int rw = -EBADF;
        int r;

        if (!entry)
                return 0;
        rw = place_entry(context, entry, false);
        if (rw < 0)
                return TAKE_FD(rw);
        r = entry->read_only ? add_data(rw, l) : make_upper(rw, l->fds[0], l);
        return r < 0 ? log_error_errno(r, "%s: cannot use its data and work as layers: %m", entry->path) : 0;
}

static int add_layers(StageContext *context, Layers *l) {
        const MountStack *stack = context->stack;
        bool measure = !entry_of(context, STACK_ROOT);

        if (stack->plan.n_layers >= LAYERS_MAX)
                return log_error_errno(-E2BIG, "%s: there are more than %u layers", stack->path, LAYERS_MAX - 1);
        for (size_t i = 0; i < stack->plan.n_layers;
             i++) { /* the bottom one is the first, and the last for the kernel */
                int fd = place_entry(context, &stack->entries[i], measure && i == 0);

                if (fd < 0)
                        return fd;
                l->fds[stack->plan.n_layers - 1 - i] = fd;
                l->n++;
        }
        return add_rw(context, l);
}

static char *options_of(const Layers *l) {
        char *options = NULL;
        size_t size;
        FILE *f = open_memstream(&options, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                fprintf(f, "%s/proc/self/fd/%i", i == 0 ? "lowerdir=" : ":", l->fds[i]);
        if (l->upper >= 0)
                fprintf(f, ",upperdir=/proc/self/fd/%i,workdir=/proc/self/fd/%i", l->upper, l->work);
        if (fclose(f) == 0)
                return options;
        free(options);
        return NULL;
}

/* A single layer is its own result. */
static int lay_over(StageContext *context, const Layers *l) {
        _cleanup_free_ char *options = NULL;
        int r;

        if (l->n == 1 && l->upper < 0)
                r = mount_clone(l->fds[0], "", true);
        else {
                options = options_of(l);
                r = options ? mount_new("overlay", NULL, options, l->upper < 0 ? MOUNT_ATTR_RDONLY : 0) : -ENOMEM;
        }
        return r < 0 ? log_error_errno(r, "%s: cannot lay its layers over each other: %m", context->stack->path) : r;
}

static int mount_layers(StageContext *context) {
        _cleanup_(layers_done) Layers l = { .upper = -EBADF, .work = -EBADF };
        int r = add_layers(context, &l);

        return r < 0 ? r : lay_over(context, &l);
}

/* — the root — */

/* The layers go below the root that the stack has: what is shown of them is a copy of a part. */
static int place_layers(StageContext *context) {
        _cleanup_close_ int layers = -EBADF;
        int r;

        if (context->stack->plan.n_layers == 0)
                return 0;
        layers = mount_layers(context);
        if (layers < 0)
                return TAKE_FD(layers);
        r = root_stack(context, layers, &context->stack_fd);
        return r < 0 ? log_error_errno(r, "%s: cannot attach its layers: %m", context->stack->path) : 0;
}

int mount_stack_mount_root(StageContext *context) {
        StackEntry *root;
        int fd, r = 0;

        if (!context->stack)
                return 0;
        root = entry_of(context, STACK_ROOT);
        fd = root ? mount_entry(context, root, true) : mount_layers(context);
        if (fd >= 0 && root)
                r = place_layers(context);
        context->tree_fd = fd;
        return fd < 0 ? fd : r;
}

int mount_stack_mount_usr(StageContext *context) {
        _cleanup_close_ int usr = -EBADF, mount = -EBADF, target = -EBADF;
        const StackEntry *bottom;
        bool is_usr;
        int r;

        if (context->stack_fd < 0)
                return 0;
        bottom = &context->stack->entries[0];
        is_usr = bottom->item->image &&
                !bottom->image.plan.slots[IMAGE_ROOT].used; /* and nothing else, see host/mstack.c */
        r = usr = root_open(context->stack_fd, is_usr ? "/" : "/usr", O_PATH | O_DIRECTORY);
        if (r >= 0)
                r = mount = mount_clone(usr, "", true);
        if (r >= 0)
                r = target = root_mount_point(context->root_fd, "/usr", true);
        if (r >= 0)
                r = mount_attach(mount, target);
        return r < 0
                ? log_error_errno(r, "%s: cannot show the /usr of its layers in its root: %m", context->stack->path)
                : 0;
}

/* — binds — */

static bool is_emptied(const MachineConfig *config, const char *path) {
        const char *rest = startswith(path, "/var");

        return rest && (*rest == 0 || *rest == '/') &&
                (config->source.volatile_mode == VOLATILE_YES || config->source.volatile_mode == VOLATILE_STATE);
}

static int mount_bind(StageContext *context, StackEntry *entry) {
        _cleanup_close_ int mount = mount_entry(context, entry, false), target = -EBADF;
        int r;

        if (mount < 0)
                return TAKE_FD(mount);
        target = root_mount_point(context->root_fd, entry->item->key, true);
        r = target < 0 ? target : mount_attach(mount, target);
        return r < 0 ? log_error_errno(r, "%s: cannot bind it to %s in the machine: %m", entry->path, entry->item->key)
                     : 0;
}

int mount_stack_mount_rest(StageContext *context) {
        const MountStack *stack = context->stack;
        int r = 0;

        if (!stack)
                return 0;
        if (root_has_volatile_layer(context))
                r = mount_stack_mount_usr(context);
        for (size_t i = 0; i < stack->plan.n_items && r >= 0; i++)
                if (stack->plan.items[i].kind == STACK_BIND && !is_emptied(context->config, stack->plan.items[i].key))
                        r = mount_bind(context, &stack->entries[i]);
        return r;
}
