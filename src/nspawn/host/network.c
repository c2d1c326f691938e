/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, in the host's namespaces, when the guest's network namespace
 * exists and nothing of the guest runs in it yet. Two rtnetlink sockets, one for each namespace, do
 * everything.
 *
 * A link for the guest is born in the guest's namespace, so it never shows up on the host under the guest's
 * name. What was made by name is looked up in the same batch, and from there on addressed by ifindex: udev or
 * an administrator may rename a link at any time.
 *
 * A veth pair needs no undoing in principle, because it goes with the guest's namespace. But that happens
 * some time after the last process, and the next start wants the name at once: so the undo log deletes the
 * host's end, and the set-up clears away, or for a moment waits for, what a killed supervisor left behind.
 *
 * A physical link would be returned by the kernel, too, but to the initial namespace and under the name the
 * guest gave it. So the undo log holds the guest's namespace open and fetches the link from there. The guest
 * had full control over it: its name, its alternative names and its place may have changed, and something
 * else may be in its place. Should even that be prevented by SIGKILL, the link's old name has been left on it
 * as an alternative name, which is enough for the next start to find it.
 *
 * A zone's bridge belongs to all machines of the zone. Making it together with its first port, and
 * deleting it after its last, happens under the lock file that systemd-nspawn takes for the same purpose. */

#include "host/network.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "fd.h"
#include "log.h"
#include "netlink.h"
#include "strv.h"

#define ZONE_LOCK "/run/systemd/nspawn-network-zone"
#define LOOPBACK_IFINDEX 1 /* in every network namespace */
#define LEFTOVER_PATIENCE_MSEC 1000
#define LEFTOVER_POLL_MSEC 2

typedef struct Setup {
        Netlink *host, *guest;
        int netns_fd;
        UndoLog *undo;
        HostNetwork result;
} Setup;

static int log_link_error(int error, const Netlink *nl, const char *what, const char *name) {
        const char *message = netlink_message(nl);

        return log_error_errno(error, "cannot %s %s: %m%s%s", what, name, *message ? ": " : "", message);
}

static uint64_t now_msec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static int set_up_loopback(Setup *s, const LinkOperation *op _unused_) {
        int r;

        netlink_change(s->guest, LOOPBACK_IFINDEX, &(LinkChange){ .up = true });
        r = netlink_flush(s->guest);
        return r < 0 ? log_link_error(r, s->guest, "bring up network interface", "lo of the machine") : 0;
}

/* Virtual Ethernet */

typedef struct MadeLink {
        int ifindex;
        char name[IFNAMSIZ];
        struct ether_addr address;
} MadeLink;

/* An index may have passed to another link since ours went away by itself, so it is not enough. */
static int delete_veth(void *userdata) {
        _cleanup_free_ MadeLink *made = userdata;
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        int r;

        r = netlink_open(&nl);
        if (r < 0)
                return r;
        r = netlink_find(nl, made->ifindex, NULL, &info);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        if (!streq(info.kind, "veth") || memcmp(&info.address, &made->address, sizeof(info.address)) != 0)
                return 0;
        netlink_delete(nl, info.ifindex);
        r = netlink_flush(nl);
        return r == -ENODEV ? 0 : r;
}

static int register_deletion(UndoLog *undo, const char *name, undo_function_t function,
                             const LinkInfo *info) {
        MadeLink *made = malloc(sizeof(MadeLink));

        if (!made)
                return log_oom();
        made->ifindex = info->ifindex;
        made->address = info->address;
        memcpy(made->name, info->name, sizeof(made->name));
        return undo_add(undo, name, function, made);
}

static int make_veth(Setup *s, const LinkOperation *op, int master, LinkInfo *ret) {
        const LinkSpec peer = {
                .name = op->guest,
                .address = &op->guest_address,
                .netns_fd = s->netns_fd,
        };
        int r;

        netlink_new(s->host, &(LinkSpec){
                .kind = "veth",
                .name = op->host,
                .address = &op->host_address,
                .master = master,
                .up = op->up,
                .peer = &peer,
        });
        netlink_get(s->host, 0, op->host, ret);
        r = netlink_flush(s->host);
        if (r < 0)
                return r;
        if (!streq(ret->kind, "veth") || memcmp(&ret->address, &op->host_address, sizeof(ret->address)) != 0)
                return -ESTALE; /* renamed within microseconds, and somebody else has the name */
        return 0;
}

/* Deals with the owner of a name that we want. 1: it is out of the way. 0: it may go away by itself soon.
 * -EEXIST: it will not. */
static int clear_leftover(Netlink *nl, const char *name) {
        _cleanup_link_info_ LinkInfo info = {};
        int r;

        r = netlink_find(nl, 0, name, &info);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        if (!streq(info.kind, "veth") || !info.peer_away)
                return -EEXIST;
        r = netlink_peer_alive(nl, &info);
        if (r != 0)
                return r < 0 ? r : 0;
        log_debug("deleting network interface %s, whose machine is dead", info.name);
        netlink_delete(nl, info.ifindex);
        r = netlink_flush(nl);
        return r < 0 && r != -ENODEV ? r : 1;
}

static int log_name_taken(const LinkOperation *op) {
        return log_error_errno(-EEXIST,
                               "network interface %s exists already and is in use; stop the machine it "
                               "belongs to, or run \"ip link delete %s\"",
                               op->host, op->host);
}

static int make_veth_patiently(Setup *s, const LinkOperation *op, int master, LinkInfo *ret) {
        const uint64_t deadline = now_msec() + LEFTOVER_PATIENCE_MSEC;

        for (;;) {
                const struct timespec pause = { .tv_nsec = LEFTOVER_POLL_MSEC * 1000000L };
                int r;

                r = make_veth(s, op, master, ret);
                if (r >= 0)
                        return 0;
                link_info_done(ret);
                if (r != -EEXIST)
                        return log_link_error(r, s->host, "create virtual Ethernet interface", op->host);
                r = clear_leftover(s->host, op->host);
                if (r < 0 && r != -EEXIST)
                        return log_link_error(r, s->host, "clear away old network interface", op->host);
                if (r < 0 || now_msec() >= deadline)
                        return log_name_taken(op);
                if (r == 0)
                        (void) nanosleep(&pause, NULL);
        }
}

static void add_altname(Netlink *nl, const LinkInfo *info, const char *altname) {
        int r;

        netlink_add_altname(nl, info->ifindex, altname);
        r = netlink_flush(nl);
        if (r < 0)
                (void) log_warning_errno(r, "cannot call network interface %s %s, too: %m", info->name,
                                         altname);
}

/* Bridges */

static void unlock_zones(int *fd) {
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

static int delete_zone_bridge(void *userdata) {
        _cleanup_free_ MadeLink *made = userdata;
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        _cleanup_(unlock_zones) _unused_ int lock = -EBADF;
        _cleanup_free_ int *ports = NULL;
        size_t n_ports;
        int r;

        lock = lock_zones();
        if (lock < 0)
                return lock;
        r = netlink_open(&nl);
        if (r < 0)
                return r;
        r = netlink_find(nl, made->ifindex, NULL, &info);
        if (r < 0)
                return r == -ENODEV ? 0 : r;
        if (!streq(info.kind, "bridge") || !streq(info.name, made->name))
                return 0;
        r = netlink_list(nl, info.ifindex, &ports, &n_ports);
        if (r < 0 || n_ports > 0)
                return r;
        netlink_delete(nl, info.ifindex);
        r = netlink_flush(nl);
        return r == -ENODEV ? 0 : r;
}

/* Finds the zone's bridge or makes it. The caller holds the lock. */
static int get_zone_bridge(Setup *s, const char *name, LinkInfo *ret) {
        int r;

        r = netlink_find(s->host, 0, name, ret);
        if (r == -ENODEV) {
                netlink_new(s->host, &(LinkSpec){ .kind = "bridge", .name = name });
                netlink_get(s->host, 0, name, ret);
                r = netlink_flush(s->host);
        }
        if (r < 0)
                return log_link_error(r, s->host, "create the bridge of network zone", name);
        if (!streq(ret->kind, "bridge"))
                return 0; /* the administrator's own idea of a zone; not ours to delete */
        return register_deletion(s->undo, "delete the network zone's bridge", delete_zone_bridge, ret);
}

static int get_bridge(Setup *s, const LinkOperation *op, LinkInfo *ret) {
        int r;

        if (op->zone)
                return get_zone_bridge(s, op->bridge, ret);
        r = netlink_find(s->host, 0, op->bridge, ret);
        return r < 0 ? log_link_error(r, s->host, "find bridge", op->bridge) : 0;
}

static int set_up_veth(Setup *s, const LinkOperation *op) {
        _cleanup_link_info_ LinkInfo bridge = {}, info = {};
        _cleanup_(unlock_zones) int lock = -EBADF;
        int r;

        if (op->zone) {
                lock = lock_zones();
                if (lock < 0)
                        return log_error_errno(lock, "cannot lock " ZONE_LOCK ": %m");
        }
        if (op->bridge) {
                r = get_bridge(s, op, &bridge);
                if (r < 0)
                        return r;
        }
        r = make_veth_patiently(s, op, bridge.ifindex, &info);
        if (r < 0)
                return r;
        r = register_deletion(s->undo, "delete the host's virtual Ethernet interface", delete_veth, &info);
        if (r < 0)
                return r;
        if (op->altname)
                add_altname(s->host, &info, op->altname);
        if (op->registered)
                s->result = (HostNetwork){ { op->bridge ? bridge.ifindex : info.ifindex }, 1 };
        return 0;
}

/* Physical links */

typedef struct LentLink {
        int netns_fd; /* the guest's namespace, ours to close */
        int ifindex;  /* in there */
        char name[IFNAMSIZ], kind[16];
        char **altnames;
} LentLink;

static void lent_link_free(LentLink *lent) {
        (void) safe_close(lent->netns_fd);
        strv_free(lent->altnames);
        free(lent);
}
DEFINE_CLEANUP(LentLink *, lent_link_free)

/* Names that came up inside must not come out: they could stand in for another link of the host. */
static void remove_foreign_altnames(Netlink *nl, const LinkInfo *info, char *const *own) {
        STRV_FOREACH(name, info->altnames) {
                int r;

                if (strv_find(own, *name))
                        continue;
                netlink_remove_altname(nl, info->ifindex, *name);
                r = netlink_flush(nl);
                if (r < 0)
                        (void) log_warning_errno(r, "cannot drop name %s of network interface %s: %m", *name,
                                                 info->name);
        }
}

/* Where altnames do not move with their link (kernels before 6.7, and fixed stable ones), or were removed. */
static void restore_altnames(Netlink *nl, const LinkInfo *info, char *const *altnames) {
        STRV_FOREACH(name, altnames)
                if (!strv_find(info->altnames, *name))
                        add_altname(nl, info, *name);
}

/* Returns 1 if the link has its old name, 0 if it had to take another. */
static int bring_home(Netlink *guest, const LinkInfo *info, const LentLink *lent) {
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char name[IFNAMSIZ];
        int r;

        if (own < 0)
                return -errno;
        netlink_change(guest, info->ifindex, &(LinkChange){ .name = lent->name, .netns_fd = own });
        r = netlink_flush(guest);
        if (r != -EEXIST)
                return r < 0 ? r : 1;
        (void) snprintf(name, sizeof(name), "dev%i", info->ifindex); /* as the kernel does it */
        log_warning("network interface %s is taken: the one that was lent returns as %s", lent->name, name);
        netlink_change(guest, info->ifindex, &(LinkChange){ .name = name, .netns_fd = own });
        return netlink_flush(guest);
}

static int return_link(void *userdata) {
        _cleanup_(lent_link_free_p) LentLink *lent = userdata;
        _cleanup_netlink_ Netlink *guest = NULL, *host = NULL;
        _cleanup_link_info_ LinkInfo there = {}, here = {};
        int r;

        r = netlink_open_in(lent->netns_fd, &guest);
        if (r < 0)
                return r;
        r = netlink_find(guest, lent->ifindex, NULL, &there);
        if (r == -ENODEV || (r >= 0 && !streq(there.kind, lent->kind))) {
                log_warning("network interface %s is no longer in the machine it was lent to", lent->name);
                return 0;
        }
        if (r < 0)
                return r;
        remove_foreign_altnames(guest, &there, lent->altnames);
        r = bring_home(guest, &there, lent);
        if (r <= 0)
                return r;
        r = netlink_open(&host);
        if (r >= 0)
                r = netlink_find(host, 0, lent->name, &here);
        if (r >= 0)
                restore_altnames(host, &here, lent->altnames);
        return r == -ENODEV ? 0 : r;
}

static LentLink *lent_link_new(const LinkInfo *info, int netns_fd) {
        LentLink *lent = malloc(sizeof(LentLink));

        if (!lent)
                return NULL;
        *lent = (LentLink){
                .netns_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3),
                .ifindex = info->ifindex, /* kept by the kernel where it is free */
                .altnames = strv_copy(info->altnames),
        };
        memcpy(lent->name, info->name, sizeof(lent->name));
        memcpy(lent->kind, info->kind, sizeof(lent->kind));
        if (lent->netns_fd < 0 || (info->altnames && !lent->altnames)) {
                lent_link_free(lent);
                return NULL;
        }
        return lent;
}

static int move_link(Setup *s, const LinkOperation *op, const LinkInfo *info, const char *name,
                     LentLink *lent) {
        _cleanup_link_info_ LinkInfo there = {};
        int r;

        netlink_change(s->host, info->ifindex, &(LinkChange){ .name = name, .netns_fd = s->netns_fd });
        r = netlink_flush(s->host);
        if (r < 0) {
                lent_link_free(lent);
                return log_link_error(r, s->host, "move to the machine network interface", op->host);
        }
        r = undo_add(s->undo, "return a network interface to the host", return_link, lent);
        if (r < 0)
                return r;
        r = netlink_find(s->guest, 0, name, &there);
        if (r < 0)
                return log_link_error(r, s->guest, "find in the machine network interface", name);
        lent->ifindex = there.ifindex;
        restore_altnames(s->guest, &there, lent->altnames);
        if (!streq(name, info->name))
                add_altname(s->guest, &there, info->name);
        return 0;
}

static int set_up_physical(Setup *s, const LinkOperation *op) {
        _cleanup_link_info_ LinkInfo info = {};
        LentLink *lent;
        int r;

        r = netlink_find(s->host, 0, op->host, &info);
        if (r < 0)
                return log_link_error(r, s->host, "find network interface", op->host);
        lent = lent_link_new(&info, s->netns_fd);
        if (!lent)
                return log_oom();
        return move_link(s, op, &info, streq(op->host, op->guest) ? info.name : op->guest, lent);
}

/* Links on top of one of the host's */

static int set_up_stacked(Setup *s, const LinkOperation *op) {
        static const char *const kinds[] = { [LINK_MACVLAN] = "macvlan", [LINK_IPVLAN] = "ipvlan" };
        _cleanup_link_info_ LinkInfo lower = {}, info = {};
        int r;

        r = netlink_find(s->host, 0, op->host, &lower);
        if (r < 0)
                return log_link_error(r, s->host, "find network interface", op->host);
        netlink_new(s->host, &(LinkSpec){
                .kind = kinds[op->kind],
                .name = op->guest,
                .address = op->has_address ? &op->guest_address : NULL,
                .netns_fd = s->netns_fd,
                .lower = lower.ifindex,
        });
        r = netlink_flush(s->host);
        if (r == -EOPNOTSUPP)
                return log_error_errno(r, "the kernel cannot put a network interface of kind %s on %s",
                                       kinds[op->kind], op->host);
        if (r < 0)
                return log_link_error(r, s->host, "create for the machine network interface", op->guest);
        if (!op->altname)
                return 0;
        r = netlink_find(s->guest, 0, op->guest, &info);
        if (r < 0)
                return log_link_error(r, s->guest, "find in the machine network interface", op->guest);
        add_altname(s->guest, &info, op->altname);
        return 0;
}

int network_setup(const NetworkPlan *plan, int netns_fd, UndoLog *undo, HostNetwork *ret) {
        static int (*const steps[])(Setup *s, const LinkOperation *op) = {
                [LINK_LOOPBACK] = set_up_loopback,
                [LINK_PHYSICAL] = set_up_physical,
                [LINK_VETH] = set_up_veth,
                [LINK_MACVLAN] = set_up_stacked,
                [LINK_IPVLAN] = set_up_stacked,
        };
        _cleanup_netlink_ Netlink *host = NULL, *guest = NULL;
        Setup s = { .netns_fd = netns_fd, .undo = undo };
        int r;

        if (plan->n_items == 0) {
                *ret = s.result;
                return 0;
        }
        r = netlink_open(&host);
        if (r < 0)
                return log_error_errno(r, "cannot open a routing socket: %m");
        r = netlink_open_in(netns_fd, &guest);
        if (r < 0)
                return log_error_errno(r, "cannot enter the machine's network namespace: %m");
        s.host = host;
        s.guest = guest;
        for (size_t i = 0; i < plan->n_items; i++) {
                r = steps[plan->items[i].kind](&s, plan->items + i);
                if (r < 0)
                        return r;
        }
        *ret = s.result;
        return 0;
}
