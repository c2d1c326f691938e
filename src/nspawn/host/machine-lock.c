/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, in the host's namespaces, in this order: the name, then (once
 * the remains of an earlier machine of that name are gone) the tree. Children made by fork hold the same
 * locks, above all the minder: a machine whose supervisor was killed stays locked until the minder has seen
 * to its end.
 *
 * The tree's protocol is systemd-nspawn's, watched with versions 252 and 257: first ".#NAME.lck" beside the
 * tree, then "inode-DEV:INO" (st_dev and st_ino in decimal), or "block-MAJ:MIN", for all other paths that lead there;
 * open file description locks on the whole file, for writing, or for reading with --read-only; given back in the same
 * order, the file unlinked if the lock can be had for writing. A file beside the tree that cannot be made is not an
 * error. Beyond that protocol, a loop device is locked together with what is behind it, so that an image cannot be
 * written to twice, once as a file and once as a disk. */

#include "host/machine-lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "loop-device.h"

#define TREE_LOCKS "/run/systemd/nspawn/locks"
#define TIMEOUT_USEC 1000000U

static const struct {
        const char *path;
        mode_t mode;
} holders[] = {
        { "/run/systemd", 0755 },
        { "/run/systemd/nspawn", 0755 },
        { TREE_LOCKS, 0700 },
};

static int undo_machine_lock(void *userdata) {
        lock_file_release(userdata);
        return 0;
}

int machine_lock_name(UndoLog *undo, MachineLock *lock, const char *machine) {
        _cleanup_close_ int root_fd = runtime_root_open();
        _cleanup_free_ char *file = NULL;
        int r;

        if (root_fd < 0)
                return root_fd;
        if (asprintf(&file, ".#%s.lck", machine) < 0)
                return log_oom();
        r = lock_file_take(root_fd, file, LOCK_EXCLUSIVE, TIMEOUT_USEC, &lock->name);
        if (r == -EBUSY)
                return log_error_errno(r, "a machine named %s is already running; choose another with -M", machine);
        if (r < 0)
                return log_error_errno(r, "cannot take the lock %s/%s: %m", RUNTIME_ROOT, file);
        return undo_add(undo, "machine name lock", undo_machine_lock, &lock->name);
}

static int take_beside(const char *directory, LockMode mode, uint64_t timeout_usec, LockFile *ret) {
        _cleanup_free_ char *parent = strdup(directory), *file = NULL;
        _cleanup_close_ int fd = -EBADF;
        char *slash;

        if (!parent)
                return -ENOMEM;
        for (size_t n = strlen(parent); n > 0 && parent[n - 1] == '/'; n--)
                parent[n - 1] = 0;
        slash = strrchr(parent, '/');
        if (!slash)
                return -ENOENT; /* the root of the file system has no place beside it */
        if (asprintf(&file, ".#%s.lck", slash + 1) < 0)
                return -ENOMEM;
        slash[slash == parent] = 0;
        fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return lock_file_take(fd, file, mode, timeout_usec, ret);
}

static int open_tree_locks(void) {
        int fd = open(TREE_LOCKS, O_PATH | O_DIRECTORY | O_CLOEXEC);

        for (size_t i = 0; fd < 0 && i < ELEMENTSOF(holders); i++)
                if (mkdir(holders[i].path, holders[i].mode) < 0 && errno != EEXIST)
                        return -errno;
        if (fd < 0)
                fd = open(TREE_LOCKS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* A disk is the same whatever the inode of its node. */
static int take_inode(const LoopBacking *id, LockMode mode, uint64_t timeout_usec, LockFile *ret) {
        _cleanup_close_ int fd = open_tree_locks();
        char file[64];

        if (id->rdevice != 0)
                (void) snprintf(file, sizeof(file), "block-%u:%u", major(id->rdevice), minor(id->rdevice));
        else
                (void) snprintf(file, sizeof(file), "inode-%lu:%lu", (unsigned long) id->device,
                                (unsigned long) id->inode);
        return fd < 0 ? fd : lock_file_take(fd, file, mode, timeout_usec, ret);
}

/* What is behind it, if it is a loop device. tree_fd may be O_PATH. */
static int take_backing(int tree_fd, LockMode mode, uint64_t timeout_usec, LockFile *ret) {
        _cleanup_close_ int fd = fd_reopen(tree_fd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        LoopBacking backing;

        if (fd < 0 || loop_backing(fd, &backing) < 0)
                return 0;
        return take_inode(&backing, mode, timeout_usec, ret);
}

static void release_tree(MachineLock *lock) {
        lock_file_release(&lock->beside);
        lock_file_release(&lock->inode);
        lock_file_release(&lock->backing);
}

static int take_tree(MachineLock *lock, const char *directory, int tree_fd, LockMode mode, uint64_t timeout_usec) {
        LoopBacking id;
        struct stat st;
        int r = -ENOENT; /* no lock files in /dev */

        if (fstat(tree_fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                r = take_beside(directory, mode, timeout_usec, &lock->beside);
        if (r == -EBUSY || r == -ENOMEM)
                return r;
        if (r < 0)
                log_debug("no lock file beside %s (%s), its inode's lock alone", directory, strerror(-r));
        id = (LoopBacking){ st.st_dev, st.st_ino, S_ISBLK(st.st_mode) ? st.st_rdev : 0 };
        r = take_inode(&id, mode, timeout_usec, &lock->inode);
        if (r >= 0 && S_ISBLK(st.st_mode))
                r = take_backing(tree_fd, mode, timeout_usec, &lock->backing);
        if (r < 0)
                release_tree(lock);
        return r;
}

/* One that is only read, by others and by us, can be shared. */
int machine_lock_explain(const char *directory, int tree_fd, LockMode mode) {
        MachineLock probe = MACHINE_LOCK_NONE;
        bool only_read = mode == LOCK_EXCLUSIVE && take_tree(&probe, directory, tree_fd, LOCK_SHARED, 0) >= 0;

        machine_lock_release(&probe);
        return log_error_errno(-EBUSY,
                               only_read ? "%s is in use by a machine that reads it; use --ephemeral, or stop that one"
                                         : "%s is in use by another machine; stop that one first",
                               directory);
}

static int undo_tree_locks(void *userdata) {
        release_tree(userdata);
        return 0;
}

static int keep_tree(UndoLog *undo, MachineLock *lock, const char *directory, int taken) {
        int r;

        if (taken == -EBUSY)
                return taken;
        if (taken < 0)
                return log_error_errno(taken, "cannot lock %s in %s: %m", directory, TREE_LOCKS);
        r = undo_add(undo, "tree locks", undo_tree_locks, lock);
        if (r < 0)
                release_tree(lock);
        return r;
}

int machine_lock_tree(UndoLog *undo, MachineLock *lock, const char *directory, int tree_fd, LockMode mode) {
        return keep_tree(undo, lock, directory, take_tree(lock, directory, tree_fd, mode, TIMEOUT_USEC));
}

int machine_lock_image(UndoLog *undo, MachineLock *lock, const char *image, int image_fd) {
        int r = take_tree(lock, image, image_fd, LOCK_EXCLUSIVE, 0);

        if (r == -EBUSY)
                r = take_tree(lock, image, image_fd, LOCK_SHARED, TIMEOUT_USEC);
        return keep_tree(undo, lock, image, r);
}

int machine_lock_settle(MachineLock *lock, LockMode mode) {
        LockFile *files[] = { &lock->beside, &lock->inode, &lock->backing };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++)
                r = lock_file_change(files[i], mode, TIMEOUT_USEC);
        return r;
}

void machine_lock_remove_stale(const char *directory) {
        _cleanup_close_ int tree_fd = open(directory, O_PATH | O_CLOEXEC);
        MachineLock lock = MACHINE_LOCK_NONE;

        if (tree_fd >= 0 && take_tree(&lock, directory, tree_fd, LOCK_EXCLUSIVE, 0) >= 0)
                machine_lock_release(&lock);
}

void machine_lock_release(MachineLock *lock) {
        release_tree(lock);
        lock_file_release(&lock->name);
}
