/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On the real cgroup2 of this host, as root, in a cgroup of the test's own. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "process.h"
#include "test.h"

static char test_name[64];

/* A fresh cgroup below our own. */
static int make_test_cgroup(int *ret_parent) {
        _cleanup_close_ int root = cgroup_open_root();
        _cleanup_free_ char *path = NULL;
        int parent, fd;

        ASSERT_OK(root);
        ASSERT_OK(cgroup_path_of(0, &path));
        parent = cgroup_open(root, path);
        ASSERT_OK(parent);
        (void) snprintf(test_name, sizeof(test_name), "test-nspawn-%i", getpid());
        fd = cgroup_make(parent, test_name, true);
        ASSERT_OK(fd);
        ASSERT_ERR(cgroup_make(parent, test_name, true), -EEXIST);
        *ret_parent = parent;
        return fd;
}

/* A child of ours, born in the cgroup, that forks once more and sleeps. */
static pid_t start_in(int cgroup_fd) {
        _cleanup_close_ int pidfd = -EBADF;
        pid_t pid = process_clone(0, cgroup_fd, &pidfd);

        ASSERT_OK(pid);
        if (pid == 0) {
                (void) signal(SIGTERM, SIG_IGN);
                (void) fork();
                for (;;)
                        (void) pause();
        }
        return pid;
}

static int exit_status_of(pid_t pid) {
        int status;

        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        return status;
}

TEST(paths) {
        _cleanup_close_ int root = cgroup_open_root(), parent = -EBADF, fd = make_test_cgroup(&parent);
        _cleanup_free_ char *own = NULL, *other = NULL;
        pid_t pid = start_in(fd);

        ASSERT_OK(cgroup_path_of(0, &own));
        ASSERT_OK(cgroup_path_of(pid, &other));
        ASSERT_TRUE(startswith(other, own) && endswith(other, test_name));
        ASSERT_ERR(cgroup_open(root, "/../.."), -EXDEV);
        ASSERT_ERR(cgroup_open(root, "/no such cgroup"), -ENOENT);
        ASSERT_ERR(cgroup_path_of(0x3fffffff, &own), -ESRCH);

        ASSERT_OK(cgroup_kill(fd));
        ASSERT_EQ(WTERMSIG(exit_status_of(pid)), SIGKILL);
        ASSERT_OK(cgroup_remove(parent, test_name, 1000000));
        ASSERT_ERR(cgroup_open(parent, test_name), -ENOENT);
}

TEST(detached_mount) {
        pid_t pid = fork();

        ASSERT_OK(pid);
        if (pid == 0) {
                _cleanup_close_ int parent = -EBADF, fd = -EBADF;

                ASSERT_OK(unshare(CLONE_NEWNS));
                ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
                ASSERT_OK(mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, NULL));
                fd = make_test_cgroup(&parent);
                ASSERT_EQ(cgroup_is_populated(fd), 0);
                ASSERT_OK(cgroup_remove(parent, test_name, 0));
                _exit(EXIT_SUCCESS);
        }
        ASSERT_EQ(exit_status_of(pid), 0);
}

TEST(kill_and_wait) {
        _cleanup_close_ int parent = -EBADF, fd = make_test_cgroup(&parent);
        pid_t pid = start_in(fd);

        ASSERT_EQ(cgroup_is_populated(fd), 1);
        ASSERT_ERR(cgroup_wait_empty(fd, 20000), -ETIMEDOUT);
        ASSERT_ERR(cgroup_remove(parent, test_name, 20000), -EBUSY);
        ASSERT_OK(cgroup_kill(fd));
        ASSERT_OK(cgroup_wait_empty(fd, 5000000));
        ASSERT_EQ(WTERMSIG(exit_status_of(pid)), SIGKILL);
        ASSERT_OK(cgroup_remove(parent, test_name, 1000000));
        ASSERT_EQ(cgroup_is_populated(fd), 0);
        ASSERT_OK(cgroup_remove(parent, test_name, 0));
}

TEST(move) {
        _cleanup_close_ int parent = -EBADF, fd = make_test_cgroup(&parent);
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        (void) pause();
        ASSERT_OK(cgroup_move(fd, pid));
        ASSERT_EQ(cgroup_is_populated(fd), 1);
        ASSERT_OK(cgroup_kill(fd));
        (void) exit_status_of(pid);
        ASSERT_OK(cgroup_wait_empty(fd, 1000000));
        ASSERT_ERR(cgroup_move(fd, 0x3fffffff), -ESRCH);
        ASSERT_OK(cgroup_remove(parent, test_name, 1000000));
}

/* What a hostile guest may leave: much, deep, and with a process at the bottom. */
TEST(remove_hostile) {
        _cleanup_close_ int parent = -EBADF, fd = make_test_cgroup(&parent), at = dup(fd);
        pid_t pid;

        for (int i = 0; i < 3000; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "wide%i", i);
                ASSERT_OK(mkdirat(fd, name, 0));
                (void) snprintf(name, sizeof(name), "wide%i/low", i);
                if (i % 3 == 0)
                        ASSERT_OK(mkdirat(fd, name, 0755));
        }
        for (int i = 0; i < 600; i++) {
                static const char name[] = "a long name: no path of all of it would fit into PATH_MAX";
                int down;

                ASSERT_OK(mkdirat(at, name, 0755));
                ASSERT_OK(mkdirat(at, "beside", 0755));
                down = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                ASSERT_OK(down);
                (void) close(at);
                at = down;
        }
        pid = start_in(at);
        ASSERT_ERR(cgroup_remove(parent, test_name, 50000), -EBUSY);
        ASSERT_OK(cgroup_kill(fd));
        ASSERT_OK(cgroup_wait_empty(fd, 5000000));
        (void) exit_status_of(pid);
        ASSERT_OK(cgroup_remove(parent, test_name, 1000000));
}

TEST(delegate) {
        _cleanup_close_ int parent = -EBADF, fd = make_test_cgroup(&parent);
        struct stat st;

        ASSERT_EQ(cgroup_is_delegated(fd), 0);
        ASSERT_OK(cgroup_delegate(fd, 1234, 5678));
        ASSERT_OK(fstat(fd, &st));
        ASSERT_EQ(st.st_uid, 1234);
        ASSERT_OK(fstatat(fd, "cgroup.procs", &st, 0));
        ASSERT_EQ(st.st_gid, 5678);
        ASSERT_OK(fstatat(fd, "cgroup.max.descendants", &st, 0));
        ASSERT_EQ(st.st_uid, 0);
        ASSERT_OK(cgroup_enable_controllers(fd));
        ASSERT_OK(cgroup_has_controllers(fd));
        ASSERT_OK(cgroup_remove(parent, test_name, 0));
}

TEST_MAIN_FOR_ROOT
