/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each test gives up its own process's rights, so it works in a child. A kernel without Landlock skips. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "landlock.h"
#include "test.h"

TEST_MAIN

static char directory[] = "/tmp/test-landlock.XXXXXX";

/* In a child: what opening gives, after all but what is allowed was given up. */
static int open_confined(const char *allowed, uint64_t access, const char *path, int flags) {
        pid_t pid = fork();
        int status;

        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                _cleanup_landlock_ Landlock landlock = LANDLOCK_NONE;

                if (landlock_new(&landlock) < 0 || landlock_allow_path(&landlock, allowed, access) < 0 ||
                    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enforce(&landlock) < 0)
                        _exit(200);
                _exit(open(path, flags, 0600) < 0 ? errno : 0);
        }
        ASSERT_OK(waitpid(pid, &status, 0) < 0 ? -errno : 0);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 200);
        return -WEXITSTATUS(status);
}

static const char *file(const char *name) {
        static char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static bool have_landlock(void) {
        _cleanup_landlock_ Landlock landlock = LANDLOCK_NONE;

        return landlock_new(&landlock) != -EOPNOTSUPP;
}

static void make_files(void) {
        _cleanup_close_ int fd = -EBADF;

        if (directory[strlen(directory) - 1] == 'X')
                ASSERT_TRUE(mkdtemp(directory));
        fd = open(file("there"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        ASSERT_TRUE(fd >= 0);
}

TEST(what_is_not_allowed_is_denied) {
        if (!have_landlock()) {
                test_skipped = "this kernel has no Landlock";
                return;
        }
        make_files();
        ASSERT_EQ(open_confined("/proc", LANDLOCK_READ, file("there"), O_RDONLY), -EACCES);
        ASSERT_EQ(open_confined("/proc", LANDLOCK_READ, file("new"), O_WRONLY | O_CREAT), -EACCES);
        ASSERT_EQ(open_confined("/no-such-file", LANDLOCK_READ, directory, O_RDONLY | O_DIRECTORY), -EACCES);
}

TEST(what_is_allowed_is_that_alone) {
        if (!have_landlock()) {
                test_skipped = "this kernel has no Landlock";
                return;
        }
        make_files();
        ASSERT_EQ(open_confined(directory, LANDLOCK_READ, file("there"), O_RDONLY), 0);
        ASSERT_EQ(open_confined(directory, LANDLOCK_READ, directory, O_RDONLY | O_DIRECTORY), 0);
        ASSERT_EQ(open_confined(directory, LANDLOCK_READ, file("there"), O_WRONLY), -EACCES);
        ASSERT_EQ(open_confined(directory, LANDLOCK_READ_WRITE, file("there"), O_RDWR), 0);
        ASSERT_EQ(open_confined(directory, LANDLOCK_READ_WRITE, file("new"), O_WRONLY | O_CREAT), -EACCES);
        ASSERT_EQ(open_confined(file("there"), LANDLOCK_READ_WRITE | LANDLOCK_EXECUTE, file("there"), O_RDWR), 0);
        (void) unlink(file("there"));
        (void) rmdir(directory);
}
