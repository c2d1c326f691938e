/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: one directory is open at a time. All of its entries are visited while it is read, and the names
 * of those that are directories are kept, level by level, on the heap: a tree can be made deeper than descriptors,
 * stack and PATH_MAX reach. The way back up is "..", which is trusted only if it is the directory that we came from.
 * That ends the walk where somebody moves directories meanwhile, and costs a second look at each: so copies, whose
 * source may be in use, have a walk of their own (copy-tree.c). */

#include "tree-walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

/* A directory on the way down. */
typedef struct Level {
        char *names; /* of the directories in it, each with its NUL */
        size_t size, allocated;
        size_t current, next; /* the one we are in, the one after it */
        dev_t device;
        ino_t inode;
} Level;

struct TreeWalk {
        tree_visit_t visit;
        void *userdata;
        int fd; /* of the directory on the last level */
        Level *levels;
        size_t n_levels, n_allocated;
};

static int open_here(int dir_fd, const char *name, int flags) {
        /* A device number would not tell a bind mount of the same file system. */
        struct open_how how = {
                .flags = (uint64_t) (unsigned) flags | O_NOFOLLOW | O_CLOEXEC,
                .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
        };
        long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

        return fd < 0 ? -errno : (int) fd;
}

static int keep_name(Level *level, const char *name) {
        size_t n = strlen(name) + 1;

        if (level->allocated - level->size < n) {
                size_t allocated = level->allocated * 2 + n + 256;
                char *bigger = realloc(level->names, allocated);

                if (!bigger)
                        return -ENOMEM;
                level->names = bigger;
                level->allocated = allocated;
        }
        memcpy(level->names + level->size, name, n);
        level->size += n;
        return 0;
}

static int visit_entry(TreeWalk *w, Level *level, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        /* O_PATH with O_NOFOLLOW gives a symlink itself, which RESOLVE_NO_SYMLINKS allows. */
        fd = open_here(w->fd, name, O_PATH);
        if (fd == -EXDEV)
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fd < 0 ? TAKE_FD(fd) : -errno;
        r = w->visit(fd, &st, w->userdata);
        if (r >= 0 && S_ISDIR(st.st_mode))
                r = keep_name(level, name);
        return r;
}

static int read_entries(TreeWalk *w, Level *level, char **ret_name) {
        int copy = fcntl(w->fd, F_DUPFD_CLOEXEC, 3), r = 0;
        DIR *d = copy >= 0 ? fdopendir(copy) : NULL;

        if (!d) {
                r = -errno;
                (void) safe_close(copy);
                return r;
        }
        while (r >= 0) {
                struct dirent *e;

                errno = 0;
                e = readdir(d);
                if (!e) {
                        r = -errno;
                        break;
                }
                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = visit_entry(w, level, e->d_name);
                if (r < 0)
                        *ret_name = strdup(e->d_name);
        }
        (void) closedir(d);
        return r;
}

/* Takes dir_fd, visits what is in it and makes it the last level. */
static int enter(TreeWalk *w, int dir_fd, char **ret_name) {
        struct stat st;

        (void) safe_close(w->fd);
        w->fd = dir_fd;
        if (fstat(dir_fd, &st) < 0)
                return -errno;
        if (w->n_levels == w->n_allocated) {
                size_t n = w->n_allocated * 2 + 16;
                Level *bigger = reallocarray(w->levels, n, sizeof(Level));

                if (!bigger)
                        return -ENOMEM;
                w->levels = bigger;
                w->n_allocated = n;
        }
        w->levels[w->n_levels++] = (Level){ .device = st.st_dev, .inode = st.st_ino };
        return read_entries(w, &w->levels[w->n_levels - 1], ret_name);
}

static int descend(TreeWalk *w, char **ret_name) {
        Level *level = &w->levels[w->n_levels - 1];
        int fd;

        level->current = level->next;
        level->next += strlen(level->names + level->current) + 1;
        fd = open_here(w->fd, level->names + level->current, O_RDONLY | O_DIRECTORY);
        return fd < 0 ? fd : enter(w, fd, ret_name);
}

static int ascend(TreeWalk *w) {
        const Level *level;
        struct stat st;
        int fd;

        free(w->levels[--w->n_levels].names);
        if (w->n_levels == 0)
                return 0;
        level = &w->levels[w->n_levels - 1];
        fd = open_here(w->fd, "..", O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd;
        (void) safe_close(w->fd);
        w->fd = fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_dev == level->device && st.st_ino == level->inode ? 0 : -ESTALE;
}

/* The directories that the walk is in, and the name in the last one. */
static char *where(const TreeWalk *w, const char *name) {
        char *path = NULL;
        size_t size;
        FILE *f = open_memstream(&path, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i + 1 < w->n_levels; i++)
                fprintf(f, "/%s", w->levels[i].names + w->levels[i].current);
        fprintf(f, "/%s", name ?: "");
        if (fclose(f) == 0)
                return path;
        free(path);
        return NULL;
}

int tree_walk(int top_fd, tree_visit_t visit, void *userdata, char **ret_where) {
        TreeWalk w = { .visit = visit, .userdata = userdata, .fd = -EBADF };
        char *name = NULL;
        int r;

        r = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r < 0)
                return -errno;
        r = enter(&w, r, &name);
        while (r >= 0 && w.n_levels > 0) {
                const Level *level = &w.levels[w.n_levels - 1];

                r = level->next < level->size ? descend(&w, &name) : ascend(&w);
        }
        if (r < 0 && ret_where)
                *ret_where = where(&w, name);
        free(name);
        while (w.n_levels > 0)
                free(w.levels[--w.n_levels].names);
        free(w.levels);
        (void) safe_close(w.fd);
        return MIN(r, 0);
}
