/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* In a mount namespace of the test's own. Needs root. */

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd.h"
#include "mount-fd.h"
#include "test.h"

/* <sys/mount.h> cannot be included beside <linux/mount.h>. */
#define PRIVATE (1UL << 18)
#define SLAVE (1UL << 19)
#define SHARED (1UL << 20)
int umount2(const char *path, int flags);

static char base[] = "/tmp/nspawn-test-XXXXXX";

static void remove_directory(void) {
        (void) umount2(base, 2);
        (void) rmdir(base);
}

/* An empty directory on a file system of its own, which ends with the namespace. */
static const char *directory(void) {
        _cleanup_close_ int mount = -EBADF, place = -EBADF;

        if (!endswith(base, "XXXXXX"))
                return base;
        if (unshare(CLONE_NEWNS) < 0)
                TEST_FAIL("this test needs root, for a mount namespace of its own: %m");
        ASSERT_OK(mount_set_propagation(AT_FDCWD, "/", PRIVATE, true));
        ASSERT_TRUE(mkdtemp(base));
        (void) atexit(remove_directory);
        mount = mount_new("tmpfs", "test", "mode=0755,size=4m", 0);
        ASSERT_OK(mount);
        place = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(mount_attach(mount, place));
        return base;
}

static int open_in(const char *path) {
        _cleanup_close_ int dir = open(directory(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd;

        (void) mkdirat(dir, path, 0755);
        fd = openat(dir, path, O_PATH | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        return fd;
}

static unsigned long flags_of(int fd) {
        struct statvfs s;

        ASSERT_TRUE(fstatvfs(fd, &s) >= 0);
        return s.f_flag;
}

/* The optional fields ("shared:1 master:2") of the mount there, by the kernel's own list. */
static void propagation_of(int fd, char ret[static 64]) {
        _cleanup_free_ char *info = NULL, *mounts = NULL;
        char key[32], path[40];
        const char *id, *line, *end;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%i", fd);
        ASSERT_OK(read_file_at(AT_FDCWD, path, 4096, &info, NULL));
        ASSERT_OK(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL));
        id = strstr(info, "mnt_id:");
        ASSERT_TRUE(id);
        (void) snprintf(key, sizeof(key), "\n%i ", atoi(id + 7));
        line = strstr(mounts, key);
        ASSERT_TRUE(line);
        end = strstr(++line, " - ");
        ASSERT_TRUE(end);
        for (unsigned i = 0; i < 6; i++)
                line = strchr(line, ' ') + 1;
        (void) snprintf(ret, 64, "%.*s", (int) MAX(end - line, (ptrdiff_t) 0), line);
}

TEST(detached) {
        _cleanup_close_ int mount = -EBADF;
        _cleanup_free_ char *mounts = NULL;
        struct statfs fs;

        (void) directory();
        mount = mount_new("tmpfs", "detached-test", "size=1m,mode=0711", MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);
        ASSERT_OK(mount);
        ASSERT_TRUE(fcntl(mount, F_GETFD) & FD_CLOEXEC);
        ASSERT_TRUE(fstatfs(mount, &fs) >= 0);
        ASSERT_EQ(fs.f_type, 0x01021994);
        ASSERT_EQ(fs.f_blocks * (unsigned long) fs.f_bsize, 1 << 20);
        ASSERT_EQ(flags_of(mount) & (ST_NOSUID | ST_RDONLY | ST_NODEV), ST_NOSUID | ST_RDONLY);
        ASSERT_OK(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL));
        ASSERT_TRUE(!strstr(mounts, "detached-test"));
}

TEST(options) {
        (void) directory();
        ASSERT_ERR(mount_new("no-such-type", NULL, NULL, 0), -ENODEV);
        ASSERT_ERR(mount_new("tmpfs", NULL, "nonsense", 0), -EINVAL);
        ASSERT_ERR(mount_new("tmpfs", NULL, "nonsense=1", 0), -EINVAL);
        ASSERT_ERR(mount_new("tmpfs", NULL, "size=rather-small", 0), -EINVAL);
        for (const char *const *o = (const char *const[]){ "", ",", "?nonsense", "?nonsense=1,mode=0700", "mode=0700,",
                                                           "size=10%,nr_inodes=1k", NULL };
             *o; o++) {
                int fd = mount_new("tmpfs", NULL, *o, 0);

                ASSERT_OK(fd);
                (void) close(fd);
        }
}

TEST(attach_and_clone) {
        _cleanup_close_ int place = open_in("a"), mount = mount_new("tmpfs", NULL, NULL, 0), there = -EBADF,
                            copy = -EBADF, other = open_in("b"), seen = -EBADF;

        ASSERT_OK(mount_attach(mount, place));
        there = open_in("a");
        ASSERT_OK(write_new_file_at(mount, "file", "x", 1, 0644));
        ASSERT_TRUE(faccessat(there, "file", F_OK, 0) >= 0);

        copy = mount_clone(there, "", false);
        ASSERT_OK(copy);
        ASSERT_OK(mount_set_attributes(copy, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, 0, false));
        ASSERT_OK(mount_attach(copy, other));
        seen = open_in("b");
        ASSERT_ERR(write_new_file_at(seen, "new", "x", 1, 0644), -EROFS);
        ASSERT_OK(write_new_file_at(there, "new", "x", 1, 0644));
        ASSERT_TRUE(faccessat(seen, "new", F_OK, 0) >= 0);
        ASSERT_OK(mount_set_attributes(seen, 0, MOUNT_ATTR_RDONLY, false));
        ASSERT_OK(write_new_file_at(seen, "newer", "x", 1, 0644));
        ASSERT_EQ(flags_of(seen) & (ST_NOEXEC | ST_RDONLY), ST_NOEXEC);

        ASSERT_ERR(mount_attach(there, place) < 0 ? -1 : 0, -1); /* no detached mount */
        ASSERT_ERR(mount_clone(there, "none", false), -ENOENT);
        ASSERT_TRUE(mount_attach(-1, place) < 0);
}

TEST(files) {
        _cleanup_close_ int dir = open_in("files"), target = -EBADF, copy = -EBADF;
        char text[2];

        ASSERT_OK(write_new_file_at(dir, "from", "f", 1, 0644));
        ASSERT_OK(write_new_file_at(dir, "to", "t", 1, 0644));
        copy = mount_clone(dir, "from", false);
        target = openat(dir, "to", O_PATH | O_CLOEXEC);
        ASSERT_OK(mount_attach(copy, target));
        {
                _cleanup_close_ int fd = openat(dir, "to", O_RDONLY | O_CLOEXEC);

                ASSERT_EQ(read(fd, text, 1), 1);
                ASSERT_EQ(text[0], 'f');
        }
        /* A directory does not go on a file. */
        {
                _cleanup_close_ int fs = mount_new("tmpfs", NULL, NULL, 0);

                ASSERT_TRUE(mount_attach(fs, target) < 0);
        }
}

TEST(recursion) {
        _cleanup_close_ int top = open_in("r"), fs = mount_new("tmpfs", NULL, NULL, 0),
                            sub = mount_new("tmpfs", NULL, NULL, 0), there = -EBADF, below = -EBADF, flat = -EBADF,
                            deep = -EBADF, part = -EBADF;

        ASSERT_OK(mount_attach(fs, top));
        there = open_in("r");
        ASSERT_TRUE(mkdirat(there, "sub", 0755) >= 0);
        below = openat(there, "sub", O_PATH | O_CLOEXEC);
        ASSERT_OK(mount_attach(sub, below));
        ASSERT_OK(write_new_file_at(sub, "file", "x", 1, 0644));

        flat = mount_clone(there, "", false);
        deep = mount_clone(there, "", true);
        ASSERT_TRUE(faccessat(flat, "sub/file", F_OK, 0) < 0);
        ASSERT_TRUE(faccessat(deep, "sub/file", F_OK, 0) >= 0);
        part = openat(deep, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(mount_set_attributes(deep, MOUNT_ATTR_RDONLY, 0, false));
        ASSERT_EQ(flags_of(part) & ST_RDONLY, 0);
        ASSERT_OK(mount_set_attributes(deep, MOUNT_ATTR_RDONLY, 0, true));
        ASSERT_EQ(flags_of(part) & ST_RDONLY, ST_RDONLY);
}

TEST(propagation) {
        _cleanup_close_ int place = open_in("p"), mount = mount_new("tmpfs", NULL, NULL, 0), there = -EBADF,
                            copy = -EBADF, other = open_in("q"), seen = -EBADF;
        char text[64];

        ASSERT_OK(mount_attach(mount, place));
        there = open_in("p");
        propagation_of(there, text);
        ASSERT_STREQ(text, "");
        ASSERT_OK(mount_set_propagation(there, "", SHARED, false));
        propagation_of(there, text);
        ASSERT_TRUE(startswith(text, "shared:"));

        copy = mount_clone(there, "", false);
        ASSERT_OK(mount_attach(copy, other));
        seen = open_in("q");
        ASSERT_OK(mount_set_propagation(seen, "", SLAVE, false));
        propagation_of(seen, text);
        ASSERT_TRUE(startswith(text, "master:"));
        ASSERT_OK(mount_set_propagation(there, "", PRIVATE, false));
        propagation_of(there, text);
        ASSERT_STREQ(text, "");
}

TEST_MAIN_FOR_ROOT
