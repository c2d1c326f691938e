/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: /run/host is a tmpfs directory of our own by the time these steps run, so what they make
 * there is new and theirs. The files hold what is known only at this start; what is the same for every start is
 * in the plan. The kernel log is a FIFO that nobody writes: a reader of /proc/kmsg waits for ever instead of
 * stealing the host's messages. */

#include "guest/host-files.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/handshake.h"
#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

#define UUID_LINE_SIZE 38u /* 36 characters, newline, end */

static int write_uuid(int host_fd, const char *name, sd_id128_t id) {
        char line[UUID_LINE_SIZE];
        int n = snprintf(line, sizeof(line), SD_ID128_UUID_FORMAT_STR "\n", SD_ID128_FORMAT_VAL(id));

        return write_new_file_at(host_fd, name, line, (size_t) n, 0444);
}

/* ramfs is never swapped out. It is read-only once it is filled. */
static int write_credentials(const CredentialsConfig *credentials, int root_fd) {
        _cleanup_close_ int mount = -EBADF, target = -EBADF;
        int r;

        if (credentials->n_items == 0)
                return 0;
        mount = mount_new("ramfs", NULL, "mode=0700", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
        if (mount < 0)
                return TAKE_FD(mount);
        for (size_t i = 0; i < credentials->n_items; i++) {
                const Credential *c = &credentials->items[i];

                r = write_new_file_at(mount, c->id, c->data, c->size, 0400);
                if (r < 0)
                        return r;
        }
        if (fchmodat(mount, ".", 0500, 0) < 0)
                return -errno;
        r = mount_set_attributes(mount, MOUNT_ATTR_RDONLY, 0, false);
        if (r < 0)
                return r;
        target = root_mount_point(root_fd, "/run/host/credentials", true);
        return target < 0 ? TAKE_FD(target) : mount_attach(mount, target);
}

static int attach_unix_export(int mount_fd, int host_fd) {
        _cleanup_close_ int target = -EBADF;

        if (mount_fd < 0)
                return 0;
        target = openat(host_fd, "unix-export", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return target < 0 ? -errno : mount_attach(mount_fd, target);
}

/* Bound through the fd of its directory, since no path of ours leads there. It is the guest's root's alone. */
static int bind_journal_socket(const StageContext *context, int host_fd) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int directory = -EBADF;

        if (context->journal_fd < 0)
                return 0;
        directory = openat(host_fd, "journal", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (directory < 0)
                return -errno;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%i/socket", directory);
        if (bind(context->journal_fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            fchmodat(directory, "socket", 0600, 0) < 0 || listen(context->journal_fd, SOMAXCONN) < 0)
                return -errno;
        return 0;
}

int host_files_write(StageContext *context) {
        _cleanup_close_ int host = -EBADF;
        sd_id128_t boot_id;
        int r;

        host = root_open(context->root_fd, "/run/host", O_PATH | O_DIRECTORY);
        if (host < 0)
                return log_error_errno(host, "/run/host: %m");
        r = sd_id128_randomize(&boot_id);
        if (r >= 0)
                r = write_uuid(host, "proc-sys-kernel-random-boot-id", boot_id);
        if (r >= 0)
                r = write_uuid(host, "container-uuid", context->uuid);
        if (r < 0)
                return log_error_errno(r, "cannot write the machine's IDs to /run/host: %m");
        if (mkfifoat(host, "proc-kmsg", 0600) < 0)
                return log_error_errno(-errno, "/run/host/proc-kmsg: %m");
        r = attach_unix_export(context->unix_export_fd, host);
        if (r < 0)
                return log_error_errno(r, "/run/host/unix-export: %m");
        r = bind_journal_socket(context, host);
        if (r < 0)
                return log_error_errno(r, FORWARD_JOURNAL_SOCKET ": %m");

        r = write_credentials(&context->config->credentials, context->root_fd);
        return r < 0 ? log_error_errno(r, "cannot pass the credentials: %m") : 0;
}

static int lay_over(int root_fd, const char *source, const char *target) {
        _cleanup_close_ int from = -EBADF, to = -EBADF, mount = -EBADF;
        int r;

        to = root_open(root_fd, target, O_PATH);
        if (to < 0)
                return to == -ENOENT ? 0 : TAKE_FD(to);
        from = root_open(root_fd, source, O_PATH);
        if (from < 0)
                return TAKE_FD(from);
        mount = mount_clone(from, "", false);
        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_set_attributes(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV,
                                 0, false);
        return r < 0 ? r : mount_attach(mount, to);
}

int host_files_lay_over_proc(StageContext *context) {
        int r;

        r = lay_over(context->root_fd, "/run/host/proc-sys-kernel-random-boot-id", "/proc/sys/kernel/random/boot_id");
        if (r >= 0)
                r = lay_over(context->root_fd, "/run/host/proc-kmsg", "/proc/kmsg");
        return r < 0 ? log_error_errno(r, "cannot lay the machine's boot ID and kernel log over /proc: %m") : 0;
}

/* For PID 1 alone: nobody else's messages count, and so nobody else can fill its queue. */
int host_files_notify_socket(StageContext *context) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/host/notify" };
        _cleanup_close_ int fd = -EBADF;
        int on = 1, r;

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
            bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            fchmodat(AT_FDCWD, address.sun_path, 0600, 0) < 0 ||
            fchownat(AT_FDCWD, address.sun_path, context->uid, context->gid, 0) < 0)
                return log_error_errno(-errno, "%s: %m", address.sun_path);
        r = handshake_send(context->socket_fd, &(Message){ .type = MESSAGE_NOTIFY }, fd);
        return r < 0 ? log_error_errno(r, "lost the supervisor: %m") : 0;
}
