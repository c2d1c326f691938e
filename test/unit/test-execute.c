/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interpreter, over trees in a mount namespace of the test's own. Needs root. */

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/execute.h"
#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "test.h"

#define PRIVATE (1UL << 18) /* MS_PRIVATE: <sys/mount.h> cannot be included beside <linux/mount.h> */

static char base[] = "/tmp/nspawn-test-XXXXXX", logged[1024];

int umount2(const char *path, int flags);

static void remove_base(void) {
        while (umount2(base, 2 /* MNT_DETACH */) >= 0)
                ;
        (void) rmdir(base);
}

static void keep_log(int level, const char *text, void *userdata) {
        (void) level, (void) userdata;
        (void) snprintf(logged, sizeof(logged), "%s", text);
}

/* A new tree on a file system of its own, attached over the last one, with a host directory beside it. */
static int new_tree(void) {
        _cleanup_close_ int fs = -EBADF, place = -EBADF;
        int fd;

        if (endswith(base, "XXXXXX")) {
                if (unshare(CLONE_NEWNS) < 0)
                        TEST_FAIL("this test needs root, for a mount namespace of its own: %m");
                ASSERT_OK(mount_set_propagation(AT_FDCWD, "/", PRIVATE, true));
                ASSERT_TRUE(mkdtemp(base));
                (void) atexit(remove_base);
                (void) umask(0);
                (void) alarm(30);
        }
        fs = mount_new("tmpfs", NULL, "mode=0755,size=4m", 0);
        ASSERT_OK(fs);
        ASSERT_TRUE(mkdirat(fs, "tree", 0755) >= 0 && mkdirat(fs, "host", 0755) >= 0);
        ASSERT_OK(write_new_file_at(fs, "host/file", "host", 4, 0644));
        place = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(place >= 0);
        ASSERT_OK(mount_attach(fs, place));
        fd = openat(fs, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        return fd;
}

/* Good for the next four calls. */
static const char *host_path(const char *name) {
        static char paths[4][128];
        static unsigned n;
        char *path = paths[n++ % ELEMENTSOF(paths)];

        (void) snprintf(path, sizeof(paths[0]), "%s/host%s", base, name);
        return path;
}

static int execute(int root, const Operation *items, size_t n) {
        ExecuteContext context = { .root_fd = root, .origin_fd = root, .sysfs_fd = -EBADF };
        OperationList list = { .items = (Operation *) items, .n_items = n };
        int r;

        logged[0] = 0;
        log_set_sink(keep_log, NULL);
        r = execute_operations(&context, &list);
        log_set_sink(NULL, NULL);
        (void) safe_close(context.sysfs_fd);
        return r;
}

#define EXECUTE(root, ...)                                                                                            \
        ({                                                                                                            \
                const Operation _items[] = { __VA_ARGS__ };                                                           \
                execute(root, _items, ELEMENTSOF(_items));                                                            \
        })

static struct stat stat_in(int root, const char *path) {
        _cleanup_close_ int fd = root_open(root, path, O_PATH | O_NOFOLLOW);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                TEST_FAIL("%s is not there", path);
        return st;
}

static unsigned long flags_in(int root, const char *path) {
        _cleanup_close_ int fd = root_open(root, path, O_PATH);
        struct statvfs s;

        ASSERT_TRUE(fd >= 0 && fstatvfs(fd, &s) >= 0);
        return s.f_flag;
}

static void assert_content(int root, const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(root_read_file(root, path, 100, &text, NULL));
        ASSERT_STREQ(text, expected);
}

TEST(places) {
        _cleanup_close_ int root = new_tree();
        char target[32] = "";

        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_DIRECTORY, .where = "/a/b", .mode = 01777 },
                          { .kind = OPERATION_DIRECTORY, .where = "/a/b", .mode = 0700 },
                          { .kind = OPERATION_SYMLINK, .where = "/dev/fd", .what = "/proc/self/fd" },
                          { .kind = OPERATION_FILE, .where = "/run/file", .what = "text\n", .mode = 0640 },
                          { .kind = OPERATION_NODE, .where = "/fifo", .mode = S_IFIFO | 0622 },
                          { .kind = OPERATION_NODE, .where = "/reg", .mode = S_IFREG }));
        ASSERT_EQ(stat_in(root, "a").st_mode, S_IFDIR | 0755);
        ASSERT_EQ(stat_in(root, "a/b").st_mode, S_IFDIR | 01777);
        ASSERT_EQ(stat_in(root, "fifo").st_mode, S_IFIFO | 0622);
        ASSERT_EQ(stat_in(root, "reg").st_mode, S_IFREG);
        ASSERT_EQ(stat_in(root, "run/file").st_mode, S_IFREG | 0640);
        assert_content(root, "run/file", "text\n");
        ASSERT_TRUE(readlinkat(root, "dev/fd", target, sizeof(target) - 1) > 0);
        ASSERT_STREQ(target, "/proc/self/fd");
}

TEST(device) {
        _cleanup_close_ int root = new_tree();
        struct stat st;

        ASSERT_OK(EXECUTE(root,
                          { .kind = OPERATION_NODE,
                            .where = "/dev/null",
                            .mode = S_IFCHR | 0666,
                            .device = makedev(1, 3) }));
        st = stat_in(root, "dev/null");
        ASSERT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
        ASSERT_EQ(st.st_mode & 07777, 0666);
}

TEST(mount) {
        _cleanup_close_ int root = new_tree();

        ASSERT_OK(EXECUTE(root,
                          { .kind = OPERATION_MOUNT,
                            .where = "/tmp",
                            .what = "tmpfs",
                            .options = "mode=1777,size=1m",
                            .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
                          { .kind = OPERATION_DIRECTORY, .where = "/tmp/below", .mode = 0755 },
                          { .kind = OPERATION_REMOUNT, .where = "/tmp", .attributes = MOUNT_ATTR_RDONLY }));
        ASSERT_EQ(stat_in(root, "tmp").st_mode, S_IFDIR | 01777);
        ASSERT_EQ(flags_in(root, "tmp") & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY),
                  ST_NOSUID | ST_NODEV | ST_RDONLY);
        ASSERT_TRUE(root_exists(root, "tmp/below"));
}

TEST(bind) {
        _cleanup_close_ int root = new_tree();

        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_BIND_HOST, .where = "/new/dir", .what = host_path("") },
                          { .kind = OPERATION_BIND_HOST,
                            .where = "/new/ro",
                            .what = host_path(""),
                            .attributes = MOUNT_ATTR_RDONLY,
                            .flags = OPERATION_RECURSIVE }));
        assert_content(root, "new/dir/file", "host");
        ASSERT_EQ(flags_in(root, "new/dir") & ST_RDONLY, 0);
        ASSERT_EQ(flags_in(root, "new/ro") & ST_RDONLY, ST_RDONLY);

        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_BIND_HOST, .where = "/etc/host-file", .what = host_path("/file") },
                          { .kind = OPERATION_BIND_SELF,
                            .where = "/etc/copy",
                            .what = "/etc/host-file",
                            .attributes = MOUNT_ATTR_RDONLY }));
        assert_content(root, "etc/copy", "host");
        ASSERT_EQ(flags_in(root, "etc/host-file") & ST_RDONLY, 0);
        ASSERT_EQ(flags_in(root, "etc/copy") & ST_RDONLY, ST_RDONLY);
}

TEST(missing) {
        _cleanup_close_ int root = new_tree();

        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_BIND_HOST, .where = "/x", .what = host_path("/none") }), -ENOENT);
        ASSERT_TRUE(strstr(logged, "/none") && strstr(logged, "/x"));
        ASSERT_OK(EXECUTE(root,
                          { .kind = OPERATION_BIND_HOST,
                            .where = "/x",
                            .what = host_path("/none"),
                            .flags = OPERATION_OPTIONAL },
                          { .kind = OPERATION_BIND_SELF, .where = "/x", .what = "/none", .flags = OPERATION_OPTIONAL },
                          { .kind = OPERATION_MASK, .where = "/none", .flags = OPERATION_OPTIONAL },
                          { .kind = OPERATION_BIND_HOST,
                            .where = "/none",
                            .what = host_path(""),
                            .flags = OPERATION_OPTIONAL | OPERATION_EXISTING }));
        ASSERT_STREQ(logged, "");
        ASSERT_TRUE(!root_exists(root, "x") && !root_exists(root, "none"));
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_MASK, .where = "/none" }), -ENOENT);

        /* The first failure ends it. */
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_REMOUNT, .where = "/none" },
                           { .kind = OPERATION_DIRECTORY, .where = "/after", .mode = 0755 }),
                   -ENOENT);
        ASSERT_TRUE(!root_exists(root, "after"));
}

static void make_nothing(int root) {
        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_NODE, .where = "/run/host/inaccessible/reg", .mode = S_IFREG },
                          { .kind = OPERATION_DIRECTORY, .where = "/run/host/inaccessible/dir", .mode = 0 },
                          { .kind = OPERATION_NODE, .where = "/run/host/inaccessible/fifo", .mode = S_IFIFO }));
}

TEST(mask) {
        _cleanup_close_ int root = new_tree();

        make_nothing(root);
        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_FILE, .where = "/secret/file", .what = "x", .mode = 0644 },
                          { .kind = OPERATION_NODE, .where = "/pipe", .mode = S_IFIFO | 0666 },
                          { .kind = OPERATION_SYMLINK, .where = "/link", .what = "/secret/file" },
                          { .kind = OPERATION_MASK, .where = "/link" }));
        /* Through the link, what it leads to is masked. */
        ASSERT_EQ(stat_in(root, "secret/file").st_mode, S_IFREG);
        assert_content(root, "secret/file", "");
        ASSERT_OK(EXECUTE(root, { .kind = OPERATION_MASK, .where = "/secret" },
                          { .kind = OPERATION_MASK, .where = "/pipe" }));
        ASSERT_EQ(stat_in(root, "secret").st_mode, S_IFDIR);
        ASSERT_TRUE(!root_exists(root, "secret/file"));
        ASSERT_EQ(stat_in(root, "pipe").st_mode, S_IFIFO);
}

/* Links in the tree lead to other places in the tree; the host directory beside it stays as it was. */
TEST(hostile_tree) {
        _cleanup_close_ int root = new_tree(), host = open(host_path(""), O_PATH | O_DIRECTORY | O_CLOEXEC);
        static const char *const links[] = { "dev", "run", "etc", "tmp", "opt" };
        struct stat st;

        make_nothing(root); /* /run is real for this one */
        ASSERT_TRUE(host >= 0 && fstat(host, &st) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (!streq(links[i], "run"))
                        ASSERT_TRUE(symlinkat(i % 2 ? "../host" : host_path(""), root, links[i]) >= 0);

        (void) EXECUTE(root, { .kind = OPERATION_DIRECTORY, .where = "/dev/new", .mode = 0755 });
        (void) EXECUTE(root, { .kind = OPERATION_NODE, .where = "/etc/node", .mode = S_IFREG | 0644 });
        (void) EXECUTE(root, { .kind = OPERATION_FILE, .where = "/dev/f", .what = "x", .mode = 0644 });
        (void) EXECUTE(root, { .kind = OPERATION_SYMLINK, .where = "/etc/l", .what = "x" });
        (void) EXECUTE(root, { .kind = OPERATION_MASK, .where = "/tmp/file" });
        (void) EXECUTE(root, { .kind = OPERATION_MOUNT, .where = "/opt", .what = "tmpfs" });
        (void) EXECUTE(root, { .kind = OPERATION_BIND_SELF, .where = "/stolen", .what = "/tmp/file" });
        ASSERT_TRUE(!root_exists(root, "stolen"));

        for (const char *const *name = (const char *const[]){ "new", "node", "f", "l", NULL }; *name; name++)
                ASSERT_TRUE(faccessat(host, *name, F_OK, AT_SYMLINK_NOFOLLOW) < 0);
        {
                _cleanup_close_ int again = open(host_path(""), O_PATH | O_DIRECTORY | O_CLOEXEC);
                struct stat now;

                ASSERT_TRUE(fstat(again, &now) >= 0);
                ASSERT_EQ(now.st_dev, st.st_dev);
                ASSERT_EQ(now.st_ino, st.st_ino);
        }
}

/* Things of the wrong kind in the way. */
TEST(in_the_way) {
        _cleanup_close_ int root = new_tree();

        ASSERT_OK(write_new_file_at(root, "dev", "x", 1, 0644));
        ASSERT_TRUE(mkdirat(root, "etc", 0755) >= 0 && mkdirat(root, "etc/file", 0755) >= 0);
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_MOUNT, .where = "/dev", .what = "tmpfs" }), -ENOTDIR);
        ASSERT_TRUE(strstr(logged, "/dev"));
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_DIRECTORY, .where = "/dev/x", .mode = 0755 }), -ENOTDIR);
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_BIND_HOST, .where = "/etc/file", .what = host_path("/file") }),
                   -EISDIR);
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_FILE, .where = "/etc/file", .what = "x", .mode = 0644 }),
                   -EEXIST);
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_SYMLINK, .where = "/etc/file", .what = "x" }), -EEXIST);
        ASSERT_ERR(EXECUTE(root, { .kind = OPERATION_NODE, .where = "/etc/file", .mode = S_IFREG }), -EEXIST);
}

TEST(sysfs) {
        _cleanup_close_ int root = new_tree();
        int r = EXECUTE(root,
                        { .kind = OPERATION_SYSFS,
                          .where = "/sys/kernel",
                          .what = "kernel",
                          .attributes = MOUNT_ATTR_RDONLY },
                        { .kind = OPERATION_SYSFS,
                          .where = "/sys/none",
                          .what = "none",
                          .flags = OPERATION_OPTIONAL });

        ASSERT_OK(r);
        ASSERT_TRUE(root_exists(root, "sys/kernel/mm"));
        ASSERT_EQ(flags_in(root, "sys/kernel") & ST_RDONLY, ST_RDONLY);
        ASSERT_TRUE(!root_exists(root, "sys/none"));
}

TEST_MAIN_FOR_ROOT
