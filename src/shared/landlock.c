/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what a rule set does not handle stays permitted, so it handles all that this kernel can, which
 * the version of its interface tells. The constants of younger interfaces are here by value, since the headers we are
 * built with may be older than the kernel. Paths are looked up, and links in /proc followed, without any permission:
 * what counts is the file in the end, so a device is permitted by its own node wherever that lies. */

#include "landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

/* Reading, writing and executing; what makes no sense for anything but a directory is none of it. */
#define ACCESS_OF_FILES UINT64_C(0xc007)

/* struct landlock_ruleset_attr as of version 6; older kernels take the beginning, or all of it if the rest is zero. */
typedef struct RuleSet {
        uint64_t files, tcp, scopes;
} RuleSet;

/* By version: how many of the lowest bits of each there are. */
static const struct {
        unsigned files, tcp, scopes;
} versions[] = {
        { 13, 0, 0 }, { 14, 0, 0 }, /* Linux 5.19: links to other directories */
        { 15, 0, 0 },               /* 6.2: truncation */
        { 15, 2, 0 },               /* 6.7: bind and connect */
        { 16, 2, 0 },               /* 6.10: requests to devices */
        { 16, 2, 2 },               /* 6.12: abstract sockets and signals */
};

static uint64_t lowest(unsigned bits) {
        return (UINT64_C(1) << bits) - 1;
}

void landlock_done(Landlock *landlock) {
        landlock->fd = safe_close(landlock->fd);
}

int landlock_new(Landlock *ret) {
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), fd;
        RuleSet rules;
        size_t i;

        if (version < 1) /* ENOSYS: not built in; EOPNOTSUPP: switched off at boot */
                return version == 0 || errno == ENOSYS ? -EOPNOTSUPP : -errno;
        i = MIN((size_t) version, ELEMENTSOF(versions)) - 1;
        rules = (RuleSet){ lowest(versions[i].files), lowest(versions[i].tcp), lowest(versions[i].scopes) };
        fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
        if (fd < 0)
                return -errno;
        *ret = (Landlock){ (int) fd, rules.files };
        return 0;
}

int landlock_allow(const Landlock *landlock, int fd, uint64_t access) {
        struct landlock_path_beneath_attr rule = { .parent_fd = fd };
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        rule.allowed_access = access & landlock->handled & (S_ISDIR(st.st_mode) ? UINT64_MAX : ACCESS_OF_FILES);
        if (syscall(SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return -errno;
        return 0;
}

int landlock_allow_path(const Landlock *landlock, const char *path, uint64_t access) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        return landlock_allow(landlock, fd, access);
}

int landlock_enforce(const Landlock *landlock) {
        return syscall(SYS_landlock_restrict_self, landlock->fd, 0) < 0 ? -errno : 0;
}
