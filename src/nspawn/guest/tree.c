/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage on the bare tree, before anything of ours is mounted over it; or, where
 * the user mounts something on / itself, on what all mounts together make. These are checks for the user's sake, so
 * that a wrong directory is named in one line instead of failing somewhere inside; nothing later relies on them, since
 * a hostile tree passes them easily. */

#include "guest/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fd.h"
#include "log.h"
#include "path-in-root.h"

/* The oldest systemd that runs on a host whose cgroups are cgroup2 alone. */
#define SYSTEMD_MINIMUM 230u

static const char *const init_paths[] = {
        "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd",
        "/sbin/init",
};

static bool has_os_release(int root_fd) {
        _cleanup_close_ int fd = root_open(root_fd, "/etc/os-release", O_PATH);

        if (fd < 0)
                fd = root_open(root_fd, "/usr/lib/os-release", O_PATH);
        return fd >= 0;
}

static bool is_executable(int root_fd, const char *path) {
        _cleanup_close_ int fd = root_open(root_fd, path, O_PATH);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/* Since release 230 systemd carries its version in the name of its shared library. 0: no such library. */
static unsigned systemd_version(int root_fd) {
        static const char *const places[] = { "/usr/lib/systemd", "/lib/systemd" };
        unsigned version = 0;

        for (size_t i = 0; i < ELEMENTSOF(places) && version == 0; i++) {
                int fd = root_open(root_fd, places[i], O_RDONLY | O_DIRECTORY);
                DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

                if (!d) {
                        (void) safe_close(fd);
                        continue;
                }
                for (struct dirent *e; (e = readdir(d)) && version == 0;)
                        (void) sscanf(e->d_name, "libsystemd-shared-%u", &version);
                (void) closedir(d);
        }
        return version;
}

static int check_init(StageContext *context) {
        const char *tree = source_path(&context->config->source);

        for (size_t i = 0; i < ELEMENTSOF(init_paths) && !context->init; i++)
                if (is_executable(context->root_fd, init_paths[i]))
                        context->init = init_paths[i];
        if (!context->init)
                return log_error_errno(-ENOENT,
                                       "%s: no init in this tree (no %s, %s or %s); install one, or leave out -b",
                                       tree, init_paths[0], init_paths[1], init_paths[2]);
        return 0;
}

static int check_systemd(const StageContext *context) {
        unsigned version;

        if (!endswith(context->init, "/systemd"))
                return 0;
        /* Later releases moved the library to the multiarch directory: only an old name tells something. */
        version = systemd_version(context->root_fd);
        if (version > 0 && version < SYSTEMD_MINIMUM)
                return log_error_errno(-EOPNOTSUPP, "%s: its systemd %u is too old for cgroup2, it takes %u or newer",
                                       source_path(&context->config->source), version, SYSTEMD_MINIMUM);
        return 0;
}

static int check(StageContext *context) {
        const char *tree = source_path(&context->config->source);
        int r;

        if (context->config->payload.mode != START_BOOT) {
                if (!context->config->oci.bundle && !root_exists(context->root_fd, "/usr"))
                        return log_error_errno(-ENOENT, "%s: not an operating system tree (it has no /usr)", tree);
                return 0;
        }
        if (context->config->env.check_os_release && !has_os_release(context->root_fd))
                return log_error_errno(-ENOENT,
                                       "%s: not an operating system tree (no os-release in /etc or /usr/lib); "
                                       "SYSTEMD_NSPAWN_CHECK_OS_RELEASE=0 boots it all the same",
                                       tree);
        r = check_init(context);
        return r < 0 ? r : check_systemd(context);
}

int tree_check(StageContext *context) {
        return mounts_have_root(&context->config->mounts) ? 0 : check(context);
}

int tree_check_mounted(StageContext *context) {
        return mounts_have_root(&context->config->mounts) ? check(context) : 0;
}
