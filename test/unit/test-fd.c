/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fd.h"
#include "test.h"

static char base[] = "/tmp/nspawn-test-XXXXXX";

static void remove_base(void) {
        (void) remove_tree_at(AT_FDCWD, base);
}

/* An empty directory. */
static int new_directory(void) {
        int fd;

        if (endswith(base, "XXXXXX")) {
                ASSERT_TRUE(mkdtemp(base));
                (void) atexit(remove_base);
                (void) alarm(30);
        } else {
                remove_base();
                ASSERT_TRUE(mkdir(base, 0700) >= 0);
        }
        fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        return fd;
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

TEST(close) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = fd;

        errno = ENODEV;
        ASSERT_EQ(safe_close(fd), -EBADF);
        ASSERT_EQ(errno, ENODEV);
        ASSERT_TRUE(!is_open(kept));
        ASSERT_EQ(safe_close(-1), -EBADF);

        {
                _cleanup_close_ int scoped = open("/dev/null", O_RDONLY | O_CLOEXEC), taken = scoped;

                kept = TAKE_FD(taken);
                ASSERT_EQ(taken, -EBADF);
        }
        ASSERT_TRUE(!is_open(kept));
}

TEST(reopen) {
        _cleanup_close_ int dir = new_directory(), path = -EBADF, fd = -EBADF;
        char c;

        ASSERT_OK(write_new_file_at(dir, "file", "x", 1, 0600));
        path = openat(dir, "file", O_PATH | O_CLOEXEC);
        fd = fd_reopen(path, O_RDONLY);
        ASSERT_OK(fd);
        ASSERT_EQ(read(fd, &c, 1), 1);
        ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ASSERT_ERR(fd_reopen(9999, O_RDONLY), -ENOENT);
}

TEST(read) {
        _cleanup_close_ int dir = new_directory();
        _cleanup_free_ char *text = NULL, *big = malloc(100000);
        size_t size = 77;

        ASSERT_OK(write_new_file_at(dir, "empty", "", 0, 0600));
        ASSERT_OK(read_file_at(dir, "empty", 0, &text, &size));
        ASSERT_EQ(size, 0);
        ASSERT_STREQ(text, "");
        free(TAKE_PTR(text));

        memset(big, 'b', 100000);
        ASSERT_OK(write_new_file_at(dir, "big", big, 100000, 0600));
        ASSERT_OK(read_file_at(dir, "big", 100000, &text, &size));
        ASSERT_EQ(size, 100000);
        ASSERT_EQ(strlen(text), 100000);
        free(TAKE_PTR(text));
        /* Around the sizes by which the buffer grows. */
        for (size_t n = 4094; n < 4098; n++) {
                ASSERT_OK(remove_tree_at(dir, "page"));
                ASSERT_OK(write_new_file_at(dir, "page", big, n, 0600));
                ASSERT_OK(read_file_at(dir, "page", n, &text, &size));
                ASSERT_EQ(size, n);
                ASSERT_EQ(strlen(text), n);
                free(TAKE_PTR(text));
        }

        size = 77;
        ASSERT_ERR(read_file_at(dir, "big", 99999, &text, &size), -EFBIG);
        ASSERT_ERR(read_file_at(dir, "none", 10, &text, &size), -ENOENT);
        ASSERT_ERR(read_file_at(dir, ".", 10, &text, &size), -EBADF);
        ASSERT_TRUE(mkfifoat(dir, "fifo", 0600) >= 0);
        ASSERT_ERR(read_file_at(dir, "fifo", 10, &text, &size), -EBADF);
        ASSERT_ERR(read_file_at(AT_FDCWD, "/dev/zero", 10, &text, &size), -EBADF);
        ASSERT_TRUE(!text && size == 77);

        /* Of a size that stat(2) does not know. */
        ASSERT_OK(read_file_at(AT_FDCWD, "/proc/self/status", 65536, &text, NULL));
        ASSERT_TRUE(startswith(text, "Name:"));
}

TEST(write_new) {
        _cleanup_close_ int dir = new_directory();
        struct stat st;

        (void) umask(0077);
        ASSERT_OK(write_new_file_at(dir, "file", "abc", 3, 0644));
        (void) umask(0022);
        ASSERT_TRUE(fstatat(dir, "file", &st, 0) >= 0);
        ASSERT_EQ(st.st_mode, S_IFREG | 0644);
        ASSERT_EQ(st.st_size, 3);
        ASSERT_ERR(write_new_file_at(dir, "file", "x", 1, 0644), -EEXIST);
        ASSERT_TRUE(symlinkat("target", dir, "link") >= 0);
        ASSERT_ERR(write_new_file_at(dir, "link", "x", 1, 0644), -EEXIST);
        ASSERT_ERR(write_new_file_at(dir, "none/file", "x", 1, 0644), -ENOENT);
        ASSERT_TRUE(faccessat(dir, "target", F_OK, 0) < 0);
}

TEST(write_kernel_file) {
        _cleanup_close_ int dir = new_directory();

        ASSERT_ERR(write_kernel_file_at(dir, "none", "x"), -ENOENT);
        ASSERT_ERR(write_kernel_file_at(dir, ".", "x"), -EISDIR);
        ASSERT_ERR(write_kernel_file_at(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
        ASSERT_OK(write_kernel_file_at(AT_FDCWD, "/proc/self/comm", "renamed"));
}

/* Through a pipe that holds less than is written, both ways of blocking. */
TEST(write_all) {
        for (int nonblock = 0; nonblock < 2; nonblock++) {
                enum { SIZE = 1 << 20 };
                _cleanup_free_ char *data = calloc(1, SIZE);
                int pair[2], status;
                pid_t pid;

                ASSERT_TRUE(data && pipe2(pair, O_CLOEXEC) >= 0);
                pid = fork();
                ASSERT_TRUE(pid >= 0);
                if (pid == 0) {
                        size_t n = 0;

                        (void) close(pair[1]);
                        (void) usleep(20000);
                        for (ssize_t k; (k = read(pair[0], data, SIZE)) > 0;)
                                n += (size_t) k;
                        _exit(n != SIZE);
                }
                ASSERT_OK(fd_set_nonblock(pair[1], nonblock));
                ASSERT_OK(write_all(pair[1], data, SIZE));
                (void) close(pair[0]);
                (void) close(pair[1]);
                ASSERT_TRUE(waitpid(pid, &status, 0) == pid);
                ASSERT_EQ(status, 0);
        }
        ASSERT_ERR(write_all(-1, "x", 1), -EBADF);
        ASSERT_OK(write_all(-1, NULL, 0));
}

TEST(flags) {
        _cleanup_close_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        ASSERT_OK(fd_set_nonblock(fd, true));
        ASSERT_EQ(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
        ASSERT_OK(fd_set_nonblock(fd, true));
        ASSERT_OK(fd_set_nonblock(fd, false));
        ASSERT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        ASSERT_OK(fd_set_cloexec(fd, false));
        ASSERT_EQ(fcntl(fd, F_GETFD), 0);
        ASSERT_OK(fd_set_cloexec(fd, true));
        ASSERT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ASSERT_ERR(fd_set_cloexec(-1, true), -EBADF);
}

static void make_nested(int dir, unsigned depth) {
        _cleanup_close_ int fd = dup(dir);

        for (unsigned i = 0; i < depth; i++) {
                int next;

                ASSERT_TRUE(mkdirat(fd, "d", 0700) >= 0);
                next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                ASSERT_TRUE(next >= 0);
                (void) close(fd);
                fd = next;
        }
}

TEST(remove_tree) {
        _cleanup_close_ int dir = new_directory();
        struct stat st;

        ASSERT_OK(remove_tree_at(dir, "none"));
        ASSERT_OK(write_new_file_at(dir, "kept", "x", 1, 0600));
        ASSERT_TRUE(mkdirat(dir, "keep", 0700) >= 0);
        ASSERT_OK(write_new_file_at(dir, "keep/this", "x", 1, 0600));

        ASSERT_TRUE(mkdirat(dir, "a", 0700) >= 0 && mkdirat(dir, "a/b", 0700) >= 0);
        ASSERT_TRUE(mkdirat(dir, "a/b/c", 0700) >= 0);
        ASSERT_OK(write_new_file_at(dir, "a/file", "x", 1, 0));
        ASSERT_TRUE(mkfifoat(dir, "a/fifo", 0600) >= 0);
        ASSERT_TRUE(symlinkat("../keep", dir, "a/link") >= 0);
        ASSERT_TRUE(symlinkat("../../keep/this", dir, "a/b/link") >= 0);
        ASSERT_TRUE(symlinkat("/", dir, "a/b/root") >= 0);
        ASSERT_OK(remove_tree_at(dir, "a"));
        ASSERT_TRUE(faccessat(dir, "a", F_OK, AT_SYMLINK_NOFOLLOW) < 0);

        ASSERT_TRUE(symlinkat("keep", dir, "link") >= 0);
        ASSERT_OK(remove_tree_at(dir, "link"));
        ASSERT_OK(remove_tree_at(dir, "kept"));
        ASSERT_TRUE(fstatat(dir, "keep/this", &st, 0) >= 0);
        ASSERT_ERR(remove_tree_at(dir, "keep/this/x"), -ENOTDIR);
}

/* Not even one that shows a directory of the same file system. */
TEST(remove_crosses_no_mount) {
        _cleanup_close_ int dir = -EBADF;
        char from[64], to[64];

        if (unshare(CLONE_NEWNS) < 0) {
                printf("# no mount namespace to be had: %m\n");
                return;
        }
        ASSERT_TRUE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0);
        dir = new_directory();
        ASSERT_TRUE(mkdirat(dir, "keep", 0700) >= 0);
        ASSERT_OK(write_new_file_at(dir, "keep/this", "x", 1, 0600));
        ASSERT_TRUE(mkdirat(dir, "a", 0700) >= 0 && mkdirat(dir, "a/same", 0700) >= 0);
        ASSERT_TRUE(mkdirat(dir, "b", 0700) >= 0 && mkdirat(dir, "b/other", 0700) >= 0);
        (void) snprintf(from, sizeof(from), "%s/keep", base);
        (void) snprintf(to, sizeof(to), "%s/a/same", base);
        ASSERT_TRUE(mount(from, to, NULL, MS_BIND, NULL) >= 0);
        (void) snprintf(to, sizeof(to), "%s/b/other", base);
        ASSERT_TRUE(mount("tmpfs", to, "tmpfs", 0, NULL) >= 0);

        ASSERT_ERR(remove_tree_at(dir, "b"), -EXDEV);
        ASSERT_ERR(remove_tree_at(dir, "a"), -EXDEV);
        ASSERT_TRUE(faccessat(dir, "keep/this", F_OK, 0) >= 0);

        ASSERT_TRUE(umount2(to, MNT_DETACH) >= 0);
        (void) snprintf(to, sizeof(to), "%s/a/same", base);
        ASSERT_TRUE(umount2(to, MNT_DETACH) >= 0);
}

/* However deep, it neither overflows the stack nor runs out of descriptors. */
TEST(remove_deep_tree) {
        _cleanup_close_ int dir = new_directory();

        for (unsigned depth = 60; depth < 70; depth++) {
                make_nested(dir, depth);
                ASSERT_OK(remove_tree_at(dir, "d"));
        }
        make_nested(dir, 2000);
        ASSERT_OK(remove_tree_at(dir, "d"));
        ASSERT_TRUE(faccessat(dir, "d", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
}

/* Names that removal could make up for itself, in a tree whose maker has read it. */
TEST(remove_hostile_names) {
        _cleanup_close_ int dir = new_directory(), top = -EBADF;
        char name[32];

        ASSERT_TRUE(mkdirat(dir, "top", 0700) >= 0);
        top = openat(dir, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (unsigned i = 0; i < 40; i++) {
                (void) snprintf(name, sizeof(name), ".#deep-%u", i);
                ASSERT_TRUE(mkdirat(top, name, 0700) >= 0);
                {
                        _cleanup_close_ int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                        make_nested(fd, 100);
                }
        }
        ASSERT_OK(remove_tree_at(dir, "top"));
        ASSERT_TRUE(faccessat(dir, "top", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
}

TEST_MAIN
