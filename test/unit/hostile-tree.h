/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hostile trees. Beside every tree lies a canary, and whatever a test asks for, the canary and the directory that holds
 * the two must look the same afterwards. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "path-in-root.h"
#include "test.h"

#define SECRET "canary\n"

static char base[] = "/tmp/nspawn-test-XXXXXX";
static int base_fd = -EBADF;

static void remove_base(void) {
        (void) remove_tree_at(AT_FDCWD, base);
}

/* A new empty tree with a canary beside it. */
static _unused_ int new_tree(void) {
        int fd;

        if (endswith(base, "XXXXXX")) {
                ASSERT_TRUE(mkdtemp(base));
                (void) atexit(remove_base);
                (void) alarm(60); /* blocking on something of the tree's is a failure too */
                (void) umask(0022);
        }
        if (base_fd < 0)
                base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(base_fd >= 0);
        ASSERT_OK(remove_tree_at(base_fd, "tree"));
        ASSERT_OK(remove_tree_at(base_fd, "canary"));
        ASSERT_TRUE(mkdirat(base_fd, "tree", 0755) >= 0);
        ASSERT_TRUE(mkdirat(base_fd, "canary", 0755) >= 0);
        ASSERT_OK(write_new_file_at(base_fd, "canary/secret", SECRET, strlen(SECRET), 0644));
        fd = openat(base_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        return fd;
}

/* The names in a directory but for one, which may be NULL. */
static _unused_ unsigned count_names(const char *path, const char *but) {
        int fd = openat(base_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fdopendir(fd);
        unsigned n = 0;

        ASSERT_TRUE(d);
        for (struct dirent *e; (e = readdir(d));)
                n += !streq(e->d_name, ".") && !streq(e->d_name, "..") && !streq_ptr(e->d_name, but);
        (void) closedir(d);
        return n;
}

static _unused_ void assert_canary(void) {
        _cleanup_free_ char *text = NULL;

        ASSERT_EQ(count_names(".", NULL), 2);
        ASSERT_EQ(count_names("canary", NULL), 1);
        ASSERT_OK(read_file_at(base_fd, "canary/secret", 100, &text, NULL));
        ASSERT_STREQ(text, SECRET);
}

/* A symlink of the tree's to a place beside it, by its whole path. */
static _unused_ void link_to_base(int root, const char *name, const char *path) {
        char target[PATH_MAX];

        (void) snprintf(target, sizeof(target), "%s/%s", base, path);
        ASSERT_TRUE(symlinkat(target, root, name) >= 0);
}

/* For calls that return an fd: closes it. */
static _unused_ int done(int fd) {
        (void) safe_close(fd);
        return fd < 0 ? fd : 0;
}

static _unused_ int read_into(int root, const char *path, char *ret) {
        _cleanup_free_ char *text = NULL;
        int r = root_read_file(root, path, 100, &text, NULL);

        if (r >= 0)
                (void) snprintf(ret, 101, "%s", text);
        return r;
}
