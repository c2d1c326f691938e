/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a bridge can have several machines, and each of them may need the setting. So there is a file
 * for each link on which one of us turned it on, and all who need it share a lock on that. Who gives up the last lock
 * turns it off and removes the file. A file that nobody has locked was left by a killed machine: whoever needs the
 * setting next takes part in it and so becomes its heir, and the removal of that machine's remains turns it off if
 * there is none. Without a file, a setting that is on is the administrator's, and stays. One more lock makes all this
 * one step. */

#include "host/localnet.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fd.h"
#include "host/runtime-directory.h"
#include "netlink.h"

#define GUARD ".localnet"
#define GUARD_TIMEOUT_USEC 2000000u

typedef char LockName[32];

static void name_lock(int ifindex, LockName ret) {
        (void) snprintf(ret, sizeof(LockName), GUARD "-%i", ifindex);
}

static int write_record(int runtime_fd, const LinkInfo *info) {
        char text[64];

        (void) snprintf(text, sizeof(text), "%i %s", info->ifindex, info->name);
        return runtime_record_write(runtime_fd, RUNTIME_RECORD_LOCALNET, text);
}

static int set(Netlink *nl, int ifindex, bool on) {
        netlink_change(nl, ifindex, &(LinkChange){ .localnet_on = on, .localnet_off = !on });
        return netlink_flush(nl);
}

/* With the guard held. */
static int enable(int root_fd, int runtime_fd, int ifindex, Localnet *localnet) {
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        LockName name;
        int r;

        name_lock(ifindex, name);
        r = netlink_open(&nl);
        if (r >= 0)
                r = netlink_find(nl, ifindex, NULL, &info);
        if (r < 0)
                return r;
        if (info.localnet && faccessat(root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        r = lock_file_take(root_fd, name, LOCK_SHARED, 0, &localnet->lock);
        if (r >= 0)
                r = write_record(runtime_fd, &info);
        if (r >= 0 && !info.localnet)
                r = set(nl, ifindex, true);
        if (r < 0)
                return r;
        localnet->ifindex = ifindex;
        return 0;
}

int localnet_enable(int runtime_fd, int ifindex, Localnet *ret) {
        _cleanup_close_ int root_fd = runtime_root_open();
        _cleanup_lock_file_ LockFile guard = LOCK_FILE_NONE;
        Localnet localnet = LOCALNET_NONE;
        int r;

        if (root_fd < 0)
                return root_fd;
        r = lock_file_take(root_fd, GUARD, LOCK_EXCLUSIVE, GUARD_TIMEOUT_USEC, &guard);
        if (r >= 0)
                r = enable(root_fd, runtime_fd, ifindex, &localnet);
        if (r < 0) {
                lock_file_release(&localnet.lock);
                return r;
        }
        *ret = localnet;
        return 0;
}

/* With the guard held; this machine holds no lock any more. name is the link's, if that is known: the number of one
 * that is gone may be another's by now. */
static int give_up(int root_fd, int ifindex, const char *link) {
        _cleanup_lock_file_ LockFile last = LOCK_FILE_NONE;
        _cleanup_netlink_ Netlink *nl = NULL;
        _cleanup_link_info_ LinkInfo info = {};
        LockName name;
        int r;

        name_lock(ifindex, name);
        if (faccessat(root_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        r = lock_file_take(root_fd, name, LOCK_EXCLUSIVE, 0, &last);
        if (r < 0)
                return r == -EBUSY ? 0 : r;
        r = netlink_open(&nl);
        if (r >= 0)
                r = netlink_find(nl, ifindex, NULL, &info);
        if (r >= 0 && info.localnet && (!link || streq(info.name, link)))
                r = set(nl, ifindex, false);
        return r == -ENODEV ? 0 : r;
}

static int give_up_guarded(int ifindex, const char *link, LockFile *own) {
        _cleanup_close_ int root_fd = runtime_root_open();
        _cleanup_lock_file_ LockFile guard = LOCK_FILE_NONE;
        int r;

        if (root_fd < 0)
                return root_fd;
        r = lock_file_take(root_fd, GUARD, LOCK_EXCLUSIVE, GUARD_TIMEOUT_USEC, &guard);
        if (r < 0)
                return r;
        if (own)
                lock_file_forget(own);
        return give_up(root_fd, ifindex, link);
}

int localnet_disable(Localnet *localnet) {
        int r;

        if (localnet->ifindex == 0)
                return 0;
        r = give_up_guarded(localnet->ifindex, NULL, &localnet->lock);
        localnet->ifindex = 0;
        return r;
}

int localnet_remove_recorded(int runtime_fd) {
        _cleanup_free_ char *text = NULL;
        const char *link;

        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_LOCALNET, &text) < 0)
                return 0;
        link = strchr(text, ' ');
        return link ? give_up_guarded(atoi(text), link + 1, NULL) : -EBADMSG;
}
