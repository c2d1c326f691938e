/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor or by the minder, in the host's namespaces. First the processes,
 * then what they used, last the runtime directory that tells of it all: interrupted at any point, the next
 * call finds the rest. The paths below /run/systemd/nspawn are systemd-nspawn's, kept so that machined and
 * systemd-ssh-proxy find them, and the name in them may therefore be in use by a systemd-nspawn that takes no
 * name lock of ours: they are removed only if our runtime directory says that we made them, or on demand. */

#include "host/residue.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd.h"
#include "host/image-mapping.h"
#include "host/machine-cgroup.h"
#include "host/machine-lock.h"
#include "host/password-agent.h"
#include "host/ports.h"
#include "host/runtime-directory.h"
#include "host/temporary.h"
#include "host/uid-range.h"
#include "lock-file.h"
#include "log.h"

/* Directories of a machine outside the runtime directory. What is mounted on them is unmounted first. */
static const struct {
        const char *holder, *below; /* holder/NAME/below is the mount point, holder/NAME is removed */
} directories[] = {
        { "/run/systemd/nspawn/propagate", "" },
        { "/run/systemd/nspawn/unix-export", "" }, /* up to 260 */
        { "/run/systemd/nspawn", "/unix-export" },
};

static int unmount_all(const char *path) {
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) >= 0)
                ;
        return errno == EINVAL || errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

static int remove_directory(const char *holder, const char *machine, const char *below) {
        _cleanup_close_ int fd = open(holder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *path = NULL;
        int r;

        if (fd < 0 || faccessat(fd, machine, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (asprintf(&path, "%s/%s%s", holder, machine, below) < 0)
                return -ENOMEM;
        r = unmount_all(path);
        return r < 0 ? r : remove_tree_at(fd, machine);
}

static int remove_directories(const char *machine) {
        int result = 0;

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                int r = remove_directory(directories[i].holder, machine, directories[i].below);

                if (r < 0)
                        (void) log_warning_errno(r, "cannot remove %s/%s: %m", directories[i].holder, machine);
                if (result == 0)
                        result = MIN(r, 0);
        }
        return result;
}

/* Of a machine that was made from several trees. */
static void remove_stale_locks(int runtime_fd) {
        for (size_t i = 0;; i++) {
                _cleanup_free_ char *tree = NULL;
                char record[32];

                (void) snprintf(record, sizeof(record), RUNTIME_RECORD_TREE "-%zu", i);
                if (runtime_record_read(runtime_fd, record, &tree) < 0)
                        return;
                machine_lock_remove_stale(tree);
        }
}

static int remove_recorded(const char *machine, int runtime_fd) {
        _cleanup_free_ char *cgroup = NULL, *tree = NULL, *users = NULL;
        int r = 0, k;

        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_CGROUP, &cgroup) >= 0)
                r = machine_cgroup_remove(cgroup);
        if (r < 0)
                (void) log_warning_errno(r, "cannot remove the cgroup %s, left by %s: %m", cgroup, machine);
        k = ports_remove_recorded(machine, runtime_fd);
        if (k < 0)
                (void) log_warning_errno(k, "cannot remove the forwarding of ports, left by %s: %m", machine);
        image_mapping_remove_recorded(runtime_fd);
        password_agent_remove_recorded(runtime_fd);
        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_TREE, &tree) >= 0)
                machine_lock_remove_stale(tree);
        remove_stale_locks(runtime_fd);
        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_USERS, &users) >= 0)
                uid_range_remove_stale(users);
        if (r >= 0) {
                r = temporary_remove_recorded(runtime_fd);
                if (r < 0)
                        (void) log_warning_errno(r, "cannot remove the temporary directories of %s: %m", machine);
        }
        return r;
}

static bool known_to_machined(const char *machine) {
        _cleanup_free_ char *path = NULL;

        return asprintf(&path, "/run/systemd/machines/%s", machine) < 0 || access(path, F_OK) >= 0;
}

int residue_remove(const char *machine, ResidueScope scope) {
        _cleanup_close_ int runtime_fd = -EBADF;
        int r = 0, k;

        if (isempty(machine) || machine[0] == '.' || strchr(machine, '/'))
                return -EINVAL;
        runtime_fd = runtime_directory_open(machine);
        if (runtime_fd >= 0) {
                r = remove_recorded(machine, runtime_fd);
                if (r < 0)
                        return r; /* its processes live on, so its directories must, and the record too */
        }
        if (runtime_fd >= 0 || (scope == RESIDUE_ALL && !known_to_machined(machine)))
                r = remove_directories(machine);
        if (runtime_fd < 0)
                return r;
        k = runtime_directory_remove(machine);
        if (k < 0)
                (void) log_warning_errno(k, "cannot remove %s/%s: %m", RUNTIME_ROOT, machine);
        return r < 0 ? r : k;
}

static void remove_if_dead(int root_fd, const char *machine) {
        _cleanup_lock_file_ LockFile lock = LOCK_FILE_NONE;
        char file[NAME_MAX + 16];

        (void) snprintf(file, sizeof(file), ".#%s.lck", machine);
        if (lock_file_take(root_fd, file, LOCK_EXCLUSIVE, 0, &lock) >= 0)
                (void) residue_remove(machine, RESIDUE_OURS);
}

void residue_remove_dead(void) {
        int root_fd = open(RUNTIME_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = root_fd >= 0 ? fdopendir(root_fd) : NULL;

        if (!d) {
                (void) safe_close(root_fd);
                return;
        }
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        remove_if_dead(root_fd, e->d_name);
        (void) closedir(d);
}
