/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, for the notification socket. The manager bounds how many descriptors it
 * keeps, and closes those beyond; we keep none. What the guest sends may be a file on a FUSE file system of its own,
 * and close(2) waits for its answer. So it is a child that closes them. It shares our table of descriptors, in which
 * they are gone as soon as it begins; it may be killed at any time, and dies with the minder's PID namespace. */

#include "supervise/fd-store.h"

#include <sched.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "engine/payload-fd.h"
#include "fd.h"
#include "log.h"
#include "process.h"

bool fd_store_offered(void) {
        const char *max = getenv("FDSTORE");

        return max && strtoul(max, NULL, 10) > 0;
}

void fd_store_forward(const GuestMessage *message, const int *fds, size_t n_fds) {
        char text[FD_NAME_MAX + 64];
        int r;

        if (message->fd_store && n_fds == 0)
                return;
        (void) snprintf(text, sizeof(text), "%s=1\nFDNAME=" PAYLOAD_FD_PREFIX "%s%s",
                        message->fd_store ? "FDSTORE" : "FDSTOREREMOVE", message->fd_name,
                        message->fd_no_poll ? "\nFDPOLL=0" : "");
        r = sd_pid_notify_with_fds(0, false, text, fds, (unsigned) n_fds);
        if (r < 0)
                (void) log_debug_errno(r, "cannot pass a descriptor of the machine's on to the service manager: %m");
}

int fd_store_close(const int *fds, size_t n_fds) {
        int pidfd = -EBADF;
        pid_t pid;

        if (n_fds == 0)
                return -EBADF;
        pid = process_clone(CLONE_FILES, -EBADF, &pidfd);
        if (pid < 0)
                (void) log_warning_errno(pid, "cannot make a process that closes the machine's descriptors: %m");
        /* There is no other way then, and most of them close at once. */
        for (size_t i = 0; i < n_fds && pid <= 0; i++)
                (void) safe_close(fds[i]);
        if (pid == 0)
                _exit(EXIT_SUCCESS);
        return pidfd;
}
