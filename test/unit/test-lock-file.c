/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "lock-file.h"
#include "test.h"

static int dir_fd = -EBADF;

static void use_dir(void) {
        char path[] = "/tmp/test-lock-file-XXXXXX";

        ASSERT_TRUE(mkdtemp(path));
        dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(dir_fd);
}

static void drop_dir(void) {
        char link[32], path[128];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%i", dir_fd);
        n = readlink(link, path, sizeof(path) - 1);
        ASSERT_TRUE(n > 0);
        path[n] = 0;
        ASSERT_OK(rmdir(path)); /* nothing was left in it */
        dir_fd = safe_close(dir_fd);
}

static bool exists(const char *name) {
        return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

TEST(exclusive) {
        LockFile a = LOCK_FILE_NONE, b = LOCK_FILE_NONE;

        use_dir();
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &a));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &b), -EBUSY);
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_SHARED, 30000, &b), -EBUSY);
        ASSERT_EQ(b.fd, -EBADF);
        lock_file_release(&a);
        ASSERT_TRUE(!exists("l"));
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &b));
        lock_file_release(&b);
        lock_file_release(&b);
        drop_dir();
}

TEST(shared) {
        LockFile a = LOCK_FILE_NONE, b = LOCK_FILE_NONE, c = LOCK_FILE_NONE;

        use_dir();
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_SHARED, 0, &a));
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_SHARED, 0, &b));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &c), -EBUSY);
        lock_file_release(&a);
        ASSERT_TRUE(exists("l"));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &c), -EBUSY);
        lock_file_release(&b);
        ASSERT_TRUE(!exists("l"));
        drop_dir();
}

TEST(changed) {
        LockFile a = LOCK_FILE_NONE, b = LOCK_FILE_NONE;

        use_dir();
        ASSERT_OK(lock_file_change(&a, LOCK_SHARED, 0)); /* there is nothing to change */
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &a));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_SHARED, 0, &b), -EBUSY);
        ASSERT_OK(lock_file_change(&a, LOCK_SHARED, 0));
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_SHARED, 0, &b));
        ASSERT_ERR(lock_file_change(&a, LOCK_EXCLUSIVE, 30000), -EBUSY);
        lock_file_release(&b);
        ASSERT_TRUE(exists("l"));
        ASSERT_OK(lock_file_change(&a, LOCK_EXCLUSIVE, 0));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_SHARED, 0, &b), -EBUSY);
        lock_file_release(&a);
        ASSERT_TRUE(!exists("l"));
        drop_dir();
}

/* A killed holder leaves its file, not its lock; a child's copy of the lock counts. */
TEST(killed_holder) {
        LockFile lock = LOCK_FILE_NONE;
        struct timespec wait = { .tv_nsec = 100000000 };
        pid_t pid;

        use_dir();
        pid = fork();
        if (pid == 0) {
                ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &lock));
                if (fork() == 0) {
                        (void) nanosleep(&wait, NULL);
                        _exit(EXIT_SUCCESS);
                }
                (void) raise(SIGKILL);
        }
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        ASSERT_TRUE(exists("l"));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &lock), -EBUSY);
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 5000000, &lock));
        lock_file_release(&lock);
        drop_dir();
}

TEST(child_copy) {
        LockFile lock = LOCK_FILE_NONE, again = LOCK_FILE_NONE;
        pid_t pid;

        use_dir();
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &lock));
        pid = fork();
        if (pid == 0) {
                lock_file_forget(&lock);
                _exit(EXIT_SUCCESS);
        }
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        ASSERT_TRUE(exists("l"));
        ASSERT_ERR(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &again), -EBUSY);
        lock_file_release(&lock);
        drop_dir();
}

TEST(what_is_no_lock_file) {
        LockFile lock = LOCK_FILE_NONE;

        use_dir();
        ASSERT_OK(mkfifoat(dir_fd, "fifo", 0600));
        ASSERT_ERR(lock_file_take(dir_fd, "fifo", LOCK_EXCLUSIVE, 0, &lock), -EBADF);
        ASSERT_OK(symlinkat("/etc/passwd", dir_fd, "link"));
        ASSERT_ERR(lock_file_take(dir_fd, "link", LOCK_EXCLUSIVE, 0, &lock), -ELOOP);
        ASSERT_OK(unlinkat(dir_fd, "fifo", 0));
        ASSERT_OK(unlinkat(dir_fd, "link", 0));
        drop_dir();
}

TEST(removed_directory) {
        _cleanup_close_ int fd = -EBADF;
        LockFile lock = LOCK_FILE_NONE;

        use_dir();
        fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
        drop_dir();
        ASSERT_ERR(lock_file_take(fd, "l", LOCK_EXCLUSIVE, 0, &lock), -ENOENT);
}

/* Somebody put another file in place of ours: not ours to remove. */
TEST(replaced) {
        LockFile lock = LOCK_FILE_NONE;

        use_dir();
        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 0, &lock));
        ASSERT_OK(unlinkat(dir_fd, "l", 0));
        ASSERT_OK(write_new_file_at(dir_fd, "l", "x", 1, 0600));
        lock_file_release(&lock);
        ASSERT_TRUE(exists("l"));
        ASSERT_OK(unlinkat(dir_fd, "l", 0));
        drop_dir();
}

/* Many who take, count and give back: never two inside, and no file left. */
TEST(race) {
        pid_t pids[8];

        use_dir();
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                pids[i] = fork();
                if (pids[i] != 0)
                        continue;
                for (int k = 0; k < 100; k++) {
                        LockFile lock = LOCK_FILE_NONE;

                        ASSERT_OK(lock_file_take(dir_fd, "l", LOCK_EXCLUSIVE, 60000000, &lock));
                        ASSERT_OK(mkdirat(dir_fd, "inside", 0700));
                        ASSERT_OK(unlinkat(dir_fd, "inside", AT_REMOVEDIR));
                        lock_file_release(&lock);
                        (void) usleep(100);
                }
                _exit(EXIT_SUCCESS);
        }
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                int status;

                ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
                ASSERT_EQ(status, 0);
        }
        drop_dir();
}

TEST_MAIN
