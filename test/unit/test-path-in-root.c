/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile trees, each as it lies there; test-path-in-root-race.c has those that change meanwhile. */

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "hostile-tree.h"

static bool same_file(int a, int b) {
        struct stat x, y;

        ASSERT_TRUE(fstat(a, &x) >= 0 && fstat(b, &y) >= 0);
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static mode_t mode_at(int root, const char *path) {
        struct stat st;

        ASSERT_TRUE(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) >= 0);
        return st.st_mode;
}

static void assert_link(int root, const char *path, const char *target) {
        char text[PATH_MAX];
        ssize_t n = readlinkat(root, path, text, sizeof(text) - 1);

        ASSERT_TRUE(n >= 0);
        text[n] = 0;
        ASSERT_STREQ(text, target);
}

static void assert_content(int root, const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(read_file_at(root, path, 1000, &text, NULL));
        ASSERT_STREQ(text, expected);
}

/* A mount namespace of the test's own, as root or not. What was opened before has its mounts elsewhere. */
static void enter_own_mounts(void) {
        static bool entered;
        char uid_map[64], gid_map[64];

        if (entered)
                return;
        if (unshare(CLONE_NEWNS) < 0) {
                (void) snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
                (void) snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
                if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                        TEST_FAIL("no mount namespace to be had: %m");
                ASSERT_OK(write_kernel_file_at(AT_FDCWD, "/proc/self/uid_map", uid_map));
                ASSERT_OK(write_kernel_file_at(AT_FDCWD, "/proc/self/setgroups", "deny"));
                ASSERT_OK(write_kernel_file_at(AT_FDCWD, "/proc/self/gid_map", gid_map));
        }
        ASSERT_TRUE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0);
        base_fd = safe_close(base_fd);
        entered = true;
}

/* Mounts in the tree go before it is removed. */
static void mount_in_tree(const char *what, const char *where, const char *type, unsigned long flags) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/tree/%s", base, where);
        if (mount(what, path, type, flags, NULL) < 0)
                TEST_FAIL("%s on %s: %m", what, path);
}

static void unmount_in_tree(const char *where) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/tree/%s", base, where);
        ASSERT_TRUE(umount2(path, MNT_DETACH) >= 0);
}

TEST(root_itself) {
        static const char *const names[] = { "",   "/",        ".",  "//",    "/..",
                                             "..", "../../..", "up", "slash", "slash/up/slash" };
        _cleanup_close_ int root = new_tree();

        ASSERT_TRUE(symlinkat("../../../../..", root, "up") >= 0);
        ASSERT_TRUE(symlinkat("/", root, "slash") >= 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_close_ int opened = root_open(root, names[i], O_PATH),
                                    made = root_mkdir(root, names[i], 0755);

                ASSERT_OK(opened);
                ASSERT_OK(made);
                ASSERT_TRUE(same_file(opened, root) && same_file(made, root));
        }
        assert_canary();
}

TEST(ways_out) {
        static const char *const ways[] = {
                "../canary/secret", "/../canary/secret", "up/canary/secret", "out/secret", "secret", "out-dir/secret",
        };
        _cleanup_close_ int root = new_tree();
        char text[101];

        ASSERT_TRUE(symlinkat("..", root, "up") >= 0);
        ASSERT_TRUE(symlinkat("../canary", root, "out") >= 0);
        link_to_base(root, "out-dir", "canary");
        link_to_base(root, "secret", "canary/secret");
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                ASSERT_ERR(root_open(root, ways[i], O_RDONLY), -ENOENT);
                ASSERT_ERR(root_open(root, ways[i], O_WRONLY | O_TRUNC), -ENOENT);
                ASSERT_ERR(read_into(root, ways[i], text), -ENOENT);
        }
        assert_canary();
}

/* What is to be made beyond such a link is made in the tree or not at all. */
TEST(nothing_made_outside) {
        static const char *const ways[] = { "../canary/new", "up/canary/new", "out/new", "out-dir/new" };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                _cleanup_close_ int root = new_tree();
                char below[64];

                ASSERT_TRUE(symlinkat("..", root, "up") >= 0);
                ASSERT_TRUE(symlinkat("../canary", root, "out") >= 0);
                link_to_base(root, "out-dir", "canary");
                (void) snprintf(below, sizeof(below), "%s/er", ways[i]);

                (void) done(root_mkdir(root, ways[i], 0755));
                (void) done(root_mkdir(root, below, 0755));
                (void) done(root_mount_point(root, ways[i], false));
                (void) done(root_mount_point(root, below, true));
                ASSERT_TRUE(root_symlink(root, "x", below) <= 0);
                ASSERT_TRUE(root_replace_symlink(root, "x", below) <= 0);
                ASSERT_TRUE(root_replace_file(root, ways[i], "x", 1) <= 0);
                assert_canary();
        }
}

TEST(absolute_links_lead_inside) {
        _cleanup_close_ int root = new_tree(), made = -EBADF, seen = -EBADF;

        ASSERT_TRUE(mkdirat(root, "usr", 0755) >= 0 && mkdirat(root, "usr/etc", 0755) >= 0);
        ASSERT_TRUE(symlinkat("/usr/etc", root, "etc") >= 0);
        made = root_mkdir(root, "/etc/a/b", 0700);
        ASSERT_OK(made);
        seen = openat(root, "usr/etc/a/b", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(seen >= 0 && same_file(made, seen));
        ASSERT_EQ(mode_at(root, "usr/etc/a") & 07777, 0700);
        ASSERT_OK(root_replace_file(root, "/etc/a/hosts", "x\n", 2));
        assert_content(root, "usr/etc/a/hosts", "x\n");
}

TEST(loops) {
        _cleanup_close_ int root = new_tree();
        char text[101];

        ASSERT_TRUE(symlinkat("loop", root, "loop") >= 0);
        ASSERT_TRUE(symlinkat("/b", root, "a") >= 0 && symlinkat("a/x", root, "b") >= 0);
        for (const char *const *p = (const char *const[]){ "loop", "a", "loop/x", "b/x/y", NULL }; *p; p++) {
                ASSERT_ERR(root_open(root, *p, O_PATH), -ELOOP);
                ASSERT_ERR(root_mkdir(root, *p, 0755), -ELOOP);
                ASSERT_ERR(root_mount_point(root, *p, true), -ELOOP);
                ASSERT_ERR(root_mount_point(root, *p, false), -ELOOP);
                ASSERT_ERR(read_into(root, *p, text), -ELOOP);
        }
        ASSERT_ERR(root_replace_file(root, "loop/x", "x", 1), -ELOOP);
        ASSERT_ERR(root_symlink(root, "x", "a/x"), -ELOOP);
        ASSERT_TRUE(root_exists(root, "loop"));
        ASSERT_TRUE(!root_exists(root, "loop/x"));

        /* As the last part it is what stands there and nothing more. */
        ASSERT_OK(root_replace_file(root, "loop", "x", 1));
        assert_content(root, "loop", "x");
}

TEST(dangling) {
        _cleanup_close_ int root = new_tree();
        char text[101];

        ASSERT_TRUE(symlinkat("gone", root, "near") >= 0);
        ASSERT_TRUE(symlinkat("/gone/further", root, "far") >= 0);
        link_to_base(root, "outside", "canary/new");
        for (const char *const *p = (const char *const[]){ "near", "far", "outside", NULL }; *p; p++) {
                char below[64];

                (void) snprintf(below, sizeof(below), "%s/x", *p);
                ASSERT_ERR(root_open(root, *p, O_PATH), -ENOENT);
                ASSERT_ERR(root_mkdir(root, *p, 0755), -ENOENT);
                ASSERT_ERR(root_mkdir(root, below, 0755), -ENOENT);
                ASSERT_ERR(root_mount_point(root, *p, false), -ENOENT);
                ASSERT_ERR(root_mount_point(root, below, false), -ENOENT);
                ASSERT_ERR(root_replace_file(root, below, "x", 1), -ENOENT);
                ASSERT_ERR(read_into(root, *p, text), -ENOENT);
                ASSERT_TRUE(root_exists(root, *p));
        }
        ASSERT_TRUE(!root_exists(root, "gone"));
        assert_canary();
}

TEST(file_as_parent) {
        _cleanup_close_ int root = new_tree();
        const char *name;
        char text[101];

        ASSERT_OK(write_new_file_at(root, "file", "x", 1, 0644));
        ASSERT_TRUE(symlinkat("file", root, "link") >= 0);
        ASSERT_TRUE(mkfifoat(root, "fifo", 0644) >= 0);
        for (const char *const *p = (const char *const[]){ "file/x", "link/x", "fifo/x", NULL }; *p; p++) {
                ASSERT_ERR(root_open(root, *p, O_RDONLY), -ENOTDIR);
                ASSERT_ERR(root_mkdir(root, *p, 0755), -ENOTDIR);
                ASSERT_ERR(root_mount_point(root, *p, true), -ENOTDIR);
                ASSERT_ERR(root_mount_point(root, *p, false), -ENOTDIR);
                ASSERT_ERR(root_open_parent(root, *p, true, &name), -ENOTDIR);
                ASSERT_ERR(root_symlink(root, "x", *p), -ENOTDIR);
                ASSERT_ERR(root_replace_file(root, *p, "x", 1), -ENOTDIR);
                ASSERT_ERR(root_replace_symlink(root, "x", *p), -ENOTDIR);
                ASSERT_ERR(read_into(root, *p, text), -ENOTDIR);
                ASSERT_TRUE(!root_exists(root, *p));
        }
}

/* The alarm ends the test if one of these waits. */
TEST(special_files) {
        _cleanup_close_ int root = new_tree(), sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char text[101];

        ASSERT_TRUE(mkfifoat(root, "fifo", 0644) >= 0);
        ASSERT_TRUE(symlinkat("/fifo", root, "link") >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/tree/socket", base);
        ASSERT_TRUE(bind(sock, (struct sockaddr *) &address, sizeof(address)) >= 0);

        ASSERT_ERR(read_into(root, "fifo", text), -EBADF);
        ASSERT_ERR(read_into(root, "link", text), -EBADF);
        ASSERT_ERR(read_into(root, ".", text), -EBADF);
        ASSERT_TRUE(read_into(root, "socket", text) < 0);
        for (const char *const *p = (const char *const[]){ "fifo", "socket", NULL }; *p; p++) {
                ASSERT_OK(done(root_mount_point(root, *p, false)));
                ASSERT_ERR(root_mount_point(root, *p, true), -ENOTDIR);
                ASSERT_ERR(root_symlink(root, "x", *p), -EEXIST);
                ASSERT_OK(root_replace_file(root, *p, "x", 1));
                assert_content(root, *p, "x");
        }
}

/* Opening a device can do things, so one that somebody put into a tree is looked at, not opened. There is no
 * driver for this one: to open it is to fail with ENXIO. */
TEST(devices_are_not_opened) {
        _cleanup_close_ int root = new_tree();
        char text[101];

        if (mknodat(root, "device", S_IFCHR | 0644, makedev(250, 77)) < 0) {
                printf("# no device nodes to be made here: %m\n");
                return;
        }
        ASSERT_ERR(read_into(root, "device", text), -EBADF);
        ASSERT_OK(done(root_mount_point(root, "device", false)));
}

TEST(names) {
        static const char *const bad[] = { "/", "", ".", "..", "a/.", "a/..", "/..", "a/" };
        char name[NAME_MAX + 2], path[2 * PATH_MAX];
        _cleanup_close_ int root = new_tree();
        const char *last = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ASSERT_ERR(root_open_parent(root, bad[i], true, &last), -EINVAL);
                ASSERT_ERR(root_replace_file(root, bad[i], "x", 1), -EINVAL);
                ASSERT_ERR(root_symlink(root, "x", bad[i]), -EINVAL);
        }
        ASSERT_TRUE(!last);
        ASSERT_TRUE(!root_exists(root, "a"));

        ASSERT_OK(done(root_open_parent(root, "new/./dir//name", true, &last)));
        ASSERT_STREQ(last, "name");
        ASSERT_TRUE(S_ISDIR(mode_at(root, "new/dir")));
        ASSERT_ERR(root_open_parent(root, "other/name", false, &last), -ENOENT);
        ASSERT_TRUE(!root_exists(root, "other"));
        ASSERT_OK(done(root_open_parent(root, "name", false, &last)));
        ASSERT_OK(done(root_mkdir(root, "/x//y/../z/./w/", 0755)));
        ASSERT_TRUE(S_ISDIR(mode_at(root, "x/z/w")));

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = 0;
        ASSERT_ERR(root_mkdir(root, name, 0755), -ENAMETOOLONG);
        ASSERT_TRUE(root_mount_point(root, name, false) < 0);
        ASSERT_TRUE(root_replace_file(root, name, "x", 1) < 0);
        name[NAME_MAX] = 0;
        ASSERT_OK(done(root_mkdir(root, name, 0755)));

        memset(path, 'a', sizeof(path));
        for (size_t i = 0; i < sizeof(path); i += 2)
                path[i] = '/';
        path[sizeof(path) - 2] = 0;
        ASSERT_ERR(root_mkdir(root, path, 0755), -ENAMETOOLONG);
        ASSERT_ERR(root_replace_file(root, path, "x", 1), -ENAMETOOLONG);
}

TEST(mount_points) {
        _cleanup_close_ int root = new_tree(), a = -EBADF, b = -EBADF;

        ASSERT_OK(done(root_mount_point(root, "/run/host/file", false)));
        ASSERT_EQ(mode_at(root, "run/host/file"), S_IFREG | 0644);
        ASSERT_EQ(mode_at(root, "run/host"), S_IFDIR | 0755);
        ASSERT_OK(done(root_mount_point(root, "/run/host/file", false)));
        ASSERT_ERR(root_mount_point(root, "/run/host/file", true), -ENOTDIR);
        ASSERT_OK(done(root_mount_point(root, "/run/host/dir", true)));
        ASSERT_EQ(mode_at(root, "run/host/dir"), S_IFDIR | 0755);
        ASSERT_ERR(root_mount_point(root, "/run/host/dir", false), -EISDIR);
        ASSERT_ERR(root_mount_point(root, "/", false), -EISDIR);

        ASSERT_TRUE(symlinkat("/run/host/file", root, "link") >= 0);
        a = root_mount_point(root, "link", false);
        b = root_mount_point(root, "run/host/file", false);
        ASSERT_TRUE(a >= 0 && b >= 0 && same_file(a, b));
}

TEST(symlinks) {
        _cleanup_close_ int root = new_tree();

        ASSERT_OK(root_symlink(root, "/proc/self/fd", "/dev/fd"));
        assert_link(root, "dev/fd", "/proc/self/fd");
        ASSERT_OK(root_symlink(root, "/proc/self/fd", "/dev/fd"));
        ASSERT_ERR(root_symlink(root, "/proc/self/f", "/dev/fd"), -EEXIST);
        ASSERT_ERR(root_symlink(root, "/proc/self/fd2", "/dev/fd"), -EEXIST);
        ASSERT_ERR(root_symlink(root, "x", "/dev"), -EEXIST);
        assert_link(root, "dev/fd", "/proc/self/fd");

        ASSERT_OK(root_replace_symlink(root, "elsewhere", "/dev/fd"));
        assert_link(root, "dev/fd", "elsewhere");
        ASSERT_ERR(root_replace_symlink(root, "x", "dev"), -EISDIR);
        ASSERT_EQ(count_names("tree", "dev"), 0);
        ASSERT_EQ(count_names("tree/dev", "fd"), 0);
}

TEST(replace_file) {
        _cleanup_close_ int root = new_tree();
        char temporary[64];

        ASSERT_OK(root_replace_file(root, "etc/hosts", "one", 3));
        ASSERT_OK(root_replace_file(root, "etc/hosts", "two", 3));
        assert_content(root, "etc/hosts", "two");
        ASSERT_OK(root_replace_file(root, "etc/hosts", "", 0));
        assert_content(root, "etc/hosts", "");

        /* A link to what others need is taken away, not written through. */
        link_to_base(root, "etc/link", "canary/secret");
        ASSERT_TRUE(symlinkat("hosts", root, "etc/near") >= 0);
        ASSERT_OK(root_replace_file(root, "etc/link", "x", 1));
        ASSERT_OK(root_replace_file(root, "etc/near", "x", 1));
        assert_content(root, "etc/hosts", "");
        ASSERT_TRUE(S_ISREG(mode_at(root, "etc/link")) && S_ISREG(mode_at(root, "etc/near")));
        /* Nor is a hard link. */
        ASSERT_TRUE(linkat(root, "etc/hosts", root, "etc/hard", 0) >= 0);
        ASSERT_OK(root_replace_file(root, "etc/hard", "x", 1));
        assert_content(root, "etc/hosts", "");

        (void) umask(0077);
        ASSERT_OK(root_replace_file(root, "etc/hosts", "x", 1));
        (void) umask(0022);
        ASSERT_EQ(mode_at(root, "etc/hosts"), S_IFREG | 0644);

        /* A leftover of somebody who died here with our number is no obstacle. */
        (void) snprintf(temporary, sizeof(temporary), "etc/.#nspawn-%i", (int) getpid());
        link_to_base(root, temporary, "canary/secret");
        ASSERT_OK(root_replace_file(root, "etc/hosts", "y", 1));
        assert_content(root, "etc/hosts", "y");

        ASSERT_ERR(root_replace_file(root, "etc", "x", 1), -EISDIR);
        ASSERT_EQ(count_names("tree", "etc"), 0);
        ASSERT_EQ(count_names("tree/etc", NULL), 4);
        assert_canary();
}

TEST(read_file) {
        _cleanup_close_ int root = new_tree();
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        char text[101];

        ASSERT_OK(write_new_file_at(root, "file", "ab\0cd", 5, 0644));
        ASSERT_TRUE(symlinkat("/../file", root, "link") >= 0);
        ASSERT_OK(root_read_file(root, "link", 5, &data, &size));
        ASSERT_EQ(size, 5);
        ASSERT_TRUE(memcmp(data, "ab\0cd", 6) == 0);
        free(TAKE_PTR(data));
        ASSERT_ERR(root_read_file(root, "link", 4, &data, &size), -EFBIG);
        ASSERT_TRUE(!data);
        ASSERT_ERR(read_into(root, "none", text), -ENOENT);
}

TEST(magic_links) {
        static const char *const doors[] = {
                "proc/self/root", "proc/self/root/etc", "proc/self/cwd", "proc/self/exe",
                "proc/self/fd/0", "proc/self/ns/mnt",   "door",          "door/etc",
        };
        _cleanup_close_ int root = -EBADF;

        enter_own_mounts();
        root = new_tree();
        ASSERT_TRUE(mkdirat(root, "proc", 0755) >= 0);
        mount_in_tree("/proc", "proc", NULL, MS_BIND | MS_REC);
        ASSERT_TRUE(symlinkat("/proc/self/root", root, "door") >= 0);
        for (size_t i = 0; i < ELEMENTSOF(doors); i++) {
                char below[64];

                (void) snprintf(below, sizeof(below), "%s/x", doors[i]);
                ASSERT_ERR(root_open(root, doors[i], O_PATH), -ELOOP);
                ASSERT_ERR(root_mkdir(root, below, 0755), -ELOOP);
                ASSERT_ERR(root_replace_file(root, below, "x", 1), -ELOOP);
        }
        /* Plain links of procfs are links like any other. */
        ASSERT_OK(done(root_open(root, "proc/self/status", O_PATH)));
        unmount_in_tree("proc");
}

TEST(mounts_are_crossed) {
        _cleanup_close_ int root = -EBADF, up = -EBADF;
        char canary[PATH_MAX], text[101];

        enter_own_mounts();
        root = new_tree();
        ASSERT_TRUE(mkdirat(root, "m", 0755) >= 0 && mkdirat(root, "bound", 0755) >= 0);
        ASSERT_OK(write_new_file_at(root, "file", "x", 1, 0644));
        (void) snprintf(canary, sizeof(canary), "%s/canary", base);
        mount_in_tree("tmpfs", "m", "tmpfs", 0);
        mount_in_tree(canary, "bound", NULL, MS_BIND);
        mount_in_tree("/dev/null", "file", NULL, MS_BIND);

        ASSERT_OK(done(root_mkdir(root, "m/a/b", 0755)));
        ASSERT_OK(root_replace_file(root, "m/a/b/c", "x", 1));
        ASSERT_OK(root_symlink(root, "/m/a", "link"));
        ASSERT_OK(read_into(root, "link/b/c", text));
        ASSERT_STREQ(text, "x");
        /* The parent of what is bound here is here. */
        up = root_open(root, "bound/..", O_PATH);
        ASSERT_TRUE(up >= 0 && same_file(up, root));
        ASSERT_ERR(root_open(root, "bound/../canary", O_PATH), -ENOENT);
        ASSERT_ERR(root_replace_file(root, "file", "x", 1), -EBUSY);
        ASSERT_ERR(read_into(root, "file", text), -EBADF);

        unmount_in_tree("file");
        unmount_in_tree("bound");
        unmount_in_tree("m");
        ASSERT_EQ(count_names("tree/m", NULL), 0);
        assert_canary();
}
TEST_MAIN
