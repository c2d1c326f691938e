/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor in the host's namespaces, before the minder is forked.
 * Opening comes first, then (launch.c) the locks, then looking at what is inside, then the loop devices:
 * no byte of the image is believed before nobody else can write to it. The devices clear themselves when
 * the last fd is closed and the last mount is gone; the supervisor keeps the fds until the end, so that a
 * reboot finds the same devices. Only file systems from the list of permitted ones are looked for: each
 * prober reads what somebody else has written. */

#include "host/image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/image-check.h"
#include "log.h"
#include "loop-device.h"
#include "parse.h"
#include "strv.h"

#define FAREWELL_TIMEOUT_USEC 10000000u
#define BUSY_TRIES 50u
#define BUSY_PAUSE_USEC 20000u
#define LUKS "crypto_LUKS"

/* — opening — */

static int open_checked(const char *path, int path_fd, int flags) {
        int fd = fd_reopen(path_fd, flags | O_NONBLOCK | O_NOCTTY);

        if (fd == -EBUSY)
                return log_error_errno(fd, "%s is in use on this host: unmount it, or use --read-only", path);
        return fd;
}

/* A disk that is opened exclusively is not mounted elsewhere, and cannot be. */
static int open_writable(const char *path, int path_fd, mode_t type, bool *read_only) {
        int fd = open_checked(path, path_fd, O_RDWR | (S_ISBLK(type) ? O_EXCL : 0));

        if (fd != -EROFS && fd != -EACCES && fd != -EPERM && fd != -ETXTBSY)
                return fd;
        *read_only = true;
        return open_checked(path, path_fd, O_RDONLY);
}

int image_open(const char *path, bool *read_only) {
        _cleanup_close_ int path_fd = open(path, O_PATH | O_CLOEXEC);
        bool only_read = *read_only;
        struct stat st;
        int fd;

        if (path_fd < 0 || fstat(path_fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        if (S_ISDIR(st.st_mode))
                return log_error_errno(-EISDIR,
                                       "%s: this is a directory; directory trees go with --directory=", path);
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return log_error_errno(-EBADF, "%s: this is neither a disk image nor a disk", path);
        if (S_ISREG(st.st_mode) && st.st_size == 0)
                return log_error_errno(-ENOMEDIUM, "%s: this image is empty", path);

        fd = only_read ? open_checked(path, path_fd, O_RDONLY)
                       : open_writable(path, path_fd, st.st_mode, &only_read);
        if (fd == -EBUSY)
                return fd; /* was explained */
        if (fd < 0)
                return log_error_errno(fd, "%s: %m", path);
        *read_only = only_read;
        return fd;
}

/* — others — */

/* A machine that is just dying may still have it for a moment. */
static int find_busy(const LoopBacking *backing, bool read_only, int except) {
        int number = -ENOENT;

        for (unsigned i = 0; i < BUSY_TRIES; i++) {
                if (i > 0)
                        (void) usleep(BUSY_PAUSE_USEC);
                number = loop_find_busy(backing, read_only, except);
                if (number < 0)
                        break;
        }
        return number;
}

/* Our locks keep out those who take them. Who mounts an image by hand takes none, and a file system that is mounted
 * twice, by two devices, destroys itself. So we look for loop devices that are in use and have the image behind
 * them, or have behind them what the image, a loop device, has behind itself. */
static int check_others(const char *path, int fd, bool read_only) {
        LoopBacking own, behind;
        struct stat st;
        int number, busy;

        if (fstat(fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        own = (LoopBacking){ st.st_dev, st.st_ino, S_ISBLK(st.st_mode) ? st.st_rdev : 0 };
        busy = find_busy(&own, read_only, -1);
        number = S_ISBLK(st.st_mode) ? loop_backing(fd, &behind) : -ENOTTY;
        if (busy < 0 && number >= 0)
                busy = find_busy(&behind, read_only, number);
        if (busy < 0)
                return 0;
        return log_error_errno(-EBUSY, "%s is in use on this host, as /dev/loop%i: unmount it%s", path, busy,
                               read_only ? "" : ", or use --read-only if that is only read");
}

/* — looking — */

static int read_size(const char *path, int fd, uint64_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        if (S_ISREG(st.st_mode))
                *ret = (uint64_t) st.st_size;
        else if (ioctl(fd, BLKGETSIZE64, ret) < 0)
                return log_error_errno(-errno, "%s: cannot tell its size: %m", path);
        return 0;
}

static int log_unreadable(int error, const char *path, const char *allowed) {
        switch (error) {
        case -ENOMEDIUM:
                return log_error_errno(
                        error,
                        "%s: there is neither a partition table nor a file system of a permitted "
                        "type (%s) on it",
                        path, allowed);
        case -ESPIPE:
                return log_error_errno(error, "%s is truncated: its partitions reach beyond its end", path);
        case -EBADMSG:
                return log_error_errno(error, "%s: its partition table is damaged", path);
        case -ENOTUNIQ:
                return log_error_errno(
                        error, "%s: it bears signs of more than one file system; see wipefs(8)", path);
        case -ENOPKG:
                return log_error_errno(error,
                                       "disk images take libblkid (libblkid.so.1), which is not installed");
        default:
                return log_error_errno(error, "%s: cannot read it: %m", path);
        }
}

/* What only firmware needs is no reason to refuse an image. */
static bool is_optional(ImagePlace place) {
        return place == IMAGE_ESP || place == IMAGE_XBOOTLDR;
}

static int examine_slot(Image *image, ImagePlace place, int fd, char **names, const char *allowed,
                        const ImagePolicy *policy) {
        ImageSlot *slot = &image->plan.slots[place];
        const char *what = image_place_name(place);
        bool encrypted;
        int r = 0;

        if (!*slot->partition.fstype)
                r = partition_probe(fd, &slot->partition, (const char *const *) names);
        if (r == -ENOMEDIUM && is_optional(place)) {
                log_debug("%s: its %s partition holds no file system of a permitted type", image->path, what);
                slot->used = false;
                return 0;
        }
        if (r == -ENOMEDIUM)
                return log_error_errno(r,
                                       "%s: its %s partition holds no file system of a permitted type (%s)",
                                       image->path, what, allowed);
        if (r < 0)
                return log_unreadable(r, image->path, allowed);
        encrypted = streq(slot->partition.fstype, LUKS);
        r = image_check_slot(image->path, policy, place, slot, encrypted ? PROTECTION_ENCRYPTED : PROTECTION_NONE,
                             NULL);
        if (r < 0)
                return r;
        if (encrypted)
                return log_error_errno(-EOPNOTSUPP,
                                       "%s: its %s partition is encrypted, which is not supported yet",
                                       image->path, what);
        if (image_fstype_is_read_only(slot->partition.fstype))
                slot->read_only = true;
        slot->grow = slot->grow && !slot->read_only;
        return 0;
}

/* LUKS is none of the permitted types; it is looked for to be named. */
static int split_names(const char *allowed, char ***names) {
        for (;;) {
                char *name;
                int r = split_field(&allowed, ':', &name);

                if (r == 0)
                        return strv_append(names, LUKS);
                if (r > 0)
                        r = strv_push(names, name);
                if (r < 0)
                        return r;
        }
}

static int examine(Image *image, int fd, const char *allowed, const ImagePolicy *policy, bool read_only) {
        _cleanup_partition_table_ PartitionTable table = {};
        _cleanup_strv_ char **names = NULL;
        uint64_t size;
        int r;

        r = read_size(image->path, fd, &size);
        if (r < 0)
                return r;
        r = split_names(allowed, &names);
        if (r < 0)
                return log_error_errno(r, "$SYSTEMD_DISSECT_FILE_SYSTEMS=%s: %m", allowed);
        r = partition_table_read(fd, size, (const char *const *) names, &table);
        if (r < 0)
                return log_unreadable(r, image->path, allowed);
        r = image_plan(image->path, &table, policy, NULL, read_only, &image->plan);
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (image->plan.slots[place].used)
                        r = examine_slot(image, place, fd, names, allowed, policy);
        return r;
}

/* — attaching — */

static int attach_slot(Image *image, ImagePlace place, int fd, AutoMode direct) {
        const ImageSlot *slot = &image->plan.slots[place];
        const LoopRequest request = {
                .fd = fd,
                .offset = slot->partition.offset,
                .size = slot->partition.size,
                .sector_size = image->plan.sector_size,
                .read_only = slot->read_only,
                /* What is written would be cached twice. What is only read starts faster from the image's
                 * cache. */
                .direct = direct == AUTO_YES || (direct == AUTO_AUTO && !slot->read_only),
                .name = image->path,
        };
        int r = loop_attach(&request);

        if (r == -ENOENT || r == -EPERM || r == -EACCES)
                return log_error_errno(
                        r,
                        "%s: no loop device can be had here: /dev/loop-control and the block devices of "
                        "number 7 must be there and permitted: %m",
                        image->path);
        if (r == -EBUSY || r == -EAGAIN)
                return log_error_errno(r, "%s: no loop device is free", image->path);
        if (r < 0)
                return log_error_errno(r, "%s: cannot attach a loop device: %m", image->path);
        image->loop_fds[place] = r;
        return image_check(r, slot->partition.fstype, slot->read_only, image->path, image_place_name(place));
}

/* The kernel unmounts a dead machine's file systems on its own time. */
int image_detach(Image *image) {
        int result = 0;

        for (size_t i = 0; i < ELEMENTSOF(image->loop_fds); i++) {
                int r = 0;

                if (image->loop_fds[i] >= 0 && !image->plan.slots[i].read_only)
                        r = loop_wait_unused(image->loop_fds[i], FAREWELL_TIMEOUT_USEC);
                if (r < 0)
                        (void) log_warning_errno(r, "%s: its %s file system is still mounted: %m",
                                                 image->path, image_place_name((ImagePlace) i));
                result = result < 0 ? result : r;
        }
        for (size_t i = 0; i < ELEMENTSOF(image->loop_fds); i++)
                image->loop_fds[i] = safe_close(image->loop_fds[i]);
        return result;
}

static int undo_attach(void *userdata) {
        (void) image_detach(userdata); /* has said what there is to say */
        return 0;
}

int image_attach(UndoLog *undo, const char *path, const ImagePolicy *policy, const EnvironmentConfig *env, int fd,
                 bool read_only, Image *ret) {
        int r;

        ret->path = path;
        r = undo_add(undo, "image", undo_attach, ret);
        if (r >= 0)
                r = check_others(ret->path, fd, read_only);
        if (r >= 0)
                r = examine(ret, fd, env->file_systems, policy, read_only);
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (ret->plan.slots[place].used)
                        r = attach_slot(ret, place, fd, env->loop_direct_io);
        return r;
}
