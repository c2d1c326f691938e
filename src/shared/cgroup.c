/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: used by the supervisor and the minder, both in the host's namespaces. A cgroup is an
 * fd of its directory; everything is done relative to it. The names below a guest's cgroup are the guest's:
 * it may have made thousands, nested as deep as it likes, so removal walks with one fd at a time, going up
 * through "..". That is safe here, since cgroup2 knows neither rename nor symlinks. Waiting is always
 * bounded.
 *
 * What costs time: mkdir, rmdir, kill and clone3(CLONE_INTO_CGROUP) take microseconds. Writing to
 * cgroup.procs takes the lock that all forks share and so waits for an RCU grace period, unless someone else
 * has just done so. */

#include "cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "clock.h"
#include "fd.h"

#define PROC_CGROUP_MAX (64U * 1024)
#define EVENTS_MAX 256
#define RETRY_USEC 2000

static const char *const known_mounts[] = {
        "/sys/fs/cgroup",         /* cgroup2 alone */
        "/sys/fs/cgroup/unified", /* beside version 1 */
};

/* What a delegate needs to write to, so that it can make and fill cgroups of its own; nothing that sets
 * limits. */
static const char *const delegated_files[] = {
        "cgroup.controllers",     "cgroup.events",  "cgroup.procs",     "cgroup.stat",
        "cgroup.subtree_control", "cgroup.threads", "memory.oom.group", "memory.reclaim",
};

static int open_dir_at(int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int open_known_mount(const char *path) {
        _cleanup_close_ int fd = open_dir_at(AT_FDCWD, path);
        struct statfs st;

        if (fd < 0)
                return fd;
        if (fstatfs(fd, &st) < 0)
                return -errno;
        if (st.f_type != CGROUP2_SUPER_MAGIC)
                return -ENODEV;
        if (st.f_flags & ST_RDONLY)
                return -EROFS;
        return TAKE_FD(fd);
}

static int open_detached_mount(void) {
        _cleanup_close_ int fs_fd = -EBADF, mount_fd = -EBADF;

        fs_fd = fsopen("cgroup2", FSOPEN_CLOEXEC);
        if (fs_fd < 0)
                return -errno;
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (mount_fd < 0)
                return -errno;
        return open_dir_at(mount_fd, "."); /* a directory fd proper; it keeps the mount alive */
}

int cgroup_open_root(void) {
        for (size_t i = 0; i < ELEMENTSOF(known_mounts); i++) {
                int fd = open_known_mount(known_mounts[i]);

                if (fd >= 0)
                        return fd;
        }
        return open_detached_mount();
}

int cgroup_path_of(pid_t pid, char **ret) {
        _cleanup_free_ char *text = NULL;
        char path[48] = "/proc/self/cgroup";
        char *state = NULL;
        int r;

        if (pid != 0)
                (void) snprintf(path, sizeof(path), "/proc/%i/cgroup", pid);
        r = read_file_at(AT_FDCWD, path, PROC_CGROUP_MAX, &text, NULL);
        if (r == -ENOENT && pid != 0)
                return -ESRCH;
        if (r < 0)
                return r;

        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                const char *own = startswith(line, "0::");
                char *copy;

                if (!own)
                        continue;
                copy = strdup(own);
                if (!copy)
                        return -ENOMEM;
                *ret = copy;
                return 0;
        }
        return -ENODATA;
}

int cgroup_open(int root_fd, const char *path) {
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
        };
        int fd;

        while (*path == '/')
                path++;
        fd = (int) syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        return fd < 0 ? -errno : fd;
}

int cgroup_make(int parent_fd, const char *name, bool exclusive) {
        if (mkdirat(parent_fd, name, 0755) < 0 && (errno != EEXIST || exclusive))
                return -errno;
        return open_dir_at(parent_fd, name);
}

static int read_controllers(int cgroup_fd, const char *file, char **ret) {
        return read_file_at(cgroup_fd, file, 4096, ret, NULL);
}

int cgroup_has_controllers(int cgroup_fd) {
        _cleanup_free_ char *text = NULL;
        int r = read_controllers(cgroup_fd, "cgroup.controllers", &text);

        if (r < 0)
                return r;
        return text[strspn(text, " \n")] != 0;
}

int cgroup_enable_controllers(int cgroup_fd) {
        _cleanup_free_ char *text = NULL;
        char *state = NULL;
        int r, n = 0, error = 0;

        r = read_controllers(cgroup_fd, "cgroup.controllers", &text);
        if (r < 0)
                return r;
        for (char *name = strtok_r(text, " \n", &state); name; name = strtok_r(NULL, " \n", &state)) {
                char word[64];

                (void) snprintf(word, sizeof(word), "+%s", name);
                r = write_kernel_file_at(cgroup_fd, "cgroup.subtree_control", word);
                if (r >= 0)
                        n++;
                else if (error == 0)
                        error = r;
        }
        return n > 0 ? n : error;
}

int cgroup_move(int cgroup_fd, pid_t pid) {
        char text[16];

        (void) snprintf(text, sizeof(text), "%i", pid);
        return write_kernel_file_at(cgroup_fd, "cgroup.procs", text);
}

int cgroup_prepare_move(void) {
        _cleanup_close_ int root_fd = cgroup_open_root(), fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        if (root_fd < 0)
                return root_fd;
        r = cgroup_path_of(0, &path);
        if (r < 0)
                return r;
        fd = cgroup_open(root_fd, path);
        return fd < 0 ? fd : cgroup_move(fd, 0);
}

int cgroup_is_delegated(int cgroup_fd) {
        static const char *const names[] = { "user.delegate", "trusted.delegate" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char value[4];

                if (fgetxattr(cgroup_fd, names[i], value, sizeof(value)) == 1)
                        return value[0] == '1';
        }
        return 0;
}

int cgroup_delegate(int cgroup_fd, uid_t uid, gid_t gid) {
        if (fchown(cgroup_fd, uid, gid) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(delegated_files); i++)
                if (fchownat(cgroup_fd, delegated_files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
                        return -errno;
        return 0;
}

int cgroup_kill(int cgroup_fd) {
        return write_kernel_file_at(cgroup_fd, "cgroup.kill", "1");
}

static int open_events(int cgroup_fd) {
        int fd = openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Also re-arms the fd, which signals POLLPRI when this may have changed. */
static int events_populated(int events_fd) {
        char text[EVENTS_MAX];
        ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                return errno == ENODEV ? 0 : -errno; /* removed while we held it */
        text[n] = 0;
        return strstr(text, "populated 1") != NULL;
}

int cgroup_is_populated(int cgroup_fd) {
        _cleanup_close_ int fd = open_events(cgroup_fd);

        if (fd == -ENOENT || fd == -ENODEV)
                return 0;
        return fd < 0 ? fd : events_populated(fd);
}

int cgroup_wait_empty(int cgroup_fd, uint64_t timeout_usec) {
        _cleanup_close_ int fd = open_events(cgroup_fd);
        uint64_t end = clock_usec() + timeout_usec;

        if (fd == -ENOENT || fd == -ENODEV)
                return 0;
        if (fd < 0)
                return fd;
        for (;;) {
                struct pollfd pfd = { .fd = fd, .events = POLLPRI };
                uint64_t now;
                int r = events_populated(fd);

                if (r <= 0)
                        return r;
                now = clock_usec();
                if (now >= end)
                        return -ETIMEDOUT;
                if (poll(&pfd, 1, (int) MIN((end - now) / 1000 + 1, 60000U)) < 0 && errno != EINTR)
                        return -errno;
        }
}

/* One pass over the children of the cgroup at *fd: removes those that have none themselves. At the first one
 * that is busy, *fd becomes that one, *ret_id says which it is, and 1 is returned. 0: there are no children
 * left. */
static int remove_leaves(int *fd, ino_t *ret_id) {
        _cleanup_close_ int own = open_dir_at(*fd, ".");
        DIR *d;
        int r = 0;

        if (own < 0)
                return own;
        d = fdopendir(own);
        if (!d)
                return -errno;
        own = -EBADF; /* now d's */

        for (struct dirent *e; r == 0 && (e = readdir(d));) {
                int child;

                if (e->d_type != DT_DIR || streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                if (unlinkat(*fd, e->d_name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                        continue;
                child = errno == EBUSY ? open_dir_at(*fd, e->d_name) : -errno;
                if (child == -ENOENT)
                        continue;
                if (child < 0) {
                        r = child;
                        break;
                }
                (void) safe_close(*fd);
                *fd = child;
                *ret_id = e->d_ino;
                r = 1;
        }
        (void) closedir(d);
        return r;
}

static int go_up(int *fd) {
        int up = open_dir_at(*fd, "..");

        if (up < 0)
                return up;
        (void) safe_close(*fd);
        *fd = up;
        return 0;
}

/* Goes down wherever a child is busy, which most often means that it has children, removes those, and goes up
 * again. Back in a cgroup that was childless when we left it: processes keep it, or did a moment ago. */
static int remove_below(int cgroup_fd, uint64_t end) {
        _cleanup_close_ int fd = open_dir_at(cgroup_fd, ".");
        ino_t id = 0, childless = 0;

        if (fd < 0)
                return fd;
        for (uint64_t depth = 0;;) {
                int r = remove_leaves(&fd, &id);

                if (r < 0 || (r == 0 && depth == 0))
                        return r;
                if (r == 0) {
                        r = go_up(&fd);
                        if (r < 0)
                                return r;
                        depth--;
                        childless = id;
                        continue;
                }
                depth++;
                if (id != childless)
                        continue;
                if (clock_usec() >= end)
                        return -EBUSY;
                (void) usleep(RETRY_USEC);
        }
}

int cgroup_remove(int parent_fd, const char *name, uint64_t timeout_usec) {
        uint64_t end = clock_usec() + timeout_usec;

        for (;;) {
                _cleanup_close_ int fd = -EBADF;
                int r;

                if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                        return 0;
                if (errno != EBUSY)
                        return -errno;
                fd = open_dir_at(parent_fd, name);
                if (fd == -ENOENT)
                        return 0;
                if (fd < 0)
                        return fd;
                r = remove_below(fd, end);
                if (r < 0)
                        return r;
                if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0)
                        return 0;
                if (clock_usec() >= end)
                        return -EBUSY;
                (void) usleep(RETRY_USEC);
        }
}
