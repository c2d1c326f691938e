/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the only mount that a machine has in the host's own mount namespace, and therefore in the undo
 * log and among the residue. The host sees it without set-id programs, devices and executables, and cannot write to
 * it; a guest can fill no more than its few inodes. */

#include "host/unix-export.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mount-fd.h"

#define HOLDER "/run/systemd/nspawn"
#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int remove_export(void *userdata) {
        const char *machine = userdata;
        char path[160];

        (void) snprintf(path, sizeof(path), HOLDER "/%s/unix-export", machine);
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
                return -errno;
        (void) rmdir(path);
        (void) snprintf(path, sizeof(path), HOLDER "/%s", machine);
        return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int make_place(const char *machine) {
        char path[160];
        int fd;

        (void) snprintf(path, sizeof(path), HOLDER "/%s", machine);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        (void) snprintf(path, sizeof(path), HOLDER "/%s/unix-export", machine);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int unix_export_make(UndoLog *undo, const char *machine, uid_t owner, int *ret) {
        _cleanup_close_ int guest = -EBADF, host = -EBADF, place = -EBADF;
        char options[80];
        int r;

        place = make_place(machine);
        if (place < 0)
                return log_error_errno(place, HOLDER "/%s/unix-export: %m", machine);
        r = undo_add(undo, "unix-export mount", remove_export, (void *) machine);
        if (r < 0)
                return r;

        (void) snprintf(options, sizeof(options), "mode=0755,size=4M,nr_inodes=64,uid=%u,gid=%u", owner, owner);
        host = mount_new("tmpfs", NULL, options, SAFE);
        r = host < 0 ? host : mount_attach(host, place);
        /* Before Linux 6.15 only an attached mount can be copied: so the guest's is taken while this is writable. */
        if (r >= 0)
                r = guest = mount_clone(host, "", false);
        if (r >= 0)
                r = mount_set_attributes(host, MOUNT_ATTR_RDONLY, 0, false);
        if (r >= 0)
                r = mount_set_propagation(guest, "", MS_PRIVATE, false);
        if (r < 0)
                return log_error_errno(r, "cannot mount " HOLDER "/%s/unix-export: %m", machine);
        *ret = TAKE_FD(guest);
        return 0;
}
