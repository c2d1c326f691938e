/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loop-device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fd.h"
#include "test.h"

/* Eight sectors, each full of its number. */
static int make_backing(void) {
        int fd = memfd_create("backing", MFD_CLOEXEC);
        char sector[512];

        ASSERT_OK(fd);
        for (int i = 0; i < 8; i++) {
                memset(sector, '0' + i, sizeof(sector));
                ASSERT_EQ(write(fd, sector, sizeof(sector)), sizeof(sector));
        }
        return fd;
}

static int attach(int backing, bool read_only) {
        return loop_attach(&(LoopRequest){
                .fd = backing,
                .offset = 1024,
                .size = 1024,
                .sector_size = 512,
                .read_only = read_only,
        });
}

static bool cleared(unsigned number) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/sys/block/loop%u/loop/backing_file", number);
        for (unsigned i = 0; i < 200 && access(path, F_OK) >= 0; i++)
                (void) usleep(10000);
        return access(path, F_OK) < 0;
}

static void check(bool read_only) {
        _cleanup_close_ int backing = make_backing(), fd = -EBADF;
        struct loop_info64 info;
        char sector[512];
        uint64_t size;

        fd = attach(backing, read_only);
        ASSERT_OK(fd);
        ASSERT_OK(ioctl(fd, BLKGETSIZE64, &size));
        ASSERT_EQ(size, 1024);
        ASSERT_EQ(pread(fd, sector, 1, 0), 1);
        ASSERT_EQ(sector[0], '2');
        ASSERT_OK(ioctl(fd, LOOP_GET_STATUS64, &info));
        ASSERT_TRUE(info.lo_flags & LO_FLAGS_AUTOCLEAR);
        ASSERT_EQ((info.lo_flags & LO_FLAGS_READ_ONLY) != 0, read_only);

        memset(sector, 'x', sizeof(sector));
        ASSERT_EQ(pwrite(fd, sector, sizeof(sector), 512), read_only ? -1 : 512);
        ASSERT_OK(loop_wait_unused(fd, 0));
        fd = safe_close(fd);
        ASSERT_TRUE(cleared(info.lo_number));
        ASSERT_EQ(pread(backing, sector, 1, 1024 + 512), 1);
        ASSERT_EQ(sector[0], read_only ? '3' : 'x');
}

TEST(writable) {
        TEST_NEEDS_ROOT;
        check(false);
}

TEST(read_only) {
        TEST_NEEDS_ROOT;
        check(true);
}

TEST(backing_that_is_open_for_reading) {
        _cleanup_close_ int backing = make_backing(), reader = -EBADF, fd = -EBADF;
        struct loop_info64 info;

        TEST_NEEDS_ROOT;
        reader = fd_reopen(backing, O_RDONLY);
        ASSERT_OK(reader);
        fd = attach(reader, false);
        ASSERT_OK(fd);
        ASSERT_OK(ioctl(fd, LOOP_GET_STATUS64, &info));
        ASSERT_TRUE(info.lo_flags & LO_FLAGS_READ_ONLY);
}

TEST(several) {
        int fds[3];

        TEST_NEEDS_ROOT;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                _cleanup_close_ int backing = make_backing();

                fds[i] = attach(backing, true);
                ASSERT_OK(fds[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) safe_close(fds[i]);
}

/* In a mount namespace whose /dev is empty. */
static int run_without_nodes(void) {
        _cleanup_close_ int backing = make_backing(), fd = -EBADF;
        char path[64];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
            mount("tmpfs", "/dev", "tmpfs", 0, NULL) < 0)
                return 1;
        fd = attach(backing, true);
        if (fd < 0)
                return 2;
        loop_path(fd, path, sizeof(path));
        return startswith(path, "/proc/self/fd/") && access(path, R_OK) >= 0 ? 0 : 3;
}

TEST(without_nodes) {
        int status;
        pid_t pid;

        TEST_NEEDS_ROOT;
        pid = fork();
        if (pid == 0)
                _exit(run_without_nodes());
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
}

TEST(path_of_a_node) {
        _cleanup_close_ int backing = make_backing(), fd = -EBADF;
        char path[64];

        TEST_NEEDS_ROOT;
        fd = attach(backing, true);
        ASSERT_OK(fd);
        loop_path(fd, path, sizeof(path));
        ASSERT_TRUE(startswith(path, "/dev/loop"));
}

TEST(who_has_it) {
        _cleanup_close_ int backing = -EBADF, a = -EBADF, b = -EBADF, holder = -EBADF;
        char path[] = "/var/tmp/nspawn-test-XXXXXX", other[64];
        LoopBacking found = {}, own;
        struct stat st;
        int number;

        TEST_NEEDS_ROOT;
        backing = mkostemp(path, O_CLOEXEC);
        ASSERT_OK(backing);
        ASSERT_OK(ftruncate(backing, 4096));
        ASSERT_OK(fstat(backing, &st));
        own = (LoopBacking){ st.st_dev, st.st_ino, 0 };
        a = attach(backing, false);
        b = attach(backing, true);
        ASSERT_OK(a);
        ASSERT_OK(b);
        number = loop_backing(a, &found);
        ASSERT_OK(number);
        ASSERT_EQ(found.device, own.device);
        ASSERT_EQ(found.inode, own.inode);
        ASSERT_EQ(found.rdevice, 0);
        ASSERT_TRUE(loop_backing(backing, &found) < 0);

        ASSERT_ERR(loop_find_busy(&own, false, -1), -ENOENT); /* attached, but nobody has it for himself */
        holder = fd_reopen(a, O_RDONLY | O_EXCL);
        ASSERT_OK(holder);
        ASSERT_EQ(loop_find_busy(&own, true, -1), number);
        ASSERT_ERR(loop_find_busy(&own, false, number), -ENOENT);
        (void) safe_close(holder);
        holder = fd_reopen(b, O_RDONLY | O_EXCL);
        ASSERT_OK(holder);
        ASSERT_ERR(loop_find_busy(&own, true, -1), -ENOENT);
        ASSERT_OK(loop_find_busy(&own, false, -1));
        (void) snprintf(other, sizeof(other), "%s.other", path);
        ASSERT_OK(link(path, other)); /* the kernel has the old name, which leads there as well */
        ASSERT_OK(loop_find_busy(&own, false, -1));
        ASSERT_OK(unlink(path));
        ASSERT_OK(unlink(other));
        ASSERT_ERR(loop_find_busy(&own, false, -1), -ENOENT);
        own.inode++;
        ASSERT_ERR(loop_find_busy(&own, false, -1), -ENOENT);
}

static int share_as(const char *name, int backing, uint64_t offset) {
        return loop_attach(&(LoopRequest){
                .fd = backing, .offset = offset, .size = 1024, .sector_size = 512, .read_only = true, .share = name });
}

static int share_at(int backing, uint64_t offset) {
        return share_as("here", backing, offset);
}

static int number_of(int fd) {
        LoopBacking found;

        return loop_backing(fd, &found);
}

TEST(shared) {
        _cleanup_close_ int backing = -EBADF, first = -EBADF, second = -EBADF, other = -EBADF, writable = -EBADF;
        char path[] = "/var/tmp/nspawn-test-XXXXXX";
        int number;

        TEST_NEEDS_ROOT;
        backing = mkostemp(path, O_CLOEXEC);
        ASSERT_OK(backing);
        ASSERT_OK(ftruncate(backing, 4096));
        first = share_at(backing, 0);
        ASSERT_OK(first);
        number = number_of(first);
        second = share_at(backing, 0);
        ASSERT_OK(second);
        ASSERT_EQ(number_of(second), number);
        other = share_at(backing, 1024);
        ASSERT_OK(other);
        ASSERT_TRUE(number_of(other) != number);
        (void) safe_close(other);
        other = share_as("there", backing, 0);
        ASSERT_OK(other);
        ASSERT_TRUE(number_of(other) != number);
        writable = attach(backing, false);
        ASSERT_OK(writable);
        ASSERT_TRUE(number_of(writable) != number);

        /* The first one's end does not take it from the second. */
        first = safe_close(first);
        ASSERT_EQ(number_of(second), number);
        second = safe_close(second);
        ASSERT_TRUE(cleared((unsigned) number));
        ASSERT_OK(unlink(path));
}

TEST(not_shared_once_written) {
        _cleanup_close_ int backing = -EBADF, before = -EBADF, after = -EBADF;
        char path[] = "/var/tmp/nspawn-test-XXXXXX";

        TEST_NEEDS_ROOT;
        backing = mkostemp(path, O_CLOEXEC);
        ASSERT_OK(backing);
        ASSERT_OK(ftruncate(backing, 4096));
        before = share_at(backing, 0);
        ASSERT_OK(before);
        (void) usleep(20000); /* the clock of files ticks every few milliseconds */
        ASSERT_EQ(pwrite(backing, "x", 1, 0), 1);
        after = share_at(backing, 0);
        ASSERT_OK(after);
        ASSERT_TRUE(number_of(after) != number_of(before));
        ASSERT_OK(unlink(path));
}

TEST(nonsense) {
        int fds[2];

        TEST_NEEDS_ROOT;
        ASSERT_OK(pipe2(fds, O_CLOEXEC));
        ASSERT_ERR(attach(fds[0], true), -EINVAL);
        (void) safe_close(fds[0]);
        (void) safe_close(fds[1]);
}

TEST_MAIN
