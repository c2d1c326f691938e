/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the namespace is made by the outer stage before anything else, because the tree is mounted by
 * its map. While that stage works it stays outside, with the host's privileges; but what it makes in the tree, in
 * /dev and /run, has to belong to the guest's root. So it takes that user for all it does with files
 * (setfsuid(2)): the kernel gives new files to it, and so it does with the root of a new tmpfs, and it can make files
 * in the mapped tree at all, where the host's root has no number. A security bit keeps the privileges meanwhile. Just
 * before the inner stage is born, the outer one enters the namespace: then all other namespaces are made in it and
 * belong to the guest. */

#include "guest/users.h"

#include <grp.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "engine/handshake.h"
#include "engine/progress.h"
#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "owner-shift.h"
#include "user-namespace.h"

int users_make_namespace(StageContext *context) {
        const UserMapping *users = &context->users;
        const IdMap map = { .outside_uid = users->base, .outside_gid = users->base, .count = users->count };

        if (users->count == 0)
                return 0;
        context->users_fd = user_namespace_make(&map);
        if (context->users_fd < 0)
                return log_error_errno(context->users_fd, "cannot create a user namespace for the users %u to %u: %m",
                                       users->base, users->base + users->count - 1);
        if (users->base == 0)
                return 0;
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot keep the privileges of this process: %m");
        users_act_as_guest(context);
        return 0;
}

void users_act_as_host(void) {
        (void) setfsuid(0);
        (void) setfsgid(0);
}

void users_act_as_guest(const StageContext *context) {
        (void) setfsuid(context->users.base);
        (void) setfsgid(context->users.base);
}

int users_enter_namespace(StageContext *context) {
        if (context->users.count == 0)
                return 0;
        users_act_as_host();
        return setns(context->users_fd, CLONE_NEWUSER) < 0
                ? log_error_errno(-errno, "cannot enter the machine's user namespace: %m")
                : 0;
}

static int map_tree(const StageContext *context, int mount_fd) {
        const UserMapping *users = &context->users;
        const IdMap map = {
                .inside_uid = users->tree_base,
                .outside_uid = users->base,
                .inside_gid = users->tree_base,
                .outside_gid = users->base,
                .count = users->count,
                .host_root = true, /* for those who copy files into the machine */
        };
        _cleanup_close_ int fd = user_namespace_make(&map);

        return fd < 0 ? TAKE_FD(fd) : mount_map_ids(mount_fd, fd, true);
}

static void pass_on(const char *line, void *userdata) {
        const StageContext *context = userdata;
        Message message = { .type = MESSAGE_PROGRESS };

        (void) snprintf(message.text, sizeof(message.text), "%s", line);
        if (handshake_send(context->socket_fd, &message, -EBADF) < 0)
                return; /* then there is nobody who waits */
}

static void show_progress(uint64_t done, uint64_t total, void *userdata) {
        progress_show(userdata, "changing owners: %3" PRIu64 "%%", done * 100 / MAX(total, done));
}

static int log_chown_error(int error, const char *what, const char *where) {
        if (error == -EMLINK)
                return log_error_errno(error,
                                       "%s: %s is also linked from outside of the tree: giving it to the machine "
                                       "would "
                                       "give that away too; replace it by a copy",
                                       what, where ?: "a file");
        return log_error_errno(error, "%s: cannot change the owner of %s: %m", what, where ?: "its files");
}

/* Bound to another place, no path tells. */
static bool is_host_root(int mount_fd) {
        struct stat tree, host;

        return fstat(mount_fd, &tree) >= 0 && stat("/", &host) >= 0 && tree.st_dev == host.st_dev &&
                tree.st_ino == host.st_ino;
}

static int chown_tree(StageContext *context, int mount_fd, const char *what) {
        Progress progress = { .quiet = context->config->output.quiet, .pass_on = pass_on, .userdata = context };
        const OwnerShift shift = { .base = context->users.base, .progress = show_progress, .userdata = &progress };
        _cleanup_free_ char *where = NULL;
        int r;

        if (is_host_root(mount_fd))
                return log_error_errno(-EBUSY,
                                       "%s: this is the host's own root directory, whose files stay the host's", what);
        users_act_as_host();
        r = owner_shift(mount_fd, &shift, &where);
        users_act_as_guest(context);
        progress_end(&progress);
        return r < 0 ? log_chown_error(r, what, where) : 0;
}

/* Whether "auto" may write to the tree. */
static bool may_chown(const StageContext *context) {
        const SourceConfig *source = &context->config->source;

        return context->config->users.ownership == OWNERSHIP_AUTO && !source->read_only && !source->ephemeral &&
                !source->mstack && source->volatile_mode == VOLATILE_NO && user_mapping_may_chown(&context->users);
}

int users_own_tree(StageContext *context, int mount_fd, const char *what) {
        int r;

        if (context->users.chown_tree && context->stack)
                return log_error_errno(-EBUSY,
                                       "%s: a change of its owners was interrupted; --directory= with it goes on with "
                                       "that",
                                       what);
        if (context->users.chown_tree)
                return chown_tree(context, mount_fd, what);
        if (!context->users.map_tree)
                return 0;
        r = map_tree(context, mount_fd);
        if (r == -EINVAL || r == -EOPNOTSUPP) {
                if (may_chown(context)) {
                        if (!context->config->output.quiet)
                                log_notice("%s: this file system cannot show files under other owners: they are "
                                           "changed "
                                           "on disk",
                                           what);
                        return chown_tree(context, mount_fd, what);
                }
                return log_error_errno(r,
                                       "%s: this file system, or one that is mounted below, cannot show files under "
                                       "other owners; --private-users-ownership=chown changes them on disk, and "
                                       "--private-users=no or =identity does without",
                                       what);
        }
        if (r == -EPERM)
                return log_error_errno(r, "%s: the owners of this mount's files are mapped already", what);
        return r < 0 ? log_error_errno(r, "%s: cannot map the owners of its files to the machine's users: %m", what)
                     : 0;
}

int users_map_files(const StageContext *context, int mount_fd, bool recursive) {
        return context->users.base > 0 ? mount_map_ids(mount_fd, context->users_fd, recursive) : 0;
}

int users_measure_tree(StageContext *context, int mount_fd) {
        const UserNamespaceConfig *config = &context->config->users;
        struct stat st;

        if (context->users.count == 0)
                return 0;
        if (fstat(mount_fd, &st) < 0)
                return log_error_errno(-errno, "cannot tell the image's owner: %m");
        context->users.tree_base = uid_range_base(st.st_uid);
        if (config->range.mode == USERS_YES && context->users.tree_base != context->users.base)
                return log_error_errno(-EOPNOTSUPP,
                                       "--private-users=yes: the image's root directory belongs to user %u; give "
                                       "--private-users=%u instead",
                                       st.st_uid, context->users.tree_base);
        return user_mapping_complete(config, &context->users);
}

/* What an IPC namespace has in /dev/mqueue belongs to whoever makes it, so that has waited until now. */
int users_become_root(StageContext *context) {
        if (context->users.count == 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot become root of the machine's user namespace: %m");
        if (context->config->env.share_ipc)
                return 0;
        return unshare(CLONE_NEWIPC) < 0 ? log_error_errno(-errno, "cannot create an IPC namespace: %m") : 0;
}
