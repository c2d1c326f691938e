/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As root, in a tmpfs of the test's own; what shares blocks is tested where such a file system is, in test/smoke. */

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "copy-tree.h"
#include "fd.h"
#include "test.h"

#define FROM "/mnt/from"
#define TO "/mnt/to"

static CopyProgress progress;

/* Empty directories FROM and TO. */
static void begin(void) {
        static bool done;

        if (!done) {
                ASSERT_OK(unshare(CLONE_NEWNS));
                ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
                ASSERT_OK(mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
                (void) umask(0022);
                (void) alarm(60);
                done = true;
        }
        ASSERT_OK(remove_tree_at(AT_FDCWD, FROM));
        ASSERT_OK(remove_tree_at(AT_FDCWD, TO));
        ASSERT_OK(mkdir(FROM, 0755));
        ASSERT_OK(mkdir(TO, 0755));
}

static int copy(const CopyOptions *options) {
        _cleanup_close_ int from = open(FROM, O_PATH | O_CLOEXEC), to = open(TO, O_PATH | O_CLOEXEC);

        ASSERT_OK(from);
        ASSERT_OK(to);
        return copy_tree(from, to, options ?: &(CopyOptions){}, &progress);
}

static void make_file(const char *path, const char *text) {
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, text, strlen(text), 0644));
}

static struct stat stat_of(const char *path) {
        struct stat st;

        ASSERT_OK(lstat(path, &st));
        return st;
}

static void same_attributes(const char *from, const char *to) {
        struct stat a = stat_of(from), b = stat_of(to);

        ASSERT_EQ(a.st_mode, b.st_mode);
        ASSERT_EQ(a.st_uid, b.st_uid);
        ASSERT_EQ(a.st_gid, b.st_gid);
        ASSERT_EQ(a.st_rdev, b.st_rdev);
        ASSERT_EQ(a.st_nlink, b.st_nlink);
        ASSERT_EQ(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
        ASSERT_EQ(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
        if (!S_ISDIR(a.st_mode))
                ASSERT_EQ(a.st_size, b.st_size);
}

static unsigned entries(const char *path) {
        DIR *d = opendir(path);
        unsigned n = 0;

        ASSERT_TRUE(d);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n - 2;
}

static void set_time(const char *path, time_t seconds) {
        const struct timespec times[] = { { seconds, 1 }, { seconds, 123456789 } };

        ASSERT_OK(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

static void same_text(const char *path, const char *text) {
        _cleanup_free_ char *read = NULL;

        ASSERT_OK(read_file_at(AT_FDCWD, path, 1 << 20, &read, NULL));
        ASSERT_STREQ(read, text);
}

TEST(files_and_directories) {
        begin();
        ASSERT_OK(mkdir(FROM "/dir", 0700));
        make_file(FROM "/dir/file", "text");
        make_file(FROM "/empty", "");
        ASSERT_OK(chown(FROM "/dir/file", 5, 6));
        ASSERT_OK(chmod(FROM "/dir/file", 06751));
        ASSERT_OK(chown(FROM "/dir", 7, 8));
        ASSERT_OK(chmod(FROM "/dir", 03770));
        set_time(FROM "/dir/file", 1000);
        set_time(FROM "/dir", 2000);
        ASSERT_OK(chown(FROM, 655360, 655361));
        ASSERT_OK(chmod(FROM, 0711));
        set_time(FROM, -3000);
        ASSERT_OK(copy(NULL));
        same_text(TO "/dir/file", "text");
        same_attributes(FROM "/dir/file", TO "/dir/file");
        same_attributes(FROM "/empty", TO "/empty");
        same_attributes(FROM "/dir", TO "/dir");
        same_attributes(FROM, TO);
        ASSERT_EQ(progress.files, 3);
        ASSERT_EQ(progress.bytes, 4);
}

TEST(nodes) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = FROM "/socket" };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        static const char *const names[] = { "fifo", "char", "block", "socket", "whiteout" };
        char from[64], to[64];

        begin();
        ASSERT_OK(mkfifo(FROM "/fifo", 0640));
        ASSERT_OK(mknod(FROM "/char", S_IFCHR | 0600, makedev(1, 3)));
        ASSERT_OK(mknod(FROM "/block", S_IFBLK | 0660, makedev(250, 77)));
        ASSERT_OK(mknod(FROM "/whiteout", S_IFCHR, makedev(0, 0)));
        ASSERT_OK(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        ASSERT_OK(chown(FROM "/fifo", 3, 4));
        ASSERT_OK(copy(NULL));
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) snprintf(from, sizeof(from), FROM "/%s", names[i]);
                (void) snprintf(to, sizeof(to), TO "/%s", names[i]);
                same_attributes(from, to);
        }
}

TEST(symlinks_are_not_followed) {
        char target[64] = "";

        begin();
        make_file("/mnt/secret", "secret");
        ASSERT_OK(symlink("/mnt/secret", FROM "/file"));
        ASSERT_OK(symlink("/mnt", FROM "/directory"));
        ASSERT_OK(symlink("file", FROM "/loop"));
        ASSERT_OK(lchown(FROM "/file", 9, 9));
        set_time(FROM "/file", 4000);
        ASSERT_OK(setxattr("/mnt/secret", "trusted.a", "b", 1, 0));
        ASSERT_OK(copy(NULL));
        same_attributes(FROM "/file", TO "/file");
        same_attributes(FROM "/directory", TO "/directory");
        ASSERT_EQ(readlink(TO "/file", target, sizeof(target) - 1), (long long) strlen("/mnt/secret"));
        ASSERT_STREQ(target, "/mnt/secret");
        ASSERT_TRUE(lgetxattr(TO "/file", "trusted.a", target, sizeof(target)) < 0);
        same_text("/mnt/secret", "secret");
        ASSERT_EQ(stat_of("/mnt/secret").st_uid, 0);
        ASSERT_OK(unlink("/mnt/secret"));
}

TEST(hard_links_stay_links) {
        begin();
        ASSERT_OK(mkdir(FROM "/a", 0755));
        ASSERT_OK(mkdir(FROM "/b", 0755));
        make_file(FROM "/a/one", "text");
        ASSERT_OK(link(FROM "/a/one", FROM "/two"));
        ASSERT_OK(link(FROM "/a/one", FROM "/b/three"));
        ASSERT_OK(symlink("x", FROM "/a/link"));
        ASSERT_OK(link(FROM "/a/link", FROM "/link"));
        ASSERT_OK(link(FROM "/a/link", "/mnt/outside"));
        set_time(FROM, 5000);
        ASSERT_OK(copy(NULL));
        same_attributes(FROM "/two", TO "/a/one");
        ASSERT_EQ(stat_of(TO "/a/one").st_ino, stat_of(TO "/two").st_ino);
        ASSERT_EQ(stat_of(TO "/a/one").st_ino, stat_of(TO "/b/three").st_ino);
        ASSERT_EQ(stat_of(TO "/a/link").st_ino, stat_of(TO "/link").st_ino);
        ASSERT_EQ(stat_of(TO "/link").st_nlink, 2); /* what is outside is not copied */
        ASSERT_EQ(progress.files, 7);
        ASSERT_EQ(entries(TO), 4); /* nothing of the copier's own */
        same_attributes(FROM, TO);
        ASSERT_OK(unlink("/mnt/outside"));
}

TEST(extended_attributes) {
        /* one entry for user 1000 besides owner, group, mask and others */
        static const unsigned char acl[] = {
                2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,   4,  0, 232, 3, 0,   0,   4,   0,
                4, 0, 255, 255, 255, 255, 16, 0, 4,   0,   255, 255, 255, 255, 32, 0, 4,   0, 255, 255, 255, 255,
        };
        /* version 2, effective, CAP_NET_RAW permitted */
        static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 32 };
        char value[64];

        begin();
        make_file(FROM "/file", "text");
        ASSERT_OK(mkdir(FROM "/dir", 0755));
        ASSERT_OK(setxattr(FROM "/file", "trusted.overlay.opaque", "y", 1, 0));
        ASSERT_OK(setxattr(FROM "/file", "security.capability", capability, sizeof(capability), 0));
        ASSERT_OK(setxattr(FROM "/file", "system.posix_acl_access", acl, sizeof(acl), 0));
        ASSERT_OK(setxattr(FROM "/dir", "system.posix_acl_default", acl, sizeof(acl), 0));
        ASSERT_OK(chown(FROM "/file", 5, 5)); /* drops the capability: set again */
        ASSERT_OK(setxattr(FROM "/file", "security.capability", capability, sizeof(capability), 0));
        make_file(FROM "/dir/file", "");
        ASSERT_OK(copy(NULL));
        ASSERT_EQ(getxattr(TO "/file", "trusted.overlay.opaque", value, sizeof(value)), 1);
        ASSERT_EQ(getxattr(TO "/file", "security.capability", value, sizeof(value)), sizeof(capability));
        ASSERT_EQ(memcmp(value, capability, sizeof(capability)), 0);
        ASSERT_EQ(getxattr(TO "/file", "system.posix_acl_access", value, sizeof(value)), sizeof(acl));
        ASSERT_EQ(memcmp(value, acl, sizeof(acl)), 0);
        ASSERT_EQ(getxattr(TO "/dir", "system.posix_acl_default", value, sizeof(value)), sizeof(acl));
        ASSERT_EQ(getxattr(FROM "/dir/file", "system.posix_acl_access", value, sizeof(value)),
                  getxattr(TO "/dir/file", "system.posix_acl_access", value, sizeof(value)));
        same_attributes(FROM "/file", TO "/file");
        same_attributes(FROM "/dir/file", TO "/dir/file");
}

TEST(holes) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        char byte;

        begin();
        fd = open(FROM "/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ASSERT_EQ(pwrite(fd, "a", 1, 0), 1);
        ASSERT_EQ(pwrite(fd, "b", 1, 1 << 30), 1);
        ASSERT_OK(ftruncate(fd, INT64_C(1) << 40));
        make_file(FROM "/plain", "text");
        ASSERT_OK(copy(NULL));
        st = stat_of(TO "/sparse");
        ASSERT_EQ(st.st_size, INT64_C(1) << 40);
        ASSERT_TRUE(st.st_blocks < 1000);
        fd = safe_close(fd);
        fd = open(TO "/sparse", O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(pread(fd, &byte, 1, 1 << 30), 1);
        ASSERT_EQ(byte, 'b');
        ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
        ASSERT_EQ(byte, 'a');
}

/* Not what is mounted, but what it covers; and the copy is no part of itself. */
TEST(mounts_are_not_crossed) {
        begin();
        ASSERT_OK(mkdir(FROM "/mount", 0700));
        make_file(FROM "/mount/beneath", "");
        make_file(FROM "/file", "beneath");
        make_file("/mnt/other", "other");
        ASSERT_OK(mount("tmpfs", FROM "/mount", "tmpfs", 0, NULL));
        make_file(FROM "/mount/above", "");
        ASSERT_OK(mount("/mnt/other", FROM "/file", NULL, MS_BIND, NULL));
        ASSERT_OK(copy(NULL));
        ASSERT_OK(access(TO "/mount/beneath", F_OK));
        ASSERT_TRUE(access(TO "/mount/above", F_OK) < 0);
        same_text(TO "/file", "beneath");
        ASSERT_EQ(stat_of(TO "/mount").st_mode & 07777, 0700);
        ASSERT_OK(umount(FROM "/mount"));
        ASSERT_OK(umount(FROM "/file"));
        ASSERT_OK(unlink("/mnt/other"));
}

TEST(copy_inside_its_source) {
        _cleanup_close_ int from = -EBADF, to = -EBADF;

        begin();
        ASSERT_OK(mkdir(FROM "/dir", 0755));
        ASSERT_OK(mkdir(FROM "/dir/copy", 0755));
        make_file(FROM "/dir/file", "text");
        from = open(FROM, O_PATH | O_CLOEXEC);
        to = open(FROM "/dir/copy", O_PATH | O_CLOEXEC);
        ASSERT_OK(copy_tree(from, to, &(CopyOptions){}, &progress));
        same_text(FROM "/dir/copy/dir/file", "text");
        ASSERT_TRUE(access(FROM "/dir/copy/dir/copy", F_OK) < 0);
}

TEST(depth) {
        _cleanup_close_ int fd = -EBADF;

        begin();
        fd = open(FROM, O_PATH | O_CLOEXEC);
        for (unsigned i = 0; i < 1100; i++) {
                int next;

                ASSERT_OK(mkdirat(fd, "directory", 0755));
                next = openat(fd, "directory", O_PATH | O_CLOEXEC);
                ASSERT_OK(next);
                (void) safe_close(fd);
                fd = next;
        }
        ASSERT_TRUE(copy(NULL) < 0); /* -EMFILE where that limit comes first */
        ASSERT_TRUE(startswith(progress.path, "directory/directory/"));
}

static int stop_at_two(const CopyProgress *p, void *userdata) {
        unsigned *n = userdata;

        (void) p;
        return ++*n > 2 ? -EINTR : 0;
}

TEST(stops_when_it_is_told_to) {
        unsigned n = 0;
        const CopyOptions options = { .report = stop_at_two, .userdata = &n };

        begin();
        for (unsigned i = 0; i < 10; i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), FROM "/%u", i);
                make_file(path, "text");
        }
        ASSERT_ERR(copy(&options), -EINTR);
        ASSERT_TRUE(progress.files < 10);
}

TEST(sharing_or_nothing) {
        const CopyOptions options = { .share_only = true };

        begin();
        make_file(FROM "/file", "text");
        ASSERT_ERR(copy(&options), -EOPNOTSUPP);
        ASSERT_STREQ(progress.path, "file");
        begin();
        ASSERT_OK(mkdir(FROM "/dir", 0755));
        ASSERT_OK(copy(&options));
}

/* What the name leads to is another thing at each moment. */
static _noreturn_ void exchange_for_ever(void) {
        static const char *const names[] = { FROM "/link", FROM "/fifo", FROM "/device", FROM "/directory" };

        for (unsigned i = 0;; i++)
                (void) renameat2(AT_FDCWD, FROM "/file", AT_FDCWD, names[i % ELEMENTSOF(names)], RENAME_EXCHANGE);
}

TEST(tree_that_changes) {
        pid_t pid;

        begin();
        make_file("/mnt/secret", "secret");
        make_file(FROM "/file", "public");
        ASSERT_OK(symlink("/mnt/secret", FROM "/link"));
        ASSERT_OK(mkfifo(FROM "/fifo", 0600));
        ASSERT_OK(mknod(FROM "/device", S_IFCHR | 0600, makedev(1, 5))); /* /dev/zero, which has no end */
        ASSERT_OK(mkdir(FROM "/directory", 0755));
        pid = fork();
        ASSERT_OK(pid);
        if (pid == 0)
                exchange_for_ever();
        for (unsigned i = 0; i < 300; i++) {
                DIR *d;

                ASSERT_OK(copy(NULL));
                d = opendir(TO);
                ASSERT_TRUE(d);
                for (struct dirent *e; (e = readdir(d));)
                        if (e->d_type == DT_REG) {
                                _cleanup_free_ char *text = NULL;

                                ASSERT_OK(read_file_at(dirfd(d), e->d_name, 100, &text, NULL));
                                ASSERT_STREQ(text, "public");
                        }
                (void) closedir(d);
                ASSERT_OK(remove_tree_at(AT_FDCWD, TO));
                ASSERT_OK(mkdir(TO, 0755));
        }
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        same_text("/mnt/secret", "secret");
        ASSERT_OK(unlink("/mnt/secret"));
}

/* As if it had been read before: neither followed nor replaced. */
TEST(name_that_is_taken) {
        begin();
        make_file(FROM "/file", "text");
        make_file(FROM "/other", "text");
        ASSERT_OK(symlink("/mnt/outside", TO "/file"));
        ASSERT_OK(copy(NULL));
        ASSERT_TRUE(access("/mnt/outside", F_OK) < 0);
        same_text(TO "/other", "text");
}

TEST_MAIN_FOR_ROOT
