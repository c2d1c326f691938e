/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As root, with a /run of the test's own: what keeps two machines apart, and what is left of a killed one. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "host/machine-cgroup.h"
#include "host/machine-lock.h"
#include "host/residue.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "loop-device.h"
#include "process.h"
#include "test.h"

static char machine[32];

/* Messages are expected here, and not wanted in the test's output. */
static void ignore_message(int level, const char *text, void *userdata) {
        (void) level;
        (void) text;
        (void) userdata;
}

static void own_run(void) {
        static bool done;

        if (done)
                return;
        log_set_sink(ignore_message, NULL);
        (void) snprintf(machine, sizeof(machine), "test-%i", getpid());
        ASSERT_OK(unshare(CLONE_NEWNS));
        ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        ASSERT_OK(mount("tmpfs", "/run", "tmpfs", 0, NULL));
        ASSERT_OK(mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
        ASSERT_OK(mkdir("/mnt/tree", 0755));
        ASSERT_OK(mkdir("/mnt/same", 0755));
        ASSERT_OK(mount("/mnt/tree", "/mnt/same", NULL, MS_BIND, NULL));
        done = true;
}

static int lock_tree(UndoLog *undo, MachineLock *lock, const char *directory, LockMode mode) {
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

        ASSERT_OK(fd);
        return machine_lock_tree(undo, lock, directory, fd, mode);
}

/* A loop device and what is behind it exclude each other. */
TEST(loop_devices) {
        _cleanup_close_ int backing = memfd_create("backing", MFD_CLOEXEC), loop = -EBADF;
        MachineLock a = MACHINE_LOCK_NONE, b = MACHINE_LOCK_NONE;
        UndoLog first = {}, second = {};

        own_run();
        ASSERT_OK(ftruncate(backing, 4096));
        loop = loop_attach(&(LoopRequest){ .fd = backing, .size = 4096, .sector_size = 512 });
        ASSERT_OK(loop);
        ASSERT_OK(machine_lock_tree(&first, &a, "/dev/x", loop, LOCK_EXCLUSIVE));
        ASSERT_ERR(machine_lock_tree(&second, &b, "/proc/x", backing, LOCK_SHARED), -EBUSY);
        undo_run(&first);
        ASSERT_OK(machine_lock_tree(&second, &b, "/proc/x", backing, LOCK_SHARED));
        ASSERT_ERR(machine_lock_tree(&first, &a, "/dev/x", loop, LOCK_EXCLUSIVE), -EBUSY);
        ASSERT_OK(machine_lock_tree(&first, &a, "/dev/x", loop, LOCK_SHARED));
        undo_run(&first);
        undo_run(&second);
}

static bool is_empty(const char *directory) {
        return rmdir(directory) >= 0 && mkdir(directory, 0755) >= 0;
}

TEST(names_exclude_each_other) {
        MachineLock a = MACHINE_LOCK_NONE, b = MACHINE_LOCK_NONE;
        UndoLog undo = {};

        own_run();
        ASSERT_OK(machine_lock_name(&undo, &a, machine));
        ASSERT_ERR(machine_lock_name(&undo, &b, machine), -EBUSY);
        ASSERT_OK(machine_lock_name(&undo, &b, "another"));
        undo_run(&undo);
        ASSERT_TRUE(is_empty(RUNTIME_ROOT));
}

TEST(trees_exclude_each_other) {
        MachineLock a = MACHINE_LOCK_NONE, b = MACHINE_LOCK_NONE;
        UndoLog undo = {};

        own_run();
        ASSERT_OK(lock_tree(&undo, &a, "/mnt/tree", LOCK_EXCLUSIVE));
        ASSERT_OK(access("/mnt/.#tree.lck", F_OK));
        ASSERT_ERR(lock_tree(&undo, &b, "/mnt/tree", LOCK_SHARED), -EBUSY);
        ASSERT_ERR(lock_tree(&undo, &b, "/mnt/same", LOCK_EXCLUSIVE), -EBUSY);
        undo_run(&undo);
        ASSERT_TRUE(access("/mnt/.#tree.lck", F_OK) < 0);

        ASSERT_OK(lock_tree(&undo, &a, "/mnt/tree/", LOCK_SHARED));
        ASSERT_OK(lock_tree(&undo, &b, "/mnt/same", LOCK_SHARED));
        undo_run(&undo);
        ASSERT_OK(lock_tree(&undo, &a, "/", LOCK_SHARED));
        undo_run(&undo);
        ASSERT_TRUE(is_empty("/run/systemd/nspawn/locks"));
}

TEST(tree_beside_which_nothing_can_be_made) {
        MachineLock a = MACHINE_LOCK_NONE, b = MACHINE_LOCK_NONE;
        UndoLog undo = {};

        own_run();
        ASSERT_OK(mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        ASSERT_OK(lock_tree(&undo, &a, "/mnt/tree", LOCK_EXCLUSIVE));
        ASSERT_ERR(lock_tree(&undo, &b, "/mnt/tree", LOCK_EXCLUSIVE), -EBUSY);
        undo_run(&undo);
        ASSERT_OK(mount(NULL, "/mnt", NULL, MS_REMOUNT | MS_BIND, NULL));
}

TEST(records) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        UndoLog undo = {};

        own_run();
        ASSERT_OK(runtime_directory_make(&undo, machine, &fd));
        ASSERT_ERR(runtime_record_read(fd, RUNTIME_RECORD_TREE, &text), -ENOENT);
        ASSERT_OK(runtime_record_write(fd, RUNTIME_RECORD_TREE, "/old"));
        ASSERT_OK(runtime_record_write(fd, RUNTIME_RECORD_TREE, "/a tree\nof mine"));
        ASSERT_OK(runtime_record_read(fd, RUNTIME_RECORD_TREE, &text));
        ASSERT_STREQ(text, "/a tree\nof mine");
        undo_run(&undo);
        ASSERT_ERR(runtime_directory_open(machine), -ENOENT);
}

/* Forks into the cgroup; the child waits to be killed. */
static void start_in(int cgroup_fd) {
        _cleanup_close_ int pidfd = -EBADF;
        pid_t pid = process_clone(0, cgroup_fd, &pidfd);

        ASSERT_OK(pid);
        while (pid == 0)
                (void) pause();
}

/* A supervisor that makes all there is to make, and is then killed. */
static _noreturn_ void supervise_and_die(void) {
        MachineLock lock = MACHINE_LOCK_NONE;
        MachineCgroup cgroup = MACHINE_CGROUP_NONE;
        UndoLog undo = {};
        int fd;

        ASSERT_OK(machine_lock_name(&undo, &lock, machine));
        ASSERT_OK(runtime_directory_make(&undo, machine, &fd));
        ASSERT_OK(lock_tree(&undo, &lock, "/mnt/tree", LOCK_EXCLUSIVE));
        ASSERT_OK(runtime_record_write(fd, RUNTIME_RECORD_TREE, "/mnt/tree"));
        ASSERT_OK(machine_cgroup_make(&undo, &cgroup, machine, fd, NULL, NULL, 0));
        ASSERT_EQ(cgroup.device_error, 0);
        ASSERT_OK(mkdirat(cgroup.payload_fd, "guest", 0755));
        start_in(cgroup.payload_fd);
        start_in(cgroup.supervisor_fd);
        (void) raise(SIGKILL);
        _exit(EXIT_FAILURE);
}

TEST(residue_of_a_killed_machine) {
        MachineLock lock = MACHINE_LOCK_NONE;
        _cleanup_free_ char *record = NULL;
        _cleanup_close_ int fd = -EBADF, root = cgroup_open_root();
        UndoLog undo = {};
        pid_t pid;

        own_run();
        pid = fork();
        ASSERT_OK(pid);
        if (pid == 0)
                supervise_and_die();
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        ASSERT_OK(mkdir("/run/systemd/nspawn/unix-export", 0755));
        (void) chdir("/run/systemd/nspawn/unix-export");
        ASSERT_OK(mkdir(machine, 0755));
        ASSERT_OK(mount("tmpfs", machine, "tmpfs", 0, NULL));

        fd = runtime_directory_open(machine);
        ASSERT_OK(fd);
        ASSERT_OK(runtime_record_read(fd, RUNTIME_RECORD_CGROUP, &record));
        ASSERT_OK(cgroup_open(root, record));

        /* The copies of the locks that the two children hold end with them. */
        ASSERT_ERR(machine_lock_name(&undo, &lock, machine), -EBUSY);
        ASSERT_OK(residue_remove(machine, RESIDUE_OURS));
        ASSERT_OK(machine_lock_name(&undo, &lock, machine));
        ASSERT_ERR(cgroup_open(root, record), -ENOENT);
        ASSERT_TRUE(access("/mnt/.#tree.lck", F_OK) < 0);
        ASSERT_TRUE(access(machine, F_OK) < 0);
        ASSERT_OK(residue_remove(machine, RESIDUE_OURS));
        undo_run(&undo);
        ASSERT_TRUE(is_empty(RUNTIME_ROOT));
        ASSERT_OK(chdir("/"));
}

/* Without a record of ours, systemd-nspawn's things are its own: unless asked for, or if it lives. */
TEST(residue_of_others) {
        own_run();
        ASSERT_OK(mkdir("/run/systemd/nspawn/propagate", 0755));
        ASSERT_OK(mkdir("/run/systemd/nspawn/propagate/foreign", 0755));
        ASSERT_OK(mkdir("/run/systemd/machines", 0755));
        ASSERT_OK(mkdir("/run/systemd/machines/foreign", 0755));
        ASSERT_OK(residue_remove("foreign", RESIDUE_OURS));
        ASSERT_OK(residue_remove("foreign", RESIDUE_ALL));
        ASSERT_OK(access("/run/systemd/nspawn/propagate/foreign", F_OK));
        ASSERT_OK(rmdir("/run/systemd/machines/foreign"));
        ASSERT_OK(residue_remove("foreign", RESIDUE_ALL));
        ASSERT_TRUE(access("/run/systemd/nspawn/propagate/foreign", F_OK) < 0);
        ASSERT_ERR(residue_remove("../x", RESIDUE_ALL), -EINVAL);
        ASSERT_ERR(residue_remove("", RESIDUE_ALL), -EINVAL);
}

TEST(unusable_run) {
        MachineLock lock = MACHINE_LOCK_NONE;
        UndoLog undo = {};

        own_run();
        ASSERT_OK(mount("tmpfs", "/run", "tmpfs", 0, "nr_inodes=1"));
        ASSERT_ERR(machine_lock_name(&undo, &lock, machine), -ENOSPC);
        ASSERT_OK(mount(NULL, "/run", NULL, MS_REMOUNT | MS_RDONLY, NULL));
        ASSERT_ERR(machine_lock_name(&undo, &lock, machine), -EROFS);
        ASSERT_OK(umount("/run"));
}

TEST_MAIN_FOR_ROOT
