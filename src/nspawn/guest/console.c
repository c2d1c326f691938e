/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the inner stage, after the root was changed. The pty must come from the guest's
 * own devpts: then ttyname(3) works in the guest, and no terminal of the host's is within its reach. The slave
 * is taken from the master by ioctl, so no path in the tree is opened for it. */

#include "guest/console.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/handshake.h"
#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "plan/custom-mounts.h"
#include "terminal.h"

/* Where /dev is ours, the console is a symlink, as the container interface has it. In a /dev that the user bound
 * from elsewhere a device node of that name may stand: then the pty is mounted on it; and nothing is made there. */
static int place_console(const StageContext *context, int tty_fd, unsigned number) {
        bool make = !mounts_keep(&context->config->mounts, "/dev/console");
        _cleanup_close_ int mount = -EBADF, target = -EBADF;
        char name[32];
        int r;

        (void) snprintf(name, sizeof(name), "pts/%u", number);
        r = make ? root_symlink(context->root_fd, name, "/dev/console") : -EEXIST;
        if (r != -EEXIST)
                return r;
        target = root_open(context->root_fd, "/dev/console", O_PATH);
        if (target < 0)
                return target == -ENOENT && !make ? 0 : TAKE_FD(target);
        mount = mount_clone(tty_fd, "", false);
        return mount < 0 ? TAKE_FD(mount) : mount_attach(mount, target);
}

/* The supervisor does it as well, by its own terminal if it has one, but a command may be quicker. */
static int set_size(const StageContext *context, int master_fd) {
        const OciConfig *oci = &context->config->oci;
        const struct winsize size = { .ws_row = (unsigned short) oci->rows, .ws_col = (unsigned short) oci->columns };

        return oci->rows > 0 ? terminal_set_size(master_fd, &size) : 0;
}

int console_open(StageContext *context) {
        _cleanup_close_ int master = -EBADF, tty = -EBADF;
        unsigned number;
        int unlock = 0, r;

        if (!context->console_is_pty)
                return 0;
        master = root_open(context->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
        if (master == -ENOENT && mounts_keep(&context->config->mounts, "/dev/pts"))
                return log_error_errno(master,
                                       "the machine's console takes a directory pts in what is mounted on /dev; "
                                       "--console=pipe does without");
        if (master < 0)
                return log_error_errno(master, "cannot allocate the console's pty: %m");
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
                return log_error_errno(-errno, "cannot unlock the console's pty: %m");
        tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (tty < 0)
                return log_error_errno(-errno, "cannot open the console's pty: %m");
        r = set_size(context, master);
        if (r >= 0)
                r = place_console(context, tty, number);
        if (r < 0)
                return log_error_errno(r, "/dev/console: %m");

        r = handshake_send(context->socket_fd, &(Message){ .type = MESSAGE_CONSOLE }, master);
        if (r < 0)
                return log_error_errno(r, "lost the supervisor: %m");
        context->tty_fd = TAKE_FD(tty);
        return 0;
}

int console_become_stdio(StageContext *context) {
        if (setsid() < 0 && errno != EPERM)
                return log_error_errno(-errno, "cannot start a session: %m");
        if (context->tty_fd < 0)
                return 0;
        /* As the kernel's own console is nobody's controlling terminal when init starts, so this is not: a getty could
         * not take it from init without privileges over the host. */
        if (context->config->payload.mode != START_BOOT && ioctl(context->tty_fd, TIOCSCTTY, 0) < 0)
                return log_error_errno(-errno, "cannot make the console the controlling terminal: %m");
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (dup2(context->tty_fd, fd) < 0)
                        return log_error_errno(-errno, "cannot set up standard input and output: %m");
        return 0;
}
