/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: credentials are read once, before anything is started, so that a machine that reboots
 * gets the ones it began with. The sources are the user's and trusted; the limit is there because all of it
 * is later kept in unswappable memory. Runs in the supervisor, in the host's namespaces, with the user's
 * privileges. */

#include "config/credentials.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fd.h"
#include "log.h"

#define CREDENTIAL_SIZE_MAX (1024U * 1024U)
#define CREDENTIALS_TOTAL_MAX (16U * 1024U * 1024U)

/* Socket paths may be longer than sun_path holds, so the socket is named by an fd of it. */
static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int node = -EBADF, fd = -EBADF;

        node = open(path, O_PATH | O_CLOEXEC);
        if (node < 0)
                return -errno;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%i", node);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || shutdown(fd, SHUT_WR) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int read_source(const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        fd = S_ISSOCK(st.st_mode) ? connect_to(path) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return S_ISSOCK(st.st_mode) ? fd : -errno;
        return read_fd(fd, CREDENTIAL_SIZE_MAX, ret, ret_size);
}

int credentials_load(CredentialsConfig *credentials) {
        size_t total = 0;

        for (size_t i = 0; i < credentials->n_items; i++) {
                Credential *c = &credentials->items[i];

                if (c->path && !c->data) {
                        char *data;
                        int r = read_source(c->path, &data, &c->size);
                        if (r < 0)
                                return log_error_errno(r, "cannot load credential %s from %s: %m", c->id, c->path);
                        c->data = data;
                }
                total += c->size;
        }
        if (total > CREDENTIALS_TOTAL_MAX)
                return log_error_errno(-EFBIG, "the credentials take %zu bytes, more than %u", total,
                                       CREDENTIALS_TOTAL_MAX);
        return 0;
}
