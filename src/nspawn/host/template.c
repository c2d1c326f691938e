/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor before it looks at the tree, while it holds the machine's name. The copy
 * is made beside its place, under a temporary name, and renamed when it is complete and on the disk: whatever happens
 * meanwhile, what is in the place is a whole tree or none, and the next start makes it again. A template that is no
 * subvolume of btrfs must not change meanwhile and is locked as by a machine that only reads it. */

#include "host/template.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/machine-lock.h"
#include "host/tree-copy.h"
#include "log.h"

#define MACHINES "/var/lib/machines"

/* Missing is empty. */
static int is_empty(const char *path) {
        DIR *d = opendir(path);
        bool empty = true;

        if (!d)
                return errno == ENOENT ? true : -errno;
        for (struct dirent *e; empty && (e = readdir(d));)
                empty = streq(e->d_name, ".") || streq(e->d_name, "..");
        (void) closedir(d);
        return empty;
}

/* The copy's path; fd is the template. */
static int copy_locked(const SourceConfig *source, int fd, const char *path, bool quiet) {
        const TreeCopy copy = { .from = source->template, .from_fd = fd, .path = path, .quiet = quiet };
        _cleanup_close_ int own = tree_copy(&copy), real = -EBADF;

        if (own < 0)
                return TAKE_FD(own);
        real = fd_reopen(own, O_RDONLY | O_DIRECTORY);
        if (real < 0 || syncfs(real) < 0)
                return log_error_errno(real < 0 ? real : -errno, "cannot write out the copy of %s: %m",
                                       source->template);
        return 0;
}

static int copy(const SourceConfig *source, int fd, const char *path, bool lock, bool quiet) {
        MachineLock held = MACHINE_LOCK_NONE;
        UndoLog undo = {};
        int r = 0;

        if (lock)
                r = machine_lock_tree(&undo, &held, source->template, fd, LOCK_SHARED);
        if (r == -EBUSY)
                (void) log_error_errno(r, "--template=%s is in use by a machine that writes to it; stop that first",
                                       source->template);
        if (r >= 0)
                r = copy_locked(source, fd, path, quiet);
        undo_run(&undo);
        return r;
}

static int make_at(const SourceConfig *source, const char *path, bool lock, bool quiet) {
        _cleanup_close_ int fd = open(source->template, O_PATH | O_CLOEXEC), snapshot = -EBADF;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return log_error_errno(-errno, "--template=%s: %m", source->template);
        if (!S_ISDIR(st.st_mode))
                return log_error_errno(-ENOTDIR, "--template=%s: this is no directory", source->template);
        snapshot = tree_snapshot(fd, path);
        if (snapshot == -EOPNOTSUPP)
                return copy(source, fd, path, lock, quiet);
        return snapshot < 0 ? log_error_errno(snapshot, "cannot make a snapshot of %s: %m", source->template) : 0;
}

/* An empty directory may be a subvolume, which cannot be renamed over: it goes first. */
static int put_in_place(const char *path, const char *place) {
        if (rmdir(place) < 0 && errno != ENOENT) {
                if (errno == EBUSY)
                        return log_error_errno(-EBUSY,
                                               "%s is a mount point, and a copy cannot take its place; give a "
                                               "directory in it",
                                               place);
                return log_error_errno(-errno, "cannot replace %s: %m", place);
        }
        if (renameat2(AT_FDCWD, path, AT_FDCWD, place, RENAME_NOREPLACE) < 0)
                return log_error_errno(-errno, "cannot rename %s to %s: %m", path, place);
        return 0;
}

int template_make(Temporaries *t, const SourceConfig *source, bool lock, bool quiet) {
        const char *place = source->directory, *name;
        _cleanup_close_ int holder = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        if (!source->template)
                return 0;
        r = is_empty(place);
        if (r < 0)
                return log_error_errno(r, "%s: %m", place);
        if (r == 0)
                return 0;
        if (startswith(place, MACHINES "/"))
                (void) mkdir(MACHINES, 0700);
        r = holder = open_parent(place, &name);
        if (r >= 0)
                r = temporary_reserve_beside(t, place, &path);
        if (r < 0)
                return log_error_errno(r, "cannot make %s, the directory it is in cannot be used: %m", place);
        r = make_at(source, path, lock, quiet);
        if (r >= 0)
                r = put_in_place(path, place);
        if (r >= 0 && !quiet)
                log_info("%s was made of %s", place, source->template);
        return r;
}
