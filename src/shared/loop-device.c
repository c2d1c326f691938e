/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: /dev/loop-control names a free number; its device is opened and configured in one
 * ioctl. Between the two, others may have taken it (EBUSY), or the device's former life may not be quite
 * over (EAGAIN): then another one is asked for. Where /dev has no node for a device, one is made in a
 * tmpfs that is mounted nowhere and gone before we return, so that a /dev of fixed nodes, as containers
 * have, is no obstacle. AUTOCLEAR is set from the start: whatever happens to us, the kernel takes the
 * device back.
 *
 * Who shares a device shares the file systems on it with all they have in memory: a thousand machines of one image
 * unpack and keep its files once. The kernel keeps a name for each device, and ours tells who shares it and of which
 * state of the file it was made. A file that has been written since is another one: what is cached of the old one does
 * not go together with it. */

#include "loop-device.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "mount-fd.h"

#define LOOP_BLOCK_MAJOR 7u
#define LOOP_CONTROL_MAJOR 10u
#define LOOP_CONTROL_MINOR 237u
#define ATTACH_TIMEOUT_USEC 2000000u

static bool is_device(int fd, mode_t type, dev_t device) {
        struct stat st;

        return fstat(fd, &st) >= 0 && (st.st_mode & S_IFMT) == type && st.st_rdev == device;
}

static int open_private_node(mode_t type, dev_t device, int flags) {
        _cleanup_close_ int mount = mount_new("tmpfs", NULL, "mode=0700,nr_inodes=2", 0);
        int fd;

        if (mount < 0)
                return TAKE_FD(mount);
        if (mknodat(mount, "node", type | 0600, device) < 0)
                return -errno;
        fd = openat(mount, "node", flags);
        return fd < 0 ? -errno : fd;
}

/* The node at path, if it is what it should be, else one of our own. */
static int open_device(const char *path, mode_t type, dev_t device, int flags) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        int own, r;

        flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
        if (fd >= 0 && is_device(fd, type, device))
                return fd_reopen(fd, flags);
        r = fd < 0 ? -errno : -ENOENT;
        own = open_private_node(type, device, flags);
        return own == -EPERM || own == -EACCES ? r : own; /* what is missing tells more than that it cannot be made */
}

/* Minor numbers are the devices' numbers, unless the module was loaded with room for partitions. */
static dev_t loop_number_to_device(int number) {
        _cleanup_free_ char *text = NULL;
        unsigned major, minor;
        char path[64];

        (void) snprintf(path, sizeof(path), "/sys/block/loop%i/dev", number);
        if (read_file_at(AT_FDCWD, path, 64, &text, NULL) >= 0 && sscanf(text, "%u:%u", &major, &minor) == 2)
                return makedev(major, minor);
        return makedev(LOOP_BLOCK_MAJOR, (unsigned) number);
}

static int open_loop(int number, bool read_only) {
        char path[32];

        (void) snprintf(path, sizeof(path), "/dev/loop%i", number);
        return open_device(path, S_IFBLK, loop_number_to_device(number), read_only ? O_RDONLY : O_RDWR);
}

/* — finding — */

/* The kernel's way of writing a dev_t there is the one of stat(2). */
static LoopBacking backing_of(const struct loop_info64 *info) {
        return (LoopBacking){ info->lo_device, info->lo_inode, info->lo_rdevice };
}

int loop_backing(int loop_fd, LoopBacking *ret) {
        struct loop_info64 info = {};

        if (ioctl(loop_fd, LOOP_GET_STATUS64, &info) < 0)
                return -errno;
        *ret = backing_of(&info);
        return (int) info.lo_number;
}

/* Two nodes of one device are the same whatever their inodes. */
static bool same_backing(const LoopBacking *a, const LoopBacking *b) {
        if (a->rdevice != 0 || b->rdevice != 0)
                return a->rdevice == b->rdevice;
        return a->device == b->device && a->inode == b->inode;
}

/* By the path that the kernel has for it. A device that has nothing to do with us is not opened: that would wait for
 * whoever sets it up or takes it down, and for the flush that belongs to it. */
static bool seems_backed_by(int sys_fd, const char *name, const LoopBacking *backing) {
        _cleanup_free_ char *path = NULL;
        char attribute[NAME_MAX + 32];
        LoopBacking found;
        struct statx st;
        size_t n;

        (void) snprintf(attribute, sizeof(attribute), "%s/loop/backing_file", name);
        if (read_file_at(sys_fd, attribute, PATH_MAX, &path, &n) < 0 || n == 0)
                return false;
        path[n - 1] = 0; /* the newline */
        if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO, &st) < 0)
                return false;
        found = (LoopBacking){ makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino,
                               S_ISBLK(st.stx_mode) ? makedev(st.stx_rdev_major, st.stx_rdev_minor) : 0 };
        return same_backing(backing, &found);
}

/* An fd for the device with this number, if it has this behind it, and its status. */
static int open_backed_by(int number, const LoopBacking *backing, struct loop_info64 *ret) {
        _cleanup_close_ int fd = open_loop(number, true);
        struct loop_info64 info = {};
        LoopBacking found;

        if (fd < 0)
                return TAKE_FD(fd);
        if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
                return -errno;
        found = backing_of(&info);
        if (!same_backing(backing, &found))
                return -ENOENT;
        *ret = info;
        return TAKE_FD(fd);
}

/* The first result >= 0 of fits() for a device that has this behind it. fits() gets an fd, which stays ours. */
static int find_backed_by(const LoopBacking *backing, int except,
                          int (*fits)(int fd, const struct loop_info64 *info, const void *userdata),
                          const void *userdata) {
        DIR *d = opendir("/sys/block");
        int result = -ENOENT;

        if (!d)
                return -ENOENT;
        for (struct dirent *e; result < 0 && (e = readdir(d));) {
                _cleanup_close_ int fd = -EBADF;
                struct loop_info64 info;
                int number, end = 0;

                if (sscanf(e->d_name, "loop%i%n", &number, &end) != 1 || e->d_name[end] || number == except ||
                    !seems_backed_by(dirfd(d), e->d_name, backing))
                        continue;
                fd = open_backed_by(number, backing, &info);
                if (fd >= 0)
                        result = fits(fd, &info, userdata);
        }
        (void) closedir(d);
        return result;
}

static int busy_number(int fd, const struct loop_info64 *info, const void *userdata) {
        const bool *only_writable = userdata;
        _cleanup_close_ int exclusive = -EBADF;

        if (*only_writable && (info->lo_flags & LO_FLAGS_READ_ONLY))
                return -ENOENT;
        exclusive = fd_reopen(fd, O_RDONLY | O_EXCL | O_NONBLOCK);
        return exclusive == -EBUSY ? (int) info->lo_number : -ENOENT;
}

int loop_find_busy(const LoopBacking *backing, bool only_writable, int except) {
        return find_backed_by(backing, except, busy_number, &only_writable);
}

/* — attaching — */

static int try_attach(int control_fd, const struct loop_config *config, bool read_only) {
        _cleanup_close_ int fd = -EBADF;
        int number;

        number = ioctl(control_fd, LOOP_CTL_GET_FREE);
        if (number < 0)
                return -errno;
        fd = open_loop(number, read_only);
        if (fd < 0)
                return fd == -ENXIO || fd == -ENODEV ? -EAGAIN : TAKE_FD(fd); /* just removed by someone */
        return ioctl(fd, LOOP_CONFIGURE, config) < 0 ? -errno : TAKE_FD(fd);
}

/* Two who wait for the same device should not wake up together. */
static void wait_a_little(void) {
        unsigned char random = 128;

        (void) getrandom(&random, sizeof(random), GRND_NONBLOCK);
        (void) usleep(500 + random * 40u);
}

static int attach_free(const struct loop_config *config, bool read_only) {
        uint64_t end = clock_usec() + ATTACH_TIMEOUT_USEC;
        _cleanup_close_ int control_fd = -EBADF;
        int fd;

        control_fd =
                open_device("/dev/loop-control", S_IFCHR, makedev(LOOP_CONTROL_MAJOR, LOOP_CONTROL_MINOR), O_RDWR);
        if (control_fd < 0)
                return TAKE_FD(control_fd);
        for (;;) {
                fd = try_attach(control_fd, config, read_only);
                if ((fd != -EBUSY && fd != -EAGAIN) || clock_usec() >= end)
                        return fd;
                wait_a_little();
        }
}

/* An fd for it, if it was made by an equal request. */
static int share(int fd, const struct loop_info64 *info, const void *userdata) {
        const struct loop_config *config = userdata;
        unsigned sector_size;

        if (ioctl(fd, BLKSSZGET, &sector_size) < 0)
                return -errno;
        return sector_size == config->block_size && info->lo_offset == config->info.lo_offset &&
                        info->lo_sizelimit == config->info.lo_sizelimit && info->lo_flags == config->info.lo_flags &&
                        memcmp(info->lo_file_name, config->info.lo_file_name, sizeof(info->lo_file_name)) == 0
                ? fd_reopen(fd, O_RDONLY | O_NONBLOCK)
                : -ENOENT;
}

int loop_attach(const LoopRequest *request) {
        struct loop_config config = {
                .fd = (uint32_t) request->fd,
                .block_size = request->sector_size,
                .info = {
                        .lo_offset = request->offset,
                        .lo_sizelimit = request->size,
                        .lo_flags = LO_FLAGS_AUTOCLEAR | (request->read_only ? LO_FLAGS_READ_ONLY : 0) |
                                    (request->direct ? LO_FLAGS_DIRECT_IO : 0),
                },
        };
        struct stat st;
        int fd;

        if (!request->share || !request->read_only || fstat(request->fd, &st) < 0 || !S_ISREG(st.st_mode))
                return attach_free(&config, request->read_only);
        (void) snprintf((char *) config.info.lo_file_name, sizeof(config.info.lo_file_name),
                        "nspawn %s, of %" PRIu64 ".%09li", request->share, (uint64_t) st.st_ctim.tv_sec,
                        st.st_ctim.tv_nsec);
        fd = find_backed_by(&(LoopBacking){ st.st_dev, st.st_ino, 0 }, -1, share, &config);
        return fd >= 0 ? fd : attach_free(&config, request->read_only);
}

/* — looking — */

/* A mounted device refuses to be opened exclusively. */
int loop_wait_unused(int loop_fd, uint64_t timeout_usec) {
        uint64_t end = clock_usec() + timeout_usec;

        for (unsigned pause = 200;; pause = MIN(pause * 2, 20000u)) {
                int fd = fd_reopen(loop_fd, O_RDONLY | O_EXCL | O_NONBLOCK);

                if (fd != -EBUSY) {
                        (void) safe_close(fd);
                        return MIN(fd, 0);
                }
                if (clock_usec() >= end)
                        return -EBUSY;
                (void) usleep(pause);
        }
}

static bool is_path_of(const char *path, dev_t device) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISBLK(st.st_mode) && st.st_rdev == device;
}

/* Whether it is a loop device at all has to be asked last: device-mapper passes ioctls on to what is below. */
void loop_path(int fd, char *ret, size_t size) {
        struct loop_info64 info;
        struct stat st;

        if (fstat(fd, &st) >= 0) {
                (void) snprintf(ret, size, "/dev/dm-%u", minor(st.st_rdev));
                if (is_path_of(ret, st.st_rdev))
                        return;
                if (ioctl(fd, LOOP_GET_STATUS64, &info) >= 0) {
                        (void) snprintf(ret, size, "/dev/loop%u", info.lo_number);
                        if (is_path_of(ret, st.st_rdev))
                                return;
                }
        }
        (void) snprintf(ret, size, "/proc/self/fd/%i", fd);
}
