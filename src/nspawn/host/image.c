/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor in the host's namespaces, before the minder is forked. Opening comes
 * first, then (source.c) the locks, then looking at what is inside, then the loop devices: no byte of the image is
 * believed before nobody else can write to it. Only what is inside tells whether the machine will: many file systems
 * never are written, and their images may run as often as one likes, with the loop devices shared. On top of these
 * come the devices that decipher or check, and another look, at what they show. Loop devices clear themselves when the
 * last fd is closed and the last mount is gone, and so do those on top; the supervisor keeps the fds until the end, so
 * that a reboot finds the same devices. */

#include "host/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/image-check.h"
#include "host/image-mapping.h"
#include "host/image-probe.h"
#include "log.h"
#include "loop-device.h"

#define FAREWELL_TIMEOUT_USEC 10000000u
#define BUSY_TRIES 50u
#define BUSY_PAUSE_USEC 20000u

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
                return log_error_errno(-EISDIR, "%s: this is a directory; directory trees go with --directory=", path);
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return log_error_errno(-EBADF, "%s: this is neither a disk image nor a disk", path);
        if (S_ISREG(st.st_mode) && st.st_size == 0)
                return log_error_errno(-ENOMEDIUM, "%s: this image is empty", path);

        fd = only_read ? open_checked(path, path_fd, O_RDONLY) : open_writable(path, path_fd, st.st_mode, &only_read);
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

static bool is_written(const Image *image) {
        bool written = false;

        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX; place++)
                written = written || (image->plan.slots[place].used && !image->plan.slots[place].read_only);
        return written;
}

static int settle_lock(const ImageRequest *request, bool written) {
        LockMode mode = written ? LOCK_EXCLUSIVE : LOCK_SHARED;
        int r = machine_lock_settle(request->lock, mode);

        if (r == -EBUSY)
                return machine_lock_explain(request->path, request->fd, mode);
        return r < 0 ? log_error_errno(r, "%s: cannot change its lock: %m", request->path) : 0;
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

/* — attaching — */

typedef struct Attachment {
        Image *image;
        ImageProbe probe;
        const MachineConfig *config;
        int fd;
} Attachment;

static int attach(const char *path, const LoopRequest *request) {
        int r = loop_attach(request);

        if (r == -ENOENT || r == -EPERM || r == -EACCES)
                return log_error_errno(r,
                                       "%s: no loop device can be had here: /dev/loop-control and the block devices "
                                       "of "
                                       "number 7 must be there and permitted: %m",
                                       path);
        if (r == -EBUSY || r == -EAGAIN)
                return log_error_errno(r, "%s: no loop device is free", path);
        return r < 0 ? log_error_errno(r, "%s: cannot attach a loop device: %m", path) : r;
}

/* What is on top of a device has to see it go. And a root with the host's rights may shut down the file system that it
 * stands on: who cannot do that to others does not have it done to him. */
static const char *share_name(const Attachment *a, const ImageSlot *slot) {
        if (!slot->read_only || slot->protection != PROTECTION_NONE)
                return NULL;
        return a->config->users.range.mode != USERS_NO ? "with users" : "without users";
}

static int attach_slot(const Attachment *a, ImagePlace place) {
        const ImageSlot *slot = &a->image->plan.slots[place];
        AutoMode direct = a->config->env.loop_direct_io;
        const LoopRequest request = {
                .fd = a->fd,
                .offset = slot->partition.offset,
                .size = slot->partition.size,
                .sector_size = a->image->plan.sector_size,
                .read_only = slot->read_only,
                /* What is written would be cached twice. What is only read starts faster from the image's
                 * cache. */
                .direct = direct == AUTO_YES || (direct == AUTO_AUTO && !slot->read_only),
                .share = share_name(a, slot),
        };
        int r = attach(a->image->path, &request);

        if (r < 0)
                return r;
        a->image->loop_fds[place] = r;
        return 0;
}

/* The hashes of dm-verity: a partition, or a file of its own. */
static int attach_hashes(const Attachment *a) {
        const ImageHashes *hashes = &a->image->plan.hashes;
        _cleanup_close_ int file = -EBADF;
        bool read_only = true;
        LoopRequest request = {
                .fd = a->fd,
                .offset = hashes->partition.offset,
                .size = hashes->partition.size,
                .sector_size = a->image->plan.sector_size,
                .read_only = true,
        };
        int r;

        if (!hashes->used || a->image->plan.slots[hashes->place].protection == PROTECTION_NONE)
                return 0;
        if (hashes->elsewhere) {
                file = image_open(a->probe.verity.data_path, &read_only);
                if (file < 0)
                        return TAKE_FD(file);
                request.fd = file;
        }
        r = attach(hashes->elsewhere ? a->probe.verity.data_path : a->image->path, &request);
        if (r < 0)
                return r;
        a->image->hashes_fd = r;
        return 0;
}

/* — on top — */

static int map(const Attachment *a, int runtime_fd) {
        const ImagePlan *plan = &a->image->plan;
        _cleanup_image_mapping_ ImageMapping mapping = {
                .source = a->probe.source,
                .runtime_fd = runtime_fd,
                .hash = plan->hashes.used ? &a->probe.verity.hashes.items[plan->hashes.hash] : NULL,
        };
        int r = 0;

        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (plan->slots[place].used && plan->slots[place].protection > PROTECTION_NONE) {
                        r = image_map_slot(a->image, place, &mapping);
                        if (r >= 0)
                                r = image_probe_mapped(&a->probe, a->image, place);
                }
        return r;
}

static int check_file_systems(const Image *image) {
        int r = 0;

        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++) {
                const ImageSlot *slot = &image->plan.slots[place];

                if (slot->used)
                        r = image_check(image_device(image, place), slot->partition.fstype, slot->read_only,
                                        image->path, image_place_name(place));
        }
        return r;
}

/* — detaching — */

/* The kernel unmounts a dead machine's file systems on its own time. */
static int wait_unmounted(const Image *image, ImagePlace place) {
        int r = 0;

        if (image_device(image, place) >= 0 && !image->plan.slots[place].read_only)
                r = loop_wait_unused(image_device(image, place), FAREWELL_TIMEOUT_USEC);
        if (r < 0)
                (void) log_warning_errno(r, "%s: its %s file system is still mounted: %m", image->path,
                                         image_place_name(place));
        return r;
}

/* A mapped device goes when its last user has gone, soon after; until then it uses the loop device. */
static void close_mapped(Image *image, ImagePlace place) {
        if (image->mapped_fds[place] < 0)
                return;
        image->mapped_fds[place] = safe_close(image->mapped_fds[place]);
        if (loop_wait_unused(image->loop_fds[place], FAREWELL_TIMEOUT_USEC) < 0)
                log_debug("%s: the device of its %s partition is still there", image->path, image_place_name(place));
}

int image_detach(Image *image) {
        int result = 0;

        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX; place++) {
                int r = wait_unmounted(image, place);

                result = result < 0 ? result : r;
        }
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX; place++) {
                close_mapped(image, place);
                image->loop_fds[place] = safe_close(image->loop_fds[place]);
        }
        image->hashes_fd = safe_close(image->hashes_fd);
        return result;
}

static int undo_attach(void *userdata) {
        (void) image_detach(userdata); /* has said what there is to say */
        return 0;
}

int image_attach(UndoLog *undo, const ImageRequest *request, Image *ret) {
        Attachment a = {
                .image = ret,
                .probe = { .source = &request->config->source, .allowed = request->config->env.file_systems },
                .config = request->config,
                .fd = request->fd,
        };
        int r;

        ret->path = request->path;
        r = undo_add(undo, "image", undo_attach, ret);
        if (r >= 0)
                r = image_probe(&a.probe, ret, request->fd, request->read_only);
        if (r >= 0)
                r = settle_lock(request, is_written(ret));
        if (r >= 0)
                r = check_others(ret->path, request->fd, !is_written(ret));
        for (ImagePlace place = 0; place < _IMAGE_PLACE_MAX && r >= 0; place++)
                if (ret->plan.slots[place].used)
                        r = attach_slot(&a, place);
        if (r >= 0)
                r = attach_hashes(&a);
        if (r >= 0)
                r = map(&a, request->runtime_fd);
        if (r >= 0)
                r = check_file_systems(ret);
        image_probe_done(&a.probe);
        return r;
}
