/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a path is recorded in the runtime directory before something is made there, since a directory
 * that nobody knows of is worse than a record without a directory. It goes when the machine ends, by the undo log, or
 * by its record if the supervisor was killed. The names are random: nobody can have put something there in advance. */

#include "host/temporary.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "btrfs.h"
#include "fd.h"
#include "host/runtime-directory.h"

static void record_name(unsigned number, char out[static 32]) {
        (void) snprintf(out, 32, RUNTIME_RECORD_TEMPORARY "-%u", number);
}

static int remove_path(const char *path) {
        _cleanup_close_ int holder = -EBADF;
        const char *name;
        int r;

        holder = open_parent(path, &name);
        if (holder < 0)
                return holder == -ENOENT ? 0 : TAKE_FD(holder);
        r = btrfs_subvolume_remove(holder, name);
        if (r == -ENOTTY)
                r = remove_tree_at(holder, name);
        return r == -ENOENT ? 0 : r;
}

static int undo_temporary(void *userdata) {
        _cleanup_free_ char *path = userdata;

        return remove_path(path);
}

static int record(Temporaries *t, const char *path) {
        char name[32];
        int r;

        record_name(t->n, name);
        r = runtime_record_write(t->runtime_fd, name, path);
        if (r >= 0)
                t->n++;
        return r;
}

int temporary_reserve(Temporaries *t, const char *parent, const char *label, char **ret) {
        _cleanup_free_ char *path = NULL;
        uint64_t random;
        char *copy;
        int r;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        if (asprintf(&path, "%s/.#%s.%016llx", streq(parent, "/") ? "" : parent, label, (unsigned long long) random) <
            0)
                return -ENOMEM;
        r = record(t, path);
        if (r < 0)
                return r;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        r = undo_add(t->undo, "temporary files", undo_temporary, copy);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

int temporary_reserve_beside(Temporaries *t, const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;

        if (!slash || !slash[1])
                return -EINVAL;
        parent = strndup(path, (size_t) (slash - path) ?: 1);
        return parent ? temporary_reserve(t, parent, slash + 1, ret) : -ENOMEM;
}

static int make_reserved(char *path, char **ret) {
        if (mkdir(path, 0755) < 0) {
                int r = -errno;

                free(path);
                return r;
        }
        *ret = path;
        return 0;
}

int temporary_make(Temporaries *t, const char *parent, const char *label, char **ret) {
        char *path;
        int r = temporary_reserve(t, parent, label, &path);

        return r < 0 ? r : make_reserved(path, ret);
}

int temporary_make_beside(Temporaries *t, const char *beside, char **ret) {
        char *path;
        int r = temporary_reserve_beside(t, beside, &path);

        return r < 0 ? r : make_reserved(path, ret);
}

int temporary_remove_recorded(int runtime_fd) {
        int result = 0;

        for (unsigned number = 0;; number++) {
                _cleanup_free_ char *path = NULL;
                char name[32];
                int r;

                record_name(number, name);
                if (runtime_record_read(runtime_fd, name, &path) < 0)
                        return result;
                r = *path == '/' ? remove_path(path) : 0;
                if (result == 0)
                        result = r;
        }
}
