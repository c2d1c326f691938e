/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage, which still sees the host's files beside the guest's root. The
 * host's files are read as they are; the guest's are reached inside its root alone and replaced by rename, so
 * that a guest's own symlink is never written through. A file that has the wanted content already is left as it
 * is: most starts then write nothing. A directory that the user mounts over the guest's own is the user's: what is not
 * asked for is left alone there. */

#include "guest/integration.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "plan/custom-mounts.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define LOCALTIME "/etc/localtime"
#define FILE_MAX (1024u * 1024u)

typedef enum Action { ACTION_NOTHING, ACTION_COPY, ACTION_REPLACE, ACTION_BIND, ACTION_DELETE } Action;

/* Files of systemd-resolved on the host. */
#define RESOLV_STATIC "/usr/lib/systemd/resolv.conf"
#define RESOLV_UPLINK "/run/systemd/resolve/resolv.conf"
#define RESOLV_STUB "/run/systemd/resolve/stub-resolv.conf"

static const struct {
        Action action;
        const char *source;
} resolv_modes[] = {
        [RESOLV_CONF_OFF] = { ACTION_NOTHING, NULL },
        [RESOLV_CONF_COPY_HOST] = { ACTION_COPY, RESOLV_CONF },
        [RESOLV_CONF_COPY_STATIC] = { ACTION_COPY, RESOLV_STATIC },
        [RESOLV_CONF_COPY_UPLINK] = { ACTION_COPY, RESOLV_UPLINK },
        [RESOLV_CONF_COPY_STUB] = { ACTION_COPY, RESOLV_STUB },
        [RESOLV_CONF_REPLACE_HOST] = { ACTION_REPLACE, RESOLV_CONF },
        [RESOLV_CONF_REPLACE_STATIC] = { ACTION_REPLACE, RESOLV_STATIC },
        [RESOLV_CONF_REPLACE_UPLINK] = { ACTION_REPLACE, RESOLV_UPLINK },
        [RESOLV_CONF_REPLACE_STUB] = { ACTION_REPLACE, RESOLV_STUB },
        [RESOLV_CONF_BIND_HOST] = { ACTION_BIND, RESOLV_CONF },
        [RESOLV_CONF_BIND_STATIC] = { ACTION_BIND, RESOLV_STATIC },
        [RESOLV_CONF_BIND_UPLINK] = { ACTION_BIND, RESOLV_UPLINK },
        [RESOLV_CONF_BIND_STUB] = { ACTION_BIND, RESOLV_STUB },
        [RESOLV_CONF_DELETE] = { ACTION_DELETE, NULL },
};

static bool same_content(int root_fd, const char *path, const char *data, size_t size) {
        _cleanup_free_ char *existing = NULL;
        size_t existing_size;

        return root_read_file(root_fd, path, FILE_MAX, &existing, &existing_size) >= 0 && existing_size == size &&
                memcmp(existing, data, size) == 0;
}

/* "copy" leaves alone what is there and is no regular file, "replace" does not. */
static bool may_replace(int root_fd, const char *path, Action action) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (action == ACTION_REPLACE)
                return true;
        fd = root_open(root_fd, path, O_PATH | O_NOFOLLOW);
        return fd == -ENOENT || (fd >= 0 && fstat(fd, &st) >= 0 && S_ISREG(st.st_mode));
}

static int copy_file(int root_fd, const char *source, const char *path, Action action) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, source, FILE_MAX, &data, &size);
        if (r < 0)
                return r;
        if (!may_replace(root_fd, path, action) || same_content(root_fd, path, data, size))
                return 0;
        return root_replace_file(root_fd, path, data, size);
}

static int bind_file(int root_fd, const char *source, const char *path) {
        _cleanup_close_ int mount = -EBADF, target = -EBADF;
        int r;

        mount = mount_clone(AT_FDCWD, source, false);
        if (mount < 0)
                return TAKE_FD(mount);
        r = mount_set_attributes(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                 0, false);
        if (r < 0)
                return r;
        target = root_mount_point(root_fd, path, false);
        return target < 0 ? TAKE_FD(target) : mount_attach(mount, target);
}

static int delete_file(int root_fd, const char *path) {
        _cleanup_close_ int parent = -EBADF;
        const char *name;

        parent = root_open_parent(root_fd, path, false, &name);
        if (parent < 0)
                return parent == -ENOENT ? 0 : TAKE_FD(parent);
        return unlinkat(parent, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int apply(int root_fd, Action action, const char *source, const char *path) {
        switch (action) {
        case ACTION_NOTHING:
                break;
        case ACTION_COPY:
        case ACTION_REPLACE:
                return copy_file(root_fd, source, path, action);
        case ACTION_BIND:
                return bind_file(root_fd, source, path);
        case ACTION_DELETE:
                return delete_file(root_fd, path);
        }
        return 0;
}

/* The guest comes up without it; whoever cares reads why. */
static int report(int r, const char *path, bool automatic) {
        if (r == -EROFS || (r < 0 && automatic))
                (void) log_debug_errno(r, "%s in the machine is left as it is: %m", path);
        else if (r < 0)
                (void) log_warning_errno(r, "%s in the machine is left as it is: %m", path);
        return 0;
}

/* The stub listens on the host's loopback: of use to guests that share the host's network. */
static bool stub_in_use(void) {
        char target[PATH_MAX];
        ssize_t n = readlink(RESOLV_CONF, target, sizeof(target) - 1);

        if (n < 0)
                return false;
        target[n] = 0;
        return endswith(target, "/systemd/resolve/stub-resolv.conf") && access(RESOLV_STUB, R_OK) >= 0;
}

static bool root_is_read_only(const StageContext *context) {
        struct statvfs fs;

        return fstatvfs(context->root_fd, &fs) >= 0 && (fs.f_flag & ST_RDONLY);
}

static ResolvConfMode automatic_resolv_mode(const StageContext *context) {
        bool read_only = root_is_read_only(context);

        if (context->config->network.private_network)
                return RESOLV_CONF_OFF;
        if (stub_in_use())
                return read_only ? RESOLV_CONF_BIND_STUB : RESOLV_CONF_COPY_STUB;
        if (access(RESOLV_CONF, R_OK) >= 0)
                return read_only ? RESOLV_CONF_BIND_HOST : RESOLV_CONF_COPY_HOST;
        return RESOLV_CONF_DELETE;
}

/* A path below /run that the file is a link to, where nothing is yet. NULL: it is none. */
static const char *empty_place(int root_fd, char target[static PATH_MAX]) {
        _cleanup_close_ int there = root_open(root_fd, RESOLV_CONF, O_PATH), link = -EBADF;
        char *path = target;
        ssize_t n;

        if (there != -ENOENT)
                return NULL;
        link = root_open(root_fd, RESOLV_CONF, O_PATH | O_NOFOLLOW);
        n = link < 0 ? -1 : readlinkat(link, "", target, PATH_MAX - 1);
        if (n < 0)
                return NULL;
        target[n] = 0;
        while (startswith(path, "../"))
                path += CONST_STRLEN("../");
        if (path > target)
                path--; /* relative to /etc */
        return startswith(path, "/run/") && !strstr(path, "/../") ? path : NULL;
}

/* Many trees have a link there to what a daemon writes, which nobody starts for a command. */
static int fill_place(int root_fd, const char *place, const char *source) {
        _cleanup_close_ int parent = -EBADF;
        const char *name;

        parent = root_open_parent(root_fd, place, true, &name);
        return parent < 0 ? TAKE_FD(parent) : copy_file(root_fd, source, place, ACTION_COPY);
}

int integration_resolv_conf(StageContext *context) {
        ResolvConfMode mode = context->config->integration.resolv_conf;
        bool automatic = mode == RESOLV_CONF_AUTO;
        const char *source, *place = NULL;
        char target[PATH_MAX];
        int r;

        if (automatic && mounts_keep(&context->config->mounts, RESOLV_CONF))
                return 0;
        if (automatic)
                mode = automatic_resolv_mode(context);
        source = resolv_modes[mode].source;
        if (automatic && source && context->config->payload.mode != START_BOOT)
                place = empty_place(context->root_fd, target);
        r = place ? fill_place(context->root_fd, place, source)
                  : apply(context->root_fd, resolv_modes[mode].action, source, RESOLV_CONF);
        return report(r, RESOLV_CONF, automatic);
}

/* The zone's name as the host's symlink has it ("Europe/Berlin"), or -ENOENT if there is no such link. */
static int host_zone(char out[static PATH_MAX]) {
        char target[PATH_MAX];
        const char *zone;
        ssize_t n;

        n = readlink(LOCALTIME, target, sizeof(target) - 1);
        if (n < 0)
                return -ENOENT;
        target[n] = 0;
        zone = strstr(target, "/zoneinfo/");
        if (!zone)
                return -ENOENT;
        (void) snprintf(out, PATH_MAX, "%s", zone + CONST_STRLEN("/zoneinfo/"));
        return 0;
}

static int link_zone(int root_fd) {
        char zone[PATH_MAX], path[PATH_MAX + 32], existing[PATH_MAX];
        _cleanup_close_ int etc = -EBADF;
        ssize_t n;

        if (host_zone(zone) < 0)
                return copy_file(root_fd, LOCALTIME, LOCALTIME, ACTION_REPLACE);
        (void) snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
        if (!root_exists(root_fd, path))
                return copy_file(root_fd, LOCALTIME, LOCALTIME, ACTION_REPLACE);

        (void) snprintf(path, sizeof(path), "../usr/share/zoneinfo/%s", zone);
        etc = root_open(root_fd, "/etc", O_PATH | O_DIRECTORY);
        n = etc < 0 ? -1 : readlinkat(etc, "localtime", existing, sizeof(existing) - 1);
        if (n > 0) {
                existing[n] = 0;
                if (streq(existing, path) || streq(existing, path + CONST_STRLEN("..")))
                        return 0;
        }
        return root_replace_symlink(root_fd, path, LOCALTIME);
}

static TimezoneMode automatic_timezone_mode(bool read_only) {
        struct stat st;

        if (lstat(LOCALTIME, &st) < 0)
                return TIMEZONE_DELETE;
        if (read_only)
                return TIMEZONE_BIND;
        return S_ISLNK(st.st_mode) ? TIMEZONE_SYMLINK : TIMEZONE_COPY;
}

int integration_timezone(StageContext *context) {
        static const Action actions[] = {
                [TIMEZONE_OFF] = ACTION_NOTHING,
                [TIMEZONE_COPY] = ACTION_REPLACE,
                [TIMEZONE_BIND] = ACTION_BIND,
                [TIMEZONE_DELETE] = ACTION_DELETE,
        };
        TimezoneMode mode = context->config->integration.timezone;
        bool automatic = mode == TIMEZONE_AUTO;
        int r;

        if (automatic && mounts_keep(&context->config->mounts, LOCALTIME))
                return 0;
        if (automatic)
                mode = automatic_timezone_mode(root_is_read_only(context));
        r = mode == TIMEZONE_SYMLINK ? link_zone(context->root_fd)
                                     : apply(context->root_fd, actions[mode], LOCALTIME, LOCALTIME);
        return report(r, LOCALTIME, automatic);
}
