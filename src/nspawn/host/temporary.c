/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a directory is recorded in the runtime directory before it is made, since one that nobody knows
 * of is worse than a record without a directory. It goes when the machine ends, by the undo log, or by its record if
 * the supervisor was killed. The names are random: nobody can have put something there in advance. */

#include "host/temporary.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "fd.h"
#include "host/runtime-directory.h"

static void record_name(unsigned number, char out[static 32]) {
        (void) snprintf(out, 32, RUNTIME_RECORD_TEMPORARY "-%u", number);
}

static int undo_temporary(void *userdata) {
        _cleanup_free_ char *path = userdata;

        return remove_tree_at(AT_FDCWD, path);
}

int temporary_make(UndoLog *undo, int runtime_fd, unsigned number, const char *parent, const char *label, char **ret) {
        _cleanup_free_ char *path = NULL;
        char record[32], *copy;
        uint64_t random;
        int r;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        if (asprintf(&path, "%s/.#%s.%016llx", streq(parent, "/") ? "" : parent, label, (unsigned long long) random) < 0)
                return -ENOMEM;
        record_name(number, record);
        r = runtime_record_write(runtime_fd, record, path);
        if (r < 0)
                return r;
        if (mkdir(path, 0755) < 0)
                return -errno;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        r = undo_add(undo, "temporary directory", undo_temporary, copy);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(path);
        return 0;
}

int temporary_make_beside(UndoLog *undo, int runtime_fd, unsigned number, const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL;

        if (!slash || !slash[1])
                return -EINVAL;
        parent = strndup(path, (size_t) (slash - path) ?: 1);
        return parent ? temporary_make(undo, runtime_fd, number, parent, slash + 1, ret) : -ENOMEM;
}

int temporary_remove_recorded(int runtime_fd) {
        int result = 0;

        for (unsigned number = 0;; number++) {
                _cleanup_free_ char *path = NULL;
                char record[32];
                int r;

                record_name(number, record);
                if (runtime_record_read(runtime_fd, record, &path) < 0)
                        return result;
                r = remove_tree_at(AT_FDCWD, path);
                if (result == 0)
                        result = r;
        }
}
