/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* User namespaces that nobody is in, and mounts with their maps. Takes root. */

#include "user-namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "mount-fd.h"
#include "test.h"

TEST_MAIN

static const IdMap map = { 0, 600000, 0, 700000, 1000 };

/* The maps as somebody in the namespace sees them. */
static void check_from_inside(int users_fd) {
        _cleanup_free_ char *uids = NULL, *gids = NULL;
        unsigned inside, outside, count;

        if (setns(users_fd, CLONE_NEWUSER) < 0 ||
            read_file_at(AT_FDCWD, "/proc/self/uid_map", 1024, &uids, NULL) < 0 ||
            read_file_at(AT_FDCWD, "/proc/self/gid_map", 1024, &gids, NULL) < 0)
                _exit(10);
        if (sscanf(uids, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != 600000 ||
            count != 1000)
                _exit(11);
        if (sscanf(gids, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0 || outside != 700000)
                _exit(12);
        _exit(setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? 13 : 0);
}

TEST(make) {
        _cleanup_close_ int fd = -EBADF;
        int status;
        pid_t pid;

        TEST_NEEDS_ROOT;
        fd = user_namespace_make(&map);
        ASSERT_OK(fd);
        /* the placeholder is gone, and reaped */
        ASSERT_TRUE(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD);
        pid = fork();
        if (pid == 0)
                check_from_inside(fd);
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
}

TEST(impossible_maps) {
        const IdMap nobody = { .count = 0 }, wrap = { .outside_uid = UINT32_MAX, .count = 2 };

        TEST_NEEDS_ROOT;
        ASSERT_ERR(user_namespace_make(&nobody), -EINVAL);
        ASSERT_ERR(user_namespace_make(&wrap), -EINVAL);
}

TEST(mapped_mount) {
        _cleanup_close_ int users = -EBADF, mount = -EBADF, file = -EBADF;
        char directory[] = "/var/tmp/test-user-namespace.XXXXXX";
        struct stat st;

        TEST_NEEDS_ROOT;
        ASSERT_TRUE(mkdtemp(directory));
        users = user_namespace_make(&map);
        ASSERT_OK(users);
        mount = mount_clone(AT_FDCWD, directory, false);
        ASSERT_OK(mount);
        ASSERT_OK(mount_map_ids(mount, users, true));
        ASSERT_TRUE(fstat(mount, &st) >= 0);
        ASSERT_EQ(st.st_uid, 600000);
        ASSERT_EQ(st.st_gid, 700000);
        ASSERT_ERR(mount_map_ids(mount, users, true), -EPERM);
        /* a root that the mount has no number for can make nothing */
        file = openat(mount, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ASSERT_TRUE(file < 0 && errno == EOVERFLOW);
        ASSERT_TRUE(rmdir(directory) >= 0);
}

TEST(host_root) {
        const IdMap with_root = { 0, 600000, 0, 700000, 1000, .host_root = true };
        _cleanup_close_ int users = -EBADF, mount = -EBADF, file = -EBADF;
        char directory[] = "/var/tmp/test-user-namespace.XXXXXX", path[64];
        struct stat st;

        TEST_NEEDS_ROOT;
        ASSERT_TRUE(mkdtemp(directory));
        users = user_namespace_make(&with_root);
        ASSERT_OK(users);
        mount = mount_clone(AT_FDCWD, directory, false);
        ASSERT_OK(mount);
        ASSERT_OK(mount_map_ids(mount, users, true));
        file = openat(mount, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ASSERT_TRUE(file >= 0 && fstat(file, &st) >= 0);
        ASSERT_EQ(st.st_uid, 0);
        (void) snprintf(path, sizeof(path), "%s/file", directory);
        ASSERT_TRUE(stat(path, &st) >= 0);
        ASSERT_EQ(st.st_uid, ID_MAP_HOST_ROOT);
        ASSERT_TRUE(fchown(file, 600000, 700005) >= 0 && stat(path, &st) >= 0);
        ASSERT_EQ(st.st_uid, 0);
        ASSERT_EQ(st.st_gid, 5);
        ASSERT_TRUE(unlink(path) >= 0 && rmdir(directory) >= 0);
}
