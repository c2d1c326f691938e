/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As root: a process in a cgroup with a device program tries what it may and may not. */

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "device-program.h"
#include "fd.h"
#include "test.h"

/* Runs try() in a new cgroup that has the programs, and returns what it returned. */
static int in_cgroup(const int *programs, size_t n_programs, int (*try)(void)) {
        _cleanup_close_ int root = cgroup_open_root(), parent = -EBADF, fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
        char name[64];
        pid_t pid;
        int status;

        ASSERT_OK(cgroup_path_of(0, &path));
        parent = cgroup_open(root, path);
        ASSERT_OK(parent);
        (void) snprintf(name, sizeof(name), "test-nspawn-%i", getpid());
        fd = cgroup_make(parent, name, true);
        ASSERT_OK(fd);
        for (size_t i = 0; i < n_programs; i++)
                ASSERT_OK(device_program_attach(programs[i], fd));

        args.cgroup = (uint64_t) fd;
        pid = (pid_t) syscall(SYS_clone3, &args, sizeof(args));
        ASSERT_OK(pid);
        if (pid == 0)
                _exit(try());
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_OK(cgroup_remove(parent, name, 1000000));
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int load(const DeviceRule *rules, size_t n_rules) {
        int fd = device_program_load(rules, n_rules);

        ASSERT_OK(fd);
        return fd;
}

/* The errno of opening a new node of this number, in a tmpfs of our own; -1 for none. */
static int open_node(mode_t type, unsigned major, unsigned minor, int flags) {
        _cleanup_close_ int fd = -EBADF;

        (void) unlink("/mnt/node");
        if (mknod("/mnt/node", type | 0600, makedev(major, minor)) < 0)
                return 1000 + errno; /* told apart from open's */
        fd = open("/mnt/node", flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return fd < 0 ? errno : -1;
}

static void own_mounts(void) {
        ASSERT_OK(unshare(CLONE_NEWNS));
        ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        ASSERT_OK(mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
}

static const DeviceRule some_rules[] = {
        { DEVICE_CHAR, 1, 3, DEVICE_RWM },                 /* null */
        { DEVICE_CHAR, 1, 5, DEVICE_READ | DEVICE_MKNOD }, /* zero */
        { DEVICE_CHAR, 1, 9, DEVICE_WRITE },               /* urandom */
        { DEVICE_BLOCK, 7, DEVICE_ANY, DEVICE_MKNOD },     /* loop */
        { DEVICE_CHAR, 0xfff, 0xfffff, DEVICE_MKNOD },     /* the largest numbers there are */
};

static int try_some(void) {
        own_mounts();
        ASSERT_EQ(open_node(S_IFCHR, 1, 3, O_RDWR), -1);
        ASSERT_EQ(open_node(S_IFCHR, 1, 5, O_RDONLY), -1);
        ASSERT_EQ(open_node(S_IFCHR, 1, 5, O_WRONLY), EPERM);
        ASSERT_EQ(open_node(S_IFCHR, 1, 5, O_RDWR), EPERM);
        ASSERT_EQ(open_node(S_IFCHR, 1, 9, O_WRONLY), 1000 + EPERM);
        ASSERT_EQ(open_node(S_IFCHR, 1, 11, O_RDONLY), 1000 + EPERM); /* kmsg */
        ASSERT_EQ(open_node(S_IFBLK, 1, 3, O_RDONLY), 1000 + EPERM);
        ASSERT_EQ(open_node(S_IFBLK, 7, 77, O_RDONLY), EPERM);
        ASSERT_EQ(open_node(S_IFCHR, 0xfff, 0xfffff, O_RDONLY), EPERM);
        ASSERT_EQ(open_node(S_IFCHR, 0xfff, 0xffffe, O_RDONLY), 1000 + EPERM);
        ASSERT_OK(open("/dev/null", O_RDWR | O_CLOEXEC));
        ASSERT_OK(open("/dev/urandom", O_WRONLY | O_CLOEXEC));
        ASSERT_TRUE(open("/dev/urandom", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM);
        return 0;
}

TEST(rules) {
        _cleanup_close_ int program = load(some_rules, ELEMENTSOF(some_rules));

        ASSERT_EQ(in_cgroup(&program, 1, try_some), 0);
}

static int try_nothing(void) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM ? 0 : 1;
}

TEST(no_rules) {
        _cleanup_close_ int program = load(NULL, 0);

        ASSERT_EQ(in_cgroup(&program, 1, try_nothing), 0);
}

/* Two programs: what both allow. */
TEST(composition) {
        static const DeviceRule other[] = { { DEVICE_CHAR, 1, 5, DEVICE_RWM } };
        int programs[2] = { load(some_rules, ELEMENTSOF(some_rules)), load(other, ELEMENTSOF(other)) };

        ASSERT_EQ(in_cgroup(programs, 2, try_nothing), 0);
        (void) close(programs[0]);
        (void) close(programs[1]);
}

static int try_any(void) {
        own_mounts();
        ASSERT_EQ(open_node(S_IFCHR, 1, 3, O_RDWR), -1);
        ASSERT_EQ(open_node(S_IFCHR, 42, 42, O_RDWR), ENXIO); /* nobody's number */
        ASSERT_EQ(open_node(S_IFBLK, 7, 0, O_RDWR), 1000 + EPERM);
        return 0;
}

TEST(any) {
        static const DeviceRule rules[] = { { DEVICE_CHAR, DEVICE_ANY, DEVICE_ANY, DEVICE_RWM } };
        _cleanup_close_ int program = load(rules, ELEMENTSOF(rules));

        ASSERT_EQ(in_cgroup(&program, 1, try_any), 0);
}

TEST(many_rules) {
        DeviceRule rules[480];
        int program;

        for (uint32_t i = 0; i < ELEMENTSOF(rules); i++)
                rules[i] = (DeviceRule){ DEVICE_CHAR, 1, 1000 + i, DEVICE_READ };
        rules[479] = (DeviceRule){ DEVICE_CHAR, 1, 3, DEVICE_RW };
        program = load(rules, ELEMENTSOF(rules));
        ASSERT_ERR(device_program_load(rules, ELEMENTSOF(rules) + 1), -E2BIG);
        (void) close(program);
}

TEST_MAIN_FOR_ROOT
