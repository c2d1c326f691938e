/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a zone's bridge belongs to all machines of the zone. Making it together with its first port, and
 * deleting it after its last, happens under the lock file that systemd-nspawn takes for the same purpose. */

#include "host/zone-bridge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/link.h"
#include "log.h"

#define ZONE_LOCK "/run/systemd/nspawn-network-zone"

void zones_unlock(int *fd) {
        if (*fd < 0)
                return;
        (void) unlink(ZONE_LOCK);
        *fd = safe_close(*fd);
}

/* The file is unlinked by whoever gives up the lock, while holding it: a lock on a file without a name is
 * nobody's concern any more, and the next file has to be tried. */
static int lock_zones(void) {
        (void) mkdir("/run/systemd", 0755); /* not there on hosts without systemd */
        for (;;) {
                _cleanup_close_ int fd = -EBADF;
                struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
                struct stat st;

                fd = open(ZONE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
                if (fd < 0)
                        return -errno;
                if (fcntl(fd, F_OFD_SETLKW, &lock) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (st.st_nlink > 0)
                        return TAKE_FD(fd);
        }
}

int zones_lock(void) {
        int fd = lock_zones();

        return fd < 0 ? log_error_errno(fd, "cannot lock " ZONE_LOCK ": %m") : fd;
}

static int delete_zone_bridge(void *userdata) {
        _cleanup_free_ MadeLink *made = userdata;
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        _cleanup_(zones_unlock) _unused_ int lock = -EBADF;
        _cleanup_free_ int *ports = NULL;
        size_t n_ports;
        int r;

        lock = lock_zones();
        if (lock < 0)
                return lock;
        r = link_find_made(made, "bridge", &nl, &info);
        if (r <= 0 || !streq(info.name, made->name))
                return MIN(r, 0);
        r = netlink_list(nl, info.ifindex, &ports, &n_ports);
        return r < 0 || n_ports > 0 ? r : link_delete(nl, info.ifindex);
}

int zone_bridge_get(Netlink *host, const char *name, UndoLog *undo, LinkInfo *ret) {
        int r;

        r = netlink_find(host, 0, name, ret);
        if (r == -ENODEV) {
                netlink_new(host, &(LinkSpec){ .kind = "bridge", .name = name });
                netlink_get(host, 0, name, ret);
                r = netlink_flush(host);
        }
        if (r < 0)
                return link_log_error(r, host, "create the bridge of network zone", name);
        if (!streq(ret->kind, "bridge"))
                return 0; /* the administrator's own idea of a zone; not ours to delete */
        return link_register_deletion(undo, "delete the network zone's bridge", delete_zone_bridge, ret);
}
