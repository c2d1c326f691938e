/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: ioctls on /dev/mapper/control rather than libdevmapper, because these few wait for nothing:
 * neither for udev's answer, which may never come, nor for whoever has the device open. */

#include "device-mapper.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"

static int call(const char *name, unsigned long request, unsigned flags, struct dm_ioctl *ret) {
        struct dm_ioctl argument = {
                .version = { DM_VERSION_MAJOR, 0, 0 },
                .data_size = sizeof(argument),
                .data_start = sizeof(argument),
                .flags = flags,
        };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(name) >= sizeof(argument.name))
                return -ENAMETOOLONG;
        strcpy(argument.name, name);
        fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, request, &argument) < 0)
                return -errno;
        if (ret)
                *ret = argument;
        return 0;
}

/* The kernel packs device numbers as it does for user space elsewhere: twelve bits of major number in the middle. */
static dev_t unpack(uint64_t device) {
        return makedev((unsigned) (device >> 8 & 0xfff), (unsigned) ((device & 0xff) | (device >> 12 & 0xfff00)));
}

int dm_open(const char *name, int flags) {
        _cleanup_close_ int fd = -EBADF;
        struct dm_ioctl status;
        char path[64];
        struct stat st;
        int r;

        r = call(name, DM_DEV_STATUS, 0, &status);
        if (r < 0)
                return r;
        /* devtmpfs has one for each of them at once */
        (void) snprintf(path, sizeof(path), "/dev/dm-%u", minor(unpack(status.dev)));
        fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT) {
                char mapper[DM_NAME_SIZE + 16];

                (void) snprintf(mapper, sizeof(mapper), "/dev/mapper/%s", name);
                fd = open(mapper, flags | O_CLOEXEC | O_NONBLOCK);
        }
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISBLK(st.st_mode) && st.st_rdev == unpack(status.dev) ? TAKE_FD(fd) : -ENXIO;
}

int dm_remove_when_unused(const char *name) {
        int r = call(name, DM_DEV_REMOVE, DM_DEFERRED_REMOVE, NULL);

        return r == -ENXIO || r == -ENOENT ? 0 : r;
}

void dm_remove_node(const char *name) {
        char path[DM_NAME_SIZE + 16];

        (void) snprintf(path, sizeof(path), "/dev/mapper/%s", name);
        (void) unlink(path);
}
