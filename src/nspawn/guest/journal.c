/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage, which sees both journals. In "host" mode the files live in the
 * host's /var/log/journal/ID, which is bound to the same place in the guest: they are there while it runs and
 * after it stopped. In "guest" mode they live in the tree and the host gets a symlink to them; it names the tree
 * as the user did, never a temporary place. Both stay when the machine ends: that is what makes "auto", which
 * follows whatever is there, the default that remembers.
 *
 * All of this goes by the machine ID, which the tree may have made up: guest/journal-claim.c is asked before anything
 * that is there is touched.
 *
 * The guest's own path is resolved inside its root. For the symlink, which the host's tools will follow outside
 * any root, it must consist of directories alone. */

#include "guest/journal.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "guest/journal-claim.h"
#include "guest/users.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "plan/custom-mounts.h"

#define JOURNAL "/var/log/journal"

typedef struct JournalPlace {
        char id[SD_ID128_STRING_MAX];
        char path[sizeof(JOURNAL "/") + SD_ID128_STRING_MAX]; /* the same on the host and in the guest */
        char target[PATH_MAX]; /* the latter as the host sees it; empty if it does not */
        JournalClaim claim;
} JournalPlace;

/* Plain directories all the way, which cannot lead the host astray. */
static int open_plain(int root_fd, const char *path) {
        struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd = syscall(SYS_openat2, root_fd, path + strspn(path, "/"), &how, sizeof(how));

        return fd < 0 ? -errno : (int) fd;
}

/* Journal directories pass their group on to the files in them, as journald expects. */
static int make_host_directory(const char *path) {
        struct stat parent;

        if (mkdir(path, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        if (stat(JOURNAL, &parent) < 0 || lchown(path, (uid_t) -1, parent.st_gid) < 0 || chmod(path, 02755) < 0)
                return -errno;
        return 0;
}

/* On the host the files are root's. */
static int bind_host_directory(const StageContext *context, const JournalPlace *place) {
        _cleanup_close_ int source = -EBADF, mount = -EBADF, target = -EBADF;
        int r;

        source = open(place->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (source < 0)
                return -errno;
        mount = mount_clone(source, "", false);
        if (mount < 0)
                return TAKE_FD(mount);
        r = users_map_files(context, mount, false);
        if (r < 0)
                return r;
        target = mounts_keep(&context->config->mounts, place->path)
                ? root_open(context->root_fd, place->path, O_PATH | O_DIRECTORY)
                : root_mount_point(context->root_fd, place->path, true);
        return target < 0 ? TAKE_FD(target) : mount_attach(mount, target);
}

static int claim_directory(StageContext *context, JournalPlace *place) {
        int r;

        users_act_as_host();
        r = journal_claim_directory(&place->claim);
        users_act_as_guest(context);
        return r;
}

/* Removes a link that is ours or leads nowhere. 1: it already leads where it shall. */
static int replace_link(JournalPlace *place, const char *wanted) {
        char existing[PATH_MAX];
        ssize_t n = readlink(place->path, existing, sizeof(existing) - 1);
        int r;

        if (n < 0)
                return errno == ENOENT || errno == EINVAL ? 0 : -errno;
        existing[n] = 0;
        if (streq_ptr(existing, wanted))
                return 1;
        r = journal_claim_link(&place->claim, existing);
        if (r < 0)
                return r;
        return unlink(place->path) < 0 ? -errno : 0;
}

static int link_host(StageContext *context, JournalPlace *place) {
        int r;

        /* Where a link of an earlier "guest" run stands, the files shall be the host's from now on. */
        r = replace_link(place, NULL);
        if (r < 0)
                return r;
        users_act_as_host();
        r = make_host_directory(place->path);
        users_act_as_guest(context);
        if (r >= 0)
                r = claim_directory(context, place);
        return r < 0 ? r : bind_host_directory(context, place);
}

/* To what is in an image, or in a mount of the user's on /, the host has no path. */
static bool host_has_path(const MachineConfig *config, const JournalPlace *place) {
        return *place->target && !config->source.pivot.root && !mounts_have_root(&config->mounts) &&
                !mounts_keep(&config->mounts, place->path);
}

/* Where the directory of an earlier "host" run stands, it has to be ours and empty. */
static int remove_directory(StageContext *context, JournalPlace *place) {
        int r = claim_directory(context, place);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return rmdir(place->path) < 0 ? -errno : 0; /* ENOTEMPTY: the host holds journal files of this machine */
}

static int link_guest(StageContext *context, JournalPlace *place) {
        _cleanup_close_ int made = -EBADF, plain = -EBADF;
        int r;

        if (!host_has_path(context->config, place))
                return -EOPNOTSUPP;
        made = root_mkdir(context->root_fd, place->path, 0755);
        if (made < 0)
                return TAKE_FD(made);
        plain = open_plain(context->root_fd, place->path);
        if (plain < 0)
                return TAKE_FD(plain);

        r = replace_link(place, place->target);
        if (r == 0)
                r = remove_directory(context, place);
        if (r != 0)
                return MIN(r, 0);
        users_act_as_host();
        r = symlink(place->target, place->path) < 0 ? -errno : 0;
        users_act_as_guest(context);
        return r;
}

/* Follows what an earlier run has left, and makes nothing of its own. */
static int link_automatic(StageContext *context, JournalPlace *place) {
        int r = claim_directory(context, place);

        if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
                return 0;
        return r < 0 ? r : bind_host_directory(context, place);
}

static int link_by_mode(StageContext *context, JournalPlace *place) {
        switch (context->config->integration.link_journal) {
        case LINK_JOURNAL_NO:
                break;
        case LINK_JOURNAL_AUTO:
                return link_automatic(context, place);
        case LINK_JOURNAL_HOST:
        case LINK_JOURNAL_TRY_HOST:
                return link_host(context, place);
        case LINK_JOURNAL_GUEST:
        case LINK_JOURNAL_TRY_GUEST:
                return link_guest(context, place);
        }
        return 0;
}

/* "try": without persistent journals on the host, or in a tree that cannot be linked, do without. */
static bool is_required(LinkJournal mode) {
        return mode == LINK_JOURNAL_HOST || mode == LINK_JOURNAL_GUEST;
}

static void make_place(const StageContext *context, JournalPlace *place) {
        const MachineConfig *config = context->config;

        (void) sd_id128_to_string(context->uuid, place->id);
        (void) snprintf(place->path, sizeof(place->path), "%s/%s", JOURNAL, place->id);
        *place->target = 0;
        if (config->source.directory &&
            snprintf(place->target, sizeof(place->target), "%s%s", config->source.directory, place->path) >=
                    (int) sizeof(place->target))
                *place->target = 0;
        place->claim = (JournalClaim){
                .path = place->path,
                .machine = config->source.machine,
                .target = *place->target ? place->target : NULL,
                .vouched = !sd_id128_is_null(config->identity.uuid),
        };
}

/* A journal that is kept from the machine is worth a word, whoever asked for it. */
static int report(const StageContext *context, const JournalPlace *place, int r) {
        const char *why = place->claim.why;

        if (r < 0 && is_required(context->config->integration.link_journal))
                return *why ? log_error_errno(r, "--link-journal=: %s", why)
                            : log_error_errno(r, "--link-journal=: cannot link %s: %m", place->path);
        if (*why && !context->config->output.quiet)
                log_notice("%s: its journal is not linked: %s", context->config->source.machine, why);
        else if (r < 0)
                (void) log_debug_errno(r, "%s is not linked: %m", place->path);
        return 0;
}

int journal_link(StageContext *context) {
        LinkJournal mode = context->config->integration.link_journal;
        JournalPlace place;
        sd_id128_t host;

        if (mode == LINK_JOURNAL_NO || context->config->source.ephemeral)
                return 0;
        if (access(JOURNAL, F_OK) < 0) {
                if (!is_required(mode))
                        return 0;
                return log_error_errno(-errno,
                                       "--link-journal=: the host keeps no persistent journal (" JOURNAL
                                       "); make that directory, or use a try- mode");
        }
        if (sd_id128_get_machine(&host) >= 0 && sd_id128_equal(host, context->uuid)) {
                if (!is_required(mode))
                        return 0;
                return log_error_errno(-EEXIST,
                                       "--link-journal=: the machine's ID is that of the host; remove /etc/machine-id "
                                       "from the tree, or give --uuid=");
        }
        make_place(context, &place);
        return report(context, &place, link_by_mode(context, &place));
}
