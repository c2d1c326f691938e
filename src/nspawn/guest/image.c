/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage, which holds the loop devices' fds since it was forked.
 * Mounts are made detached, by fd, and placed at paths that are resolved inside the guest's root, since
 * that root is the image's word too. Three steps, because layers are laid over the tree in between: an
 * overlay shows nothing of what is mounted in its lower layer, so what was mounted there before (/usr) is
 * mounted again on top of it. */

#include "guest/image.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "fd.h"
#include "guest/root.h"
#include "guest/users.h"
#include "log.h"
#include "loop-device.h"
#include "mount-fd.h"
#include "path-in-root.h"

#define MOUNT_TRIES 100u
#define MOUNT_PAUSE_USEC 20000u

/* — growing — */

static int grow_ext4(int fd, const Partition *partition) {
        struct statfs fs;
        uint64_t blocks;

        if (fstatfs(fd, &fs) < 0)
                return -errno;
        blocks = partition->size / (uint64_t) fs.f_bsize;
        return ioctl(fd, _IOW('f', 16, uint64_t), &blocks) < 0 ? -errno : 0; /* EXT4_IOC_RESIZE_FS */
}

static int grow_btrfs(int fd, const Partition *partition) {
        struct btrfs_ioctl_vol_args args = { .name = "max" };

        (void) partition;
        return ioctl(fd, BTRFS_IOC_RESIZE, &args) < 0 ? -errno : 0;
}

/* The kernel's headers do not have these; they are XFS's own interface. */
struct xfs_geometry {
        uint32_t block_size, rt_extent_size, ag_blocks, ag_count, log_blocks, sector_size, inode_size, inode_percent;
        uint64_t blocks, rt_blocks, rt_extents, log_start;
        uint8_t uuid[16];
        uint32_t stripe_unit, stripe_width;
        int32_t version;
        uint32_t flags, log_sector_size, rt_sector_size, directory_block_size;
};
struct xfs_growth {
        uint64_t blocks;
        uint32_t inode_percent;
};

#define XFS_GET_GEOMETRY _IOR('X', 100, struct xfs_geometry)
#define XFS_GROW _IOW('X', 110, struct xfs_growth)

static int grow_xfs(int fd, const Partition *partition) {
        struct xfs_geometry geometry;
        struct xfs_growth growth;

        if (ioctl(fd, XFS_GET_GEOMETRY, &geometry) < 0)
                return -errno;
        growth = (struct xfs_growth){
                .blocks = partition->size / geometry.block_size,
                .inode_percent = geometry.inode_percent,
        };
        return growth.blocks <= geometry.blocks || ioctl(fd, XFS_GROW, &growth) >= 0 ? 0 : -errno;
}

static const struct {
        const char *fstype;
        int (*grow)(int fd, const Partition *partition);
} growers[] = {
        { "ext4", grow_ext4 },
        { "btrfs", grow_btrfs },
        { "xfs", grow_xfs },
};

/* A machine on a file system that is too small still runs. */
static void grow(const Image *image, ImagePlace place, int mount_fd) {
        const ImageSlot *slot = &image->plan.slots[place];
        _cleanup_close_ int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = -EOPNOTSUPP;

        for (size_t i = 0; i < ELEMENTSOF(growers) && r == -EOPNOTSUPP; i++)
                if (streq(growers[i].fstype, slot->partition.fstype))
                        r = fd < 0 ? -errno : growers[i].grow(fd, &slot->partition);
        if (r < 0)
                (void) log_warning_errno(r, "%s: cannot grow the %s file system (%s) to its partition's size: %m",
                                         image->path, image_place_name(place), slot->partition.fstype);
}

/* — mounting — */

static int log_mount_error(int error, const Image *image, ImagePlace place) {
        const char *fstype = image->plan.slots[place].partition.fstype, *name = image_place_name(place);

        if (error == -ENODEV)
                return log_error_errno(error, "%s: this kernel has no %s, which its %s file system is", image->path,
                                       fstype, name);
        return log_error_errno(error, "%s: cannot mount its %s file system (%s), it may be damaged: %m", image->path,
                               name, fstype);
}

/* After a reboot of the machine, the former mount may not be quite gone. */
static int mount_device(const char *device, const ImageSlot *slot, ImagePlace place) {
        int fd = -EBUSY;

        for (unsigned i = 0; fd == -EBUSY && i < MOUNT_TRIES; i++) {
                if (i > 0)
                        (void) usleep(MOUNT_PAUSE_USEC);
                fd = mount_new(slot->partition.fstype, device,
                               image_mount_options(slot->partition.fstype, slot->read_only),
                               image_mount_attributes(place, slot->read_only));
        }
        return fd;
}

/* The one that is mounted before the others. */
static bool is_first(const Image *image, ImagePlace place) {
        return place == (image->plan.slots[IMAGE_ROOT].used ? IMAGE_ROOT : IMAGE_USR);
}

static int own_slot(StageContext *context, const Image *image, ImagePlace place, int fd) {
        _cleanup_free_ char *what = NULL;

        if (asprintf(&what, "%s, %s (%s)", image->path, image_place_name(place),
                     image->plan.slots[place].partition.fstype) < 0)
                return log_oom();
        return users_own_tree(context, fd, what);
}

/* A detached mount. -ENODEV is left to the caller to tell. measure: the image is what the machine's users are measured
 * by. */
static int mount_slot(StageContext *context, const Image *image, ImagePlace place, bool measure) {
        const ImageSlot *slot = &image->plan.slots[place];
        char device[64];
        int fd, r;

        loop_path(image_device(image, place), device, sizeof(device));
        fd = mount_device(device, slot, place);
        if (fd < 0)
                return fd == -ENODEV ? fd : log_mount_error(fd, image, place);
        if (slot->grow)
                grow(image, place, fd);
        r = measure && is_first(image, place) ? users_measure_tree(context, fd) : 0;
        if (r >= 0)
                r = own_slot(context, image, place, fd);
        if (r >= 0)
                return fd;
        (void) safe_close(fd);
        return r;
}

int image_mount_whole(StageContext *context, const Image *image, bool measure) {
        ImagePlace place = image->plan.slots[IMAGE_ROOT].used ? IMAGE_ROOT : IMAGE_USR;
        int fd = mount_slot(context, image, place, measure);

        return fd == -ENODEV ? log_mount_error(fd, image, place) : fd;
}

/* Where there is only a /usr, what leads there is made. */
static int make_usr_root(StageContext *context) {
        static const struct {
                const char *name, *target;
        } links[] = {
                { "bin", "usr/bin" },     { "sbin", "usr/sbin" },   { "lib", "usr/lib" },
                { "lib64", "usr/lib64" }, { "lib32", "usr/lib32" },
        };
        _cleanup_close_ int usr = -EBADF, root = -EBADF;

        usr = image_mount_whole(context, context->image, true);
        if (usr < 0)
                return TAKE_FD(usr);
        root = mount_new("tmpfs", NULL, "mode=755,size=25%,nr_inodes=1m", 0);
        if (root < 0)
                return log_error_errno(root, "cannot make a root directory in memory: %m");
        if (mkdirat(root, "usr", 0755) < 0)
                return log_error_errno(-errno, "cannot make a root directory in memory: %m");
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (faccessat(usr, links[i].target + CONST_STRLEN("usr/"), F_OK, AT_SYMLINK_NOFOLLOW) >= 0 &&
                    symlinkat(links[i].target, root, links[i].name) < 0)
                        return log_error_errno(-errno, "cannot make a root directory in memory: %m");
        return TAKE_FD(root);
}

int image_mount_root(StageContext *context) {
        const Image *image = context->image;
        int fd;

        if (!image)
                return 0;
        fd = image->plan.slots[IMAGE_ROOT].used ? image_mount_whole(context, image, true) : make_usr_root(context);
        if (fd < 0)
                return fd;
        context->tree_fd = fd;
        return 0;
}

static bool is_empty_directory(int root_fd, const char *path) {
        int fd = root_open(root_fd, path, O_RDONLY | O_DIRECTORY);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        bool empty = true;

        if (!d) {
                (void) safe_close(fd);
                return false;
        }
        for (struct dirent *e; empty && (e = readdir(d));)
                empty = streq(e->d_name, ".") || streq(e->d_name, "..");
        (void) closedir(d);
        return empty;
}

/* Where to mount: for what only firmware needs, a directory that is there already. */
static int open_place(const Image *image, ImagePlace place, int root_fd) {
        const char *path = image_place_path(place);

        if (place == IMAGE_ESP && !image->plan.slots[IMAGE_XBOOTLDR].used && is_empty_directory(root_fd, "/boot"))
                path = "/boot";
        if (place == IMAGE_ESP || place == IMAGE_XBOOTLDR)
                return root_open(root_fd, path, O_PATH | O_DIRECTORY);
        return root_mount_point(root_fd, path, true);
}

static int place_slot(StageContext *context, ImagePlace place) {
        const Image *image = context->image;
        bool optional = place == IMAGE_ESP || place == IMAGE_XBOOTLDR;
        _cleanup_close_ int target = -EBADF, mount = -EBADF;
        int r;

        target = open_place(image, place, context->root_fd);
        if (target < 0 && optional) {
                log_debug("%s: there is no directory for its %s partition", image->path, image_place_name(place));
                return 0;
        }
        if (target < 0)
                return log_error_errno(target, "%s: no place for its %s partition at %s: %m", image->path,
                                       image_place_name(place), image_place_path(place));
        mount = mount_slot(context, image, place, true);
        if (mount == -ENODEV && optional) {
                log_debug("%s: this kernel cannot mount its %s partition", image->path, image_place_name(place));
                return 0;
        }
        if (mount == -ENODEV)
                return log_mount_error(mount, image, place);
        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_attach(mount, target);
        return r < 0
                ? log_error_errno(r, "%s: cannot mount its %s partition: %m", image->path, image_place_name(place))
                : 0;
}

int image_mount_usr(StageContext *context) {
        if (!context->image || !context->image->plan.slots[IMAGE_USR].used)
                return 0;
        return place_slot(context, IMAGE_USR);
}

/* Whether --volatile= leaves a place to the image. /usr is mounted already, and again where a layer or a mount on /
 * covers it. */
static bool is_wanted(const StageContext *context, ImagePlace place) {
        const MachineConfig *config = context->config;
        VolatileMode mode = config->source.volatile_mode;

        switch (place) {
        case IMAGE_ROOT:
                return false;
        case IMAGE_USR:
                return !config->source.pivot.root &&
                        (root_has_volatile_layer(context) ||
                         (mounts_have_root(&config->mounts) && mode != VOLATILE_YES));
        case IMAGE_VAR:
        case IMAGE_TMP:
                return mode != VOLATILE_YES && mode != VOLATILE_STATE;
        default:
                return true;
        }
}

int image_mount_rest(StageContext *context) {
        int r = 0;

        if (!context->image)
                return 0;
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (context->image->plan.slots[place].used && is_wanted(context, place))
                        r = place_slot(context, place);
        return r;
}
