/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "plan/operation.h"
#include "test.h"

static void assert_printed(Operation o, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        ASSERT_TRUE(f);
        operation_print(&o, f);
        ASSERT_EQ(fclose(f), 0);
        ASSERT_STREQ(text, expected);
}

TEST(list) {
        OperationList list = {};
        const Operation two[] = { { .where = "/a" }, { .where = "/b" } };

        ASSERT_OK(operation_list_append(&list, two, 2));
        ASSERT_OK(operation_list_append(&list, two, 1));
        ASSERT_EQ(list.n_items, 3);
        ASSERT_STREQ(list.items[1].where, "/b");
        ASSERT_STREQ(list.items[2].where, "/a");
        free(list.items);
}

TEST(print) {
        assert_printed((Operation){ .kind = OPERATION_DIRECTORY, .where = "/run/host", .mode = 0755 },
                       "mkdir   /run/host 0000755\n");
        assert_printed((Operation){ .kind = OPERATION_MOUNT,
                                    .where = "/tmp",
                                    .what = "tmpfs",
                                    .options = "size=10%",
                                    .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                            MOUNT_ATTR_RDONLY | MOUNT_ATTR_STRICTATIME },
                       "mount   /tmp <- tmpfs (size=10%) +ro +nosuid +nodev +noexec +strictatime\n");
        assert_printed((Operation){ .kind = OPERATION_BIND_HOST,
                                    .where = "/b",
                                    .what = "/a",
                                    .flags = OPERATION_RECURSIVE | OPERATION_OPTIONAL },
                       "bind    /b <- /a recursive optional\n");
        assert_printed((Operation){ .kind = OPERATION_BIND_SELF,
                                    .where = "/b",
                                    .what = "/b",
                                    .clear = MOUNT_ATTR_RDONLY },
                       "rebind  /b <- /b -ro\n");
        assert_printed((Operation){ .kind = OPERATION_NODE,
                                    .where = "/dev/null",
                                    .mode = S_IFCHR | 0666,
                                    .device = makedev(1, 3) },
                       "mknod   /dev/null 0020666 1:3\n");
        assert_printed((Operation){ .kind = OPERATION_NODE, .where = "/f", .mode = S_IFIFO }, "mknod   /f 0010000\n");
        assert_printed((Operation){ .kind = OPERATION_SYMLINK, .where = "/l", .what = "t" }, "symlink /l <- t\n");
        assert_printed((Operation){ .kind = OPERATION_MASK, .where = "/m" }, "mask    /m\n");
        assert_printed((Operation){ .kind = OPERATION_REMOUNT, .where = "/r", .attributes = MOUNT_ATTR_RDONLY },
                       "remount /r +ro\n");
        assert_printed((Operation){ .kind = OPERATION_SYSFS, .where = "/sys/bus", .what = "bus" },
                       "sysfs   /sys/bus <- bus\n");
}

TEST_MAIN
