/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the inner stage, which executes nothing of the guest's tree by itself: it becomes the
 * starter first, whose first comment says why. The starter is in our own data; it is executed from a file in memory
 * that is sealed, or, where the host forbids to execute those (vm.memfd_noexec=2), that lies on a read-only file
 * system of its own. */

#include "guest/starter.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "starter/starter.h"
#include "strv.h"

/* linux/memfd.h and linux/fcntl.h of Linux 6.3 */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int open_sealed(void) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = memfd_create(STARTER_FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
                fd = memfd_create(STARTER_FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = write_all(fd, starter_image, starter_image_size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_EXEC) < 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int open_read_only(void) {
        _cleanup_close_ int mount = -EBADF;
        int fd, r;

        mount = mount_new("tmpfs", NULL, "mode=555,size=64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (mount < 0)
                return TAKE_FD(mount);
        r = write_new_file_at(mount, STARTER_FILE_NAME, starter_image, starter_image_size, 0555);
        if (r >= 0)
                r = mount_set_attributes(mount, MOUNT_ATTR_RDONLY, 0, false);
        if (r < 0)
                return r;
        fd = openat(mount, STARTER_FILE_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int starter_open(void) {
        int fd = open_sealed();

        if (fd == -EACCES)
                fd = open_read_only();
        return fd < 0 ? log_error_errno(fd, "cannot prepare the start of the machine's first program: %m") : fd;
}

static int build_arguments(const StarterRequest *request, char ***ret) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_append(&argv, STARTER_STUB_NAME);
        if (r >= 0)
                r = strv_append_printf(&argv, "%s%s%s", request->stub ? (char[]){ STARTER_OPTION_STUB, 0 } : "",
                                       request->terminal ? (char[]){ STARTER_OPTION_TTY, 0 } : "",
                                       request->argv ? "" : (char[]){ STARTER_OPTION_LOGIN, 0 });
        if (r >= 0)
                r = strv_append_printf(&argv, "%u", request->n_listen_fds);
        if (r >= 0)
                r = request->socket_fd < 0 ? strv_append(&argv, STARTER_NO_SOCKET)
                                           : strv_append_printf(&argv, "%i", request->socket_fd);
        if (r >= 0)
                r = strv_append(&argv, request->selinux_context ?: STARTER_NO_CONTEXT);
        if (r >= 0)
                r = strv_append_printf(&argv, "%zu", strv_length(request->paths));
        STRV_FOREACH(s, request->paths)
        if (r >= 0)
                r = strv_append(&argv, *s);
        STRV_FOREACH(s, request->argv)
        if (r >= 0)
                r = strv_append(&argv, *s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* A system call filter of the user's may know execve(2) alone. */
static int execute_fd(int fd, char **argv, char *const *environment) {
        char path[40];

        (void) syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH);
        if (errno != EPERM && errno != ENOSYS && errno != EACCES)
                return -errno;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
        (void) execve(path, argv, (char **) environment);
        return -errno;
}

int starter_execute(const StarterRequest *request) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = build_arguments(request, &argv);
        if (r < 0)
                return log_oom();
        (void) close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        for (unsigned i = 0; i < request->n_listen_fds; i++)
                (void) fd_set_cloexec((int) (STDERR_FILENO + 1 + i), false);
        if (request->socket_fd >= 0)
                (void) fd_set_cloexec(request->socket_fd, false);
        r = execute_fd(request->starter_fd, argv, request->environment);
        return log_error_errno(r, "cannot run the program that starts the machine's own: %m");
}
