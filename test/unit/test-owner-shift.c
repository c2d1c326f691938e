/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Giving trees away, and walking them. Needs root. */

#include "owner-shift.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"
#include "mount-fd.h"
#include "test.h"
#include "tree-walk.h"

#define BASE 524288u
#define PRIVATE (1UL << 18) /* MS_PRIVATE: <sys/mount.h> cannot be included beside <linux/mount.h> */

TEST_MAIN_FOR_ROOT

static int file_system = -EBADF;

/* A tree on a file system of its own, with "out" beside the "tree"; gives that. */
static int new_tree(void) {
        int fs = mount_new("tmpfs", NULL, "mode=0755,size=16m", 0);

        (void) safe_close(file_system);
        file_system = fs;
        if (fs < 0)
                TEST_FAIL("this test needs root, for a file system of its own: %s", strerror(-fs));
        ASSERT_TRUE(mkdirat(fs, "tree", 0755) >= 0 && mkdirat(fs, "out", 0755) >= 0);
        ASSERT_OK(write_new_file_at(fs, "out/file", "x", 1, 0644));
        return openat(fs, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void make_file(int tree, const char *path, mode_t mode, uid_t uid, gid_t gid) {
        ASSERT_OK(write_new_file_at(tree, path, "x", 1, 0));
        ASSERT_TRUE(fchownat(tree, path, uid, gid, AT_SYMLINK_NOFOLLOW) >= 0);
        ASSERT_TRUE(fchmodat(tree, path, mode, 0) >= 0);
}

static struct stat stat_of(int tree, const char *path) {
        struct stat st;

        if (fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
                TEST_FAIL("%s: %m", path);
        return st;
}

static void assert_owner(int tree, const char *path, uid_t uid, gid_t gid) {
        struct stat st = stat_of(tree, path);

        if (st.st_uid != uid || st.st_gid != gid)
                TEST_FAIL("%s belongs to %u:%u, not to %u:%u", path, st.st_uid, st.st_gid, uid, gid);
}

static int shift_to(int tree, uid_t base) {
        _cleanup_free_ char *where = NULL;
        const OwnerShift how = { .base = base };

        return owner_shift(tree, &how, &where);
}

static const char *path_of(int tree, const char *name) {
        static char path[64];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i/%s", tree, name);
        return path;
}

TEST(every_kind_of_file) {
        _cleanup_close_ int tree = new_tree();
        static const struct {
                const char *name;
                mode_t mode;
        } nodes[] = {
                { "fifo", S_IFIFO | 0622 },
                { "chr", S_IFCHR | 0666 },
                { "blk", S_IFBLK | 0600 },
                { "sock", S_IFSOCK | 0755 },
        };

        make_file(tree, "file", 0640, 5, 6);
        make_file(tree, "foreign", 0640, 655360 + 33, 655360 + 34);
        ASSERT_TRUE(mkdirat(tree, "dir", 01770) >= 0 && fchownat(tree, "dir", 7, 8, 0) >= 0);
        make_file(tree, "dir/below", 0600, 1, 2);
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                ASSERT_TRUE(mknodat(tree, nodes[i].name, nodes[i].mode, makedev(1, 3)) >= 0);
        /* Out of the tree, to itself, to nowhere and up. */
        ASSERT_TRUE(symlinkat("../out/file", tree, "link") >= 0 && symlinkat("loop", tree, "loop") >= 0);
        ASSERT_TRUE(symlinkat("/nonexistent", tree, "dangling") >= 0 && symlinkat("..", tree, "up") >= 0);
        ASSERT_TRUE(fchownat(tree, "link", 9, 9, AT_SYMLINK_NOFOLLOW) >= 0);

        ASSERT_EQ(shift_to(tree, BASE), 1);
        assert_owner(tree, "", BASE, BASE);
        assert_owner(tree, "file", BASE + 5, BASE + 6);
        assert_owner(tree, "foreign", BASE + 33, BASE + 34);
        assert_owner(tree, "dir", BASE + 7, BASE + 8);
        assert_owner(tree, "dir/below", BASE + 1, BASE + 2);
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++)
                assert_owner(tree, nodes[i].name, BASE, BASE);
        assert_owner(tree, "link", BASE + 9, BASE + 9);
        assert_owner(tree, "loop", BASE, BASE);
        assert_owner(tree, "dangling", BASE, BASE);
        assert_owner(tree, "up", BASE, BASE);
        assert_owner(tree, "../out/file", 0, 0);
        assert_owner(tree, "../out", 0, 0);
        assert_owner(tree, "..", 0, 0);

        ASSERT_EQ(shift_to(tree, BASE), 0);
        ASSERT_EQ(shift_to(tree, 0), 1);
        assert_owner(tree, "foreign", 33, 34);
}

TEST(set_id_bits) {
        _cleanup_close_ int tree = new_tree();

        make_file(tree, "su", 04755, 0, 0);
        make_file(tree, "sg", 02755, 0, 8);
        make_file(tree, "both", 06711, 0, 0);
        ASSERT_TRUE(mkdirat(tree, "dir", 0) >= 0 && fchmodat(tree, "dir", 02775, 0) >= 0);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        ASSERT_EQ(stat_of(tree, "su").st_mode & 07777, 04755);
        ASSERT_EQ(stat_of(tree, "sg").st_mode & 07777, 02755);
        ASSERT_EQ(stat_of(tree, "both").st_mode & 07777, 06711);
        ASSERT_EQ(stat_of(tree, "dir").st_mode & 07777, 02775);
        ASSERT_TRUE(getxattr(path_of(tree, "su"), "trusted.nspawn.chown", NULL, 0) < 0);
}

TEST(capabilities) {
        _cleanup_close_ int tree = new_tree();
        struct vfs_ns_cap_data data = { .magic_etc = htole32(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE),
                                        .data[0].permitted = htole32(1u << CAP_NET_RAW) };

        make_file(tree, "ping", 0755, 0, 0);
        ASSERT_TRUE(setxattr(path_of(tree, "ping"), "security.capability", &data, XATTR_CAPS_SZ_2, 0) >= 0);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        ASSERT_EQ(getxattr(path_of(tree, "ping"), "security.capability", &data, sizeof(data)), XATTR_CAPS_SZ_3);
        ASSERT_EQ(le32toh(data.magic_etc), VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE);
        ASSERT_EQ(le32toh(data.rootid), BASE);
        ASSERT_EQ(le32toh(data.data[0].permitted), 1u << CAP_NET_RAW);
        ASSERT_EQ(shift_to(tree, BASE + 65536), 1);
        ASSERT_EQ(getxattr(path_of(tree, "ping"), "security.capability", &data, sizeof(data)), XATTR_CAPS_SZ_3);
        ASSERT_EQ(le32toh(data.rootid), BASE + 65536);
        ASSERT_EQ(shift_to(tree, 0), 1);
        ASSERT_EQ(getxattr(path_of(tree, "ping"), "security.capability", &data, sizeof(data)), XATTR_CAPS_SZ_2);
        ASSERT_EQ(le32toh(data.magic_etc), VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE);
}

/* u::rwx, u:ID:r, g::r, g:ID:w, m::rwx, o::- */
typedef struct Acl {
        uint32_t version;
        struct {
                uint16_t tag, permissions;
                uint32_t id;
        } entries[6];
} Acl;

static Acl make_acl(uint32_t user, uint32_t group) {
        return (Acl){ htole32(2),
                      { { htole16(0x01), htole16(7), UINT32_MAX },
                        { htole16(0x02), htole16(4), htole32(user) },
                        { htole16(0x04), htole16(4), UINT32_MAX },
                        { htole16(0x08), htole16(2), htole32(group) },
                        { htole16(0x10), htole16(7), UINT32_MAX },
                        { htole16(0x20), 0, UINT32_MAX } } };
}

TEST(access_lists) {
        static const char *const names[] = { "system.posix_acl_access", "system.posix_acl_default" };
        _cleanup_close_ int tree = new_tree();
        Acl acl = make_acl(1000, 33), expected = make_acl(BASE + 1000, BASE + 33);

        ASSERT_TRUE(mkdirat(tree, "dir", 0755) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ASSERT_TRUE(setxattr(path_of(tree, "dir"), names[i], &acl, sizeof(acl), 0) >= 0);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                ASSERT_EQ(getxattr(path_of(tree, "dir"), names[i], &acl, sizeof(acl)), sizeof(acl));
                ASSERT_TRUE(memcmp(&acl, &expected, sizeof(acl)) == 0);
        }
        ASSERT_EQ(owner_shift_acl(&acl, sizeof(acl), BASE), 0);
        ASSERT_EQ(owner_shift_acl(&acl, sizeof(acl), 0), 1);
        ASSERT_ERR(owner_shift_acl(&acl, sizeof(acl) - 1, 0), -EBADMSG);
        ASSERT_ERR(owner_shift_acl(&acl, 3, 0), -EBADMSG);
        acl.version = htole32(3);
        ASSERT_ERR(owner_shift_acl(&acl, sizeof(acl), 0), -EBADMSG);
}

TEST(damaged_capabilities) {
        static const struct {
                uint32_t magic;
                size_t size;
        } cases[] = {
                { VFS_CAP_REVISION_1, 12 }, { VFS_CAP_REVISION_2, 24 }, { VFS_CAP_REVISION_3, 20 },
                { VFS_CAP_REVISION_2, 3 },  { VFS_CAP_REVISION_2, 0 },  { 0, 20 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char value[OWNER_SHIFT_CAPABILITY_MAX] = "";
                uint32_t magic = htole32(cases[i].magic);
                size_t size = cases[i].size;

                memcpy(value, &magic, sizeof(magic));
                ASSERT_ERR(owner_shift_capability(value, &size, BASE), -EBADMSG);
        }
}

TEST(hard_links) {
        _cleanup_close_ int tree = new_tree();
        _cleanup_free_ char *where = NULL;
        const OwnerShift how = { .base = BASE };

        ASSERT_TRUE(mkdirat(tree, "a", 0755) >= 0 && mkdirat(tree, "a/b", 0755) >= 0);
        make_file(tree, "one", 0644, 5, 5);
        ASSERT_TRUE(linkat(tree, "one", tree, "a/two", 0) >= 0 && linkat(tree, "one", tree, "a/b/three", 0) >= 0);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        assert_owner(tree, "one", BASE + 5, BASE + 5);
        ASSERT_EQ(shift_to(tree, 0), 1);

        /* A file that is the host's: nothing is done at all. */
        ASSERT_TRUE(linkat(tree, "../out/file", tree, "a/b/shadow", 0) >= 0);
        ASSERT_ERR(owner_shift(tree, &how, &where), -EMLINK);
        ASSERT_STREQ(where, "/a/b/shadow");
        assert_owner(tree, "../out/file", 0, 0);
        assert_owner(tree, "", 0, 0);
        assert_owner(tree, "one", 5, 5);
}

TEST(what_was_cut_short_is_finished) {
        _cleanup_close_ int tree = new_tree();
        struct {
                uint32_t mode, size;
                char capability[OWNER_SHIFT_CAPABILITY_MAX];
        } note = { .mode = 04755 };

        make_file(tree, "done", 0644, BASE + 5, BASE + 5);
        make_file(tree, "open", 0644, 6, 6);
        /* Killed between the two calls: the bit is lost, and noted. */
        make_file(tree, "su", 0755, BASE, BASE);
        ASSERT_TRUE(setxattr(path_of(tree, "su"), "trusted.nspawn.chown", &note, sizeof(note), 0) >= 0);
        ASSERT_TRUE(fchown(tree, OWNER_SHIFT_BUSY + 1, OWNER_SHIFT_BUSY + 2) >= 0);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        assert_owner(tree, "", BASE + 1, BASE + 2);
        assert_owner(tree, "done", BASE + 5, BASE + 5);
        assert_owner(tree, "open", BASE + 6, BASE + 6);
        ASSERT_EQ(stat_of(tree, "su").st_mode & 07777, 04755);
        ASSERT_TRUE(getxattr(path_of(tree, "su"), "trusted.nspawn.chown", NULL, 0) < 0);
}

static int fail_at_file(_unused_ int fd, const struct stat *st, _unused_ void *userdata) {
        return S_ISREG(st->st_mode) ? -ECANCELED : 0;
}

static int count(_unused_ int fd, _unused_ const struct stat *st, void *userdata) {
        ++*(unsigned *) userdata;
        return 0;
}

/* Deeper than there are descriptors and than a path can be long. */
TEST(a_deep_tree) {
        _cleanup_close_ int tree = new_tree(), fd = fcntl(tree, F_DUPFD_CLOEXEC, 3);
        _cleanup_free_ char *where = NULL;
        unsigned n = 0;

        for (unsigned i = 0; i < 3000; i++) {
                int next;

                ASSERT_TRUE(mkdirat(fd, "some-name", 0755) >= 0);
                next = openat(fd, "some-name", O_PATH | O_DIRECTORY | O_CLOEXEC);
                ASSERT_TRUE(next >= 0);
                (void) close(fd);
                fd = next;
        }
        ASSERT_TRUE(mkdirat(tree, "zz", 0755) >= 0);
        make_file(fd, "file", 0644, 5, 5);
        ASSERT_OK(tree_walk(tree, count, &n, NULL));
        ASSERT_EQ(n, 3002);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        assert_owner(fd, "file", BASE + 5, BASE + 5);
        assert_owner(tree, "zz", BASE, BASE);
        ASSERT_ERR(tree_walk(tree, fail_at_file, NULL, &where), -ECANCELED);
        ASSERT_EQ(strlen(where), 3000 * strlen("/some-name") + strlen("/file"));
}

/* A directory of the same file system, and a file, are mounted in the tree: they are somebody else's. */
TEST(mounts_are_left_out) {
        static const char *const places[][2] = { { "../out", "dir" }, { "../out/file", "file" } };
        _cleanup_close_ int tree = new_tree(), place = -EBADF;
        unsigned n = 0;

        ASSERT_TRUE(mkdirat(tree, "dir", 0755) >= 0);
        make_file(tree, "file", 0644, 0, 0);
        make_file(tree, "plain", 0644, 0, 0);
        /* Nothing can be mounted in a tree that is not attached itself, before Linux 6.15. */
        ASSERT_TRUE(unshare(CLONE_NEWNS) >= 0);
        ASSERT_OK(mount_set_propagation(AT_FDCWD, "/", PRIVATE, true));
        place = open("/mnt", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(mount_attach(file_system, place));
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_close_ int mount = mount_clone(tree, places[i][0], false);
                _cleanup_close_ int inside = openat(tree, places[i][1], O_PATH | O_CLOEXEC);

                ASSERT_OK(mount);
                ASSERT_OK(mount_attach(mount, inside));
        }
        ASSERT_OK(tree_walk(tree, count, &n, NULL));
        ASSERT_EQ(n, 1);
        ASSERT_EQ(shift_to(tree, BASE), 1);
        assert_owner(tree, "../out", 0, 0);
        assert_owner(tree, "../out/file", 0, 0);
        assert_owner(tree, "plain", BASE, BASE);
}
