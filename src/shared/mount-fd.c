/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: mounts are prepared as detached fds and attached to targets that were resolved as fds, so
 * no mount call ever takes a path that somebody else could change in between. All of it is in Linux since 5.12,
 * below this project's floor. */

#include "mount-fd.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

/* glibc 2.36 declares these in <sys/mount.h>, which cannot be included beside <linux/mount.h> there. */
int fsopen(const char *type, unsigned flags);
int fsmount(int fd, unsigned flags, unsigned attributes);
int fsconfig(int fd, unsigned command, const char *key, const void *value, int aux);
int open_tree(int dir_fd, const char *path, unsigned flags);
int move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int mount_setattr(int dir_fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);

/* The kernel explains a refused parameter in a line readable from the context fd. */
static int configuration_error(int fs, const char *type) {
        int r = errno_or_eio();
        char text[256];
        ssize_t n = read(fs, text, sizeof(text) - 1);

        if (n > 0) {
                text[n] = 0;
                log_debug("%s: kernel says: %s", type, text);
        }
        return r;
}

/* Cuts the next option off. A comma within quotes is part of the value. */
static char *next_option(char **rest) {
        char *option = *rest, *end = option;
        bool quoted = false;

        if (!option)
                return NULL;
        for (; *end && (quoted || *end != ','); end++)
                quoted ^= *end == '"';
        *rest = *end ? end + 1 : NULL;
        *end = 0;
        return option;
}

static char *without_quotes(char *value) {
        size_t n = strlen(value);

        if (n < 2 || value[0] != '"' || value[n - 1] != '"')
                return value;
        value[n - 1] = 0;
        return value + 1;
}

static int configure(int fs, const char *type, const char *options) {
        _cleanup_free_ char *copy = options ? strdup(options) : NULL;
        char *rest = copy;

        if (options && !copy)
                return -ENOMEM;
        for (char *key; (key = next_option(&rest));) {
                bool optional = *key == '?';
                char *value = strchr(key += optional, '=');

                if (isempty(key))
                        continue;
                if (value) {
                        *value++ = 0;
                        value = without_quotes(value);
                }
                if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0 && !optional)
                        return configuration_error(fs, type);
        }
        return 0;
}

int mount_new(const char *type, const char *source, const char *options, uint64_t attributes) {
        _cleanup_close_ int fs = -EBADF;
        int r;

        fs = fsopen(type, FSOPEN_CLOEXEC);
        if (fs < 0)
                return -errno;
        if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source ?: type, 0) < 0)
                return configuration_error(fs, type);
        r = configure(fs, type, options);
        if (r < 0)
                return r;
        if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return configuration_error(fs, type);
        r = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned) attributes);
        return r < 0 ? -errno : r;
}

int mount_clone(int dir_fd, const char *path, bool recursive) {
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT;
        int fd = open_tree(dir_fd, path, flags | (recursive ? AT_RECURSIVE : 0) | (*path ? 0 : AT_EMPTY_PATH));

        return fd < 0 ? -errno : fd;
}

int mount_set_attributes(int fd, uint64_t set, uint64_t clear, bool recursive) {
        struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

        return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0 ? -errno
                                                                                                              : 0;
}

int mount_map_ids(int fd, int user_namespace_fd, bool recursive) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) user_namespace_fd };

        return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0 ? -errno
                                                                                                              : 0;
}

int mount_set_propagation(int dir_fd, const char *path, unsigned long propagation, bool recursive) {
        struct mount_attr attr = { .propagation = propagation };
        unsigned flags = (*path ? 0 : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0);

        return mount_setattr(dir_fd, path, flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_attach(int mount_fd, int target_fd) {
        return move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno
                                                                                                              : 0;
}
