/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor in the host's namespaces, before the minder is forked. Each entry is
 * locked by what it leads to, since entries are often symlinks to layers that stacks share: what is only read shared,
 * the rest for this machine alone. Detached copies of the directories' mounts are made for every start, where the
 * mounts are of our own namespace; the stage places them. */

#include "host/mstack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/image.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "mount-fd.h"

static int read_entries(const char *path, DIR *d, StackPlan *plan) {
        for (struct dirent *e; (e = readdir(d));) {
                struct stat st;
                int r;

                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                if (fstatat(dirfd(d), e->d_name, &st, 0) < 0)
                        return log_error_errno(-errno, "%s/%s: %m", path, e->d_name);
                r = stack_plan_add(plan, path, e->d_name, st.st_mode);
                if (r < 0)
                        return r;
        }
        return stack_plan_finish(plan, path);
}

static int read_stack(const char *path, StackPlan *plan) {
        DIR *d = opendir(path);
        int r;

        if (!d)
                return log_error_errno(-errno, "%s: %m", path);
        r = read_entries(path, d, plan);
        (void) closedir(d);
        return r;
}

static int lock_entry(UndoLog *undo, int runtime_fd, size_t number, StackEntry *entry, MachineLock *lock) {
        LockMode mode = entry->read_only ? LOCK_SHARED : LOCK_EXCLUSIVE;
        char record[32];
        int r;

        r = machine_lock_tree(undo, lock, entry->path, entry->fd, mode);
        if (r == -EBUSY)
                return machine_lock_explain(entry->path, entry->fd, mode);
        if (r < 0)
                return r;
        (void) snprintf(record, sizeof(record), RUNTIME_RECORD_TREE "-%zu", number);
        r = runtime_record_write(runtime_fd, record, entry->path);
        return r < 0 ? log_error_errno(r, "%s: cannot record it: %m", entry->path) : 0;
}

/* A layer is one file system, as overlayfs shows nothing of what is mounted in it. */
static int check_layer(const MountStack *stack, const StackEntry *entry) {
        const ImageSlot *slots = entry->image.plan.slots;
        bool alone = stack->plan.n_layers == 1 && !stack_plan_find(&stack->plan, STACK_RW);

        if (entry->item->kind != STACK_LAYER || !slots[IMAGE_USR].used ||
            (alone && !slots[IMAGE_ROOT].used && stack_plan_find(&stack->plan, STACK_ROOT)))
                return 0;
        return log_error_errno(-EOPNOTSUPP,
                               "%s: its /usr is a partition of its own; that can be the only layer below a root",
                               entry->path);
}

static int open_entry(const MachineConfig *config, const char *path, StackEntry *entry) {
        _cleanup_free_ char *given = NULL;

        entry->read_only = config->source.read_only || entry->item->read_only;
        if (asprintf(&given, "%s/%s", path, entry->item->name) < 0)
                return log_oom();
        entry->path = realpath(given, NULL);
        if (!entry->path)
                return log_error_errno(-errno, "%s: %m", given);
        entry->fd = entry->item->image ? image_open(entry->path, &entry->read_only)
                                       : open(entry->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (entry->fd < 0)
                return entry->item->image ? entry->fd : log_error_errno(-errno, "%s: %m", entry->path);
        return 0;
}

static int undo_stack(void *userdata) {
        MountStack *stack = userdata;

        mount_stack_close_clones(stack);
        for (size_t i = 0; stack->entries && i < stack->plan.n_items; i++) {
                (void) safe_close(stack->entries[i].fd);
                free(stack->entries[i].path);
        }
        free(TAKE_PTR(stack->entries));
        stack_plan_done(&stack->plan);
        return 0;
}

static int undo_locks(void *userdata) {
        free(userdata);
        return 0;
}

static int make_entries(UndoLog *undo, MountStack *stack, MachineLock **ret_locks) {
        const size_t n = stack->plan.n_items;
        MachineLock *locks = calloc(n, sizeof(MachineLock));
        int r;

        stack->entries = calloc(n, sizeof(StackEntry));
        if (!stack->entries || !locks) {
                free(locks);
                return log_oom();
        }
        for (size_t i = 0; i < n; i++) {
                stack->entries[i] = (StackEntry){
                        .item = &stack->plan.items[i],
                        .fd = -EBADF,
                        .mount_fd = -EBADF,
                        .image = IMAGE_NONE,
                };
                locks[i] = MACHINE_LOCK_NONE;
        }
        r = undo_add(undo, "locks of a mount stack", undo_locks, locks);
        if (r >= 0)
                *ret_locks = locks;
        return r;
}

static int attach_entry(UndoLog *undo, const MachineConfig *config, int runtime_fd, StackEntry *entry,
                        MachineLock *lock) {
        const ImageRequest request = {
                .path = entry->path,
                .fd = entry->fd,
                .read_only = entry->read_only,
                .lock = lock,
                .config = config,
                .runtime_fd = runtime_fd,
        };

        return image_attach(undo, &request, &entry->image);
}

int mount_stack_open(UndoLog *undo, const MachineConfig *config, int runtime_fd, MountStack *ret,
                     MachineLock **ret_locks) {
        int r;

        ret->path = config->source.mstack;
        r = undo_add(undo, "mount stack", undo_stack, ret);
        if (r >= 0)
                r = read_stack(ret->path, &ret->plan);
        if (r >= 0)
                r = make_entries(undo, ret, ret_locks);
        for (size_t i = 0; i < ret->plan.n_items && r >= 0; i++) {
                StackEntry *entry = &ret->entries[i];

                r = open_entry(config, ret->path, entry);
                if (r >= 0 && config->env.lock)
                        r = lock_entry(undo, runtime_fd, i, entry, &(*ret_locks)[i]);
                if (r >= 0 && entry->item->image)
                        r = attach_entry(undo, config, runtime_fd, entry, &(*ret_locks)[i]);
                if (r >= 0 && entry->item->image)
                        r = check_layer(ret, entry);
        }
        return r;
}

int mount_stack_owner_fd(const MountStack *stack) {
        const StackItem *root = stack_plan_find(&stack->plan, STACK_ROOT);
        const StackEntry *entry = &stack->entries[root ? root - stack->plan.items : 0];

        return entry->item->image ? -EBADF : entry->fd;
}

int mount_stack_clone(MountStack *stack) {
        for (size_t i = 0; stack->entries && i < stack->plan.n_items; i++) {
                StackEntry *entry = &stack->entries[i];

                if (entry->item->image)
                        continue;
                entry->mount_fd = mount_clone(entry->fd, "", true);
                if (entry->mount_fd < 0)
                        return log_error_errno(entry->mount_fd, "%s: cannot take a copy of the mount: %m",
                                               entry->path);
        }
        return 0;
}

void mount_stack_close_clones(MountStack *stack) {
        for (size_t i = 0; stack->entries && i < stack->plan.n_items; i++)
                stack->entries[i].mount_fd = safe_close(stack->entries[i].mount_fd);
}

void mount_stack_release(MountStack *stack, MachineLock *locks) {
        for (size_t i = 0; stack->entries && i < stack->plan.n_items; i++) {
                (void) image_detach(&stack->entries[i].image);
                machine_lock_release(&locks[i]);
        }
}
