/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in a child of the supervisor, born into namespaces of its own and into the minder's PID
 * namespace: whatever becomes of the supervisor, the kernel ends it with the minder. What the guest sends is read by
 * systemd-journal-remote, so that is what a hostile guest attacks; and it is given nothing worth the trouble. It has a
 * root of its own: the host's programs and libraries, read-only, and the one directory that it writes to. It has no
 * network, sees no other process, runs as a user without privileges whom nothing belongs to, may not call what it does
 * not need, and has a bounded part of memory. The user is put in place of the directory's owner by the mount: on disk
 * its files are the owner's.
 *
 * The order matters: mounts before the user is left, the filter last, since it forbids what comes before. */

#include "host/journal-sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/seccomp.h"
#include "fd.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "mount-fd.h"

#define DIRECTORY "journal"
#define LISTEN_FD 3
#define SAFE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NOBODY 65534u

static const char user_name[] = "systemd-journal-remote";

static const struct {
        __rlimit_resource_t resource;
        rlim_t value;
} limits[] = {
        { RLIMIT_CORE, 0 },
        { RLIMIT_NOFILE, 256 },
        { RLIMIT_AS, (rlim_t) 4 << 30 },
        { RLIMIT_MEMLOCK, 0 },
};

void journal_sandbox_user(uid_t *ret_uid, gid_t *ret_gid) {
        const struct passwd *entry = getpwnam(user_name);

        *ret_uid = entry && entry->pw_uid != 0 ? entry->pw_uid : NOBODY;
        *ret_gid = entry && entry->pw_gid != 0 ? entry->pw_gid : NOBODY;
}

int journal_sandbox_filter(bool disabled, SeccompProgram *ret) {
        /* Of what any guest may call. Its socket is there, and so is its file system. */
        /* clang-format off */
        static char *const deny[] = {
                "@aio", "@chown", "@keyring", "@memlock", "@mount", "@setuid", "@ipc", "@raw-io", "@module", "@debug",
                "socket", "socketpair", "connect", "bind", "listen", "sendmsg", "sendmmsg", "sendto",
                "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "mkdir", "mkdirat", "chroot",
                "unshare", "setns", "fork", "vfork", "execveat", "kill", "tkill", "rt_sigqueueinfo", "pidfd_open",
                "setxattr", "lsetxattr", "name_to_handle_at", "landlock_create_ruleset", "inotify_init1", NULL,
        };
        /* clang-format on */
        const SeccompPolicy policy = { .deny = deny, .disabled = disabled };

        return seccomp_for(&policy, ret);
}

/* Where the host has a symlink, so has the sandbox. */
static int show_directory(int root_fd, const char *path) {
        _cleanup_close_ int mount = -EBADF, place = -EBADF;
        char target[256];
        ssize_t n;
        int r;

        n = readlink(path, target, sizeof(target) - 1);
        if (n >= 0) {
                target[n] = 0;
                return symlinkat(target, root_fd, path + 1) < 0 ? -errno : 0;
        }
        mount = mount_clone(AT_FDCWD, path, true);
        if (mount < 0)
                return mount == -ENOENT ? 0 : TAKE_FD(mount);
        r = mount_set_attributes(mount, SAFE, 0, true);
        if (r >= 0)
                r = mkdirat(root_fd, path + 1, 0755) < 0 ? -errno : 0;
        if (r >= 0)
                r = place = openat(root_fd, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r < 0 ? r : mount_attach(mount, place);
}

/* Files that help where they are: without them all goes on. */
static void show_file(int root_fd, const char *path) {
        _cleanup_close_ int mount = mount_clone(AT_FDCWD, path, false), place = -EBADF;

        if (mount >= 0 && mount_set_attributes(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, false) >= 0 &&
            write_new_file_at(root_fd, path + 1, "", 0, 0444) >= 0)
                place = openat(root_fd, path + 1, O_PATH | O_CLOEXEC);
        if (place < 0 || mount_attach(mount, place) < 0)
                log_debug("%s is not shown to systemd-journal-remote", path);
}

/* Itself, to be exact. */
static int show_processes(int root_fd) {
        _cleanup_close_ int mount = -EBADF, place = -EBADF;

        mount = mount_new("proc", NULL, "?subset=pid,?hidepid=ptraceable", SAFE | MOUNT_ATTR_NOEXEC);
        if (mount < 0 || mkdirat(root_fd, "proc", 0755) < 0)
                return 0; /* in a container that may not: it is missed in messages only */
        place = openat(root_fd, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return mount_attach(mount, place);
}

/* Its name makes the settings the last that are read. */
static int write_settings(const JournalSandbox *s, int root_fd) {
        static const char *const directories[] = { "etc", "etc/systemd", "etc/systemd/journal-remote.conf.d", "dev" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdirat(root_fd, directories[i], 0755) < 0)
                        return -errno;
        return write_new_file_at(root_fd, "etc/systemd/journal-remote.conf.d/zzz-nspawn.conf", s->settings,
                                 strlen(s->settings), 0444);
}

static int show_target(const JournalSandbox *s, int root_fd) {
        _cleanup_close_ int place = -EBADF;

        if (mkdirat(root_fd, DIRECTORY, 0755) < 0)
                return -errno;
        place = openat(root_fd, DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return place < 0 ? -errno : mount_attach(s->directory_mount_fd, place);
}

static int fill_root(const JournalSandbox *s, int root_fd) {
        static const char *const system[] = { "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu" };
        static const char *const files[] = { "/etc/ld.so.cache", "/etc/machine-id", "/dev/null" };
        int r = write_settings(s, root_fd);

        for (size_t i = 0; i < ELEMENTSOF(system) && r >= 0; i++)
                r = show_directory(root_fd, system[i]);
        for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++)
                show_file(root_fd, files[i]);
        if (r >= 0)
                r = show_processes(root_fd);
        if (r >= 0)
                r = show_target(s, root_fd);
        return r < 0 ? r : mount_set_attributes(root_fd, MOUNT_ATTR_RDONLY, 0, false);
}

/* In a mount namespace that nobody else is in, any directory will do to put it on. */
static int change_root(const JournalSandbox *s) {
        _cleanup_close_ int root = -EBADF, place = -EBADF;
        int r;

        r = mount_set_propagation(AT_FDCWD, "/", MS_SLAVE, true);
        if (r < 0)
                return r;
        root = mount_new("tmpfs", NULL, "mode=0755,size=1m,nr_inodes=64",
                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (root < 0)
                return TAKE_FD(root);
        place = open(RUNTIME_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = place < 0 ? -errno : mount_attach(root, place);
        if (r >= 0)
                r = fill_root(s, root);
        if (r < 0)
                return r;
        return fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
                        chdir("/") < 0
                ? -errno
                : 0;
}

static int set_streams(const JournalSandbox *s) {
        int null = open("/dev/null", O_RDONLY | O_NOCTTY | O_CLOEXEC), listening, output;

        listening = fcntl(s->listen_fd, F_DUPFD_CLOEXEC, 10);
        output = fcntl(s->output_fd, F_DUPFD_CLOEXEC, 10);
        if (listening < 0 || output < 0 || (null >= 0 && dup2(null, STDIN_FILENO) < 0) ||
            dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || dup2(listening, LISTEN_FD) < 0)
                return -errno;
        return close_range(LISTEN_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int confine(const JournalSandbox *s) {
        sigset_t empty;

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                const struct rlimit value = { limits[i].value, limits[i].value };

                if (setrlimit(limits[i].resource, &value) < 0)
                        return -errno;
        }
        (void) setsid();
        (void) sigemptyset(&empty);
        if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &empty, NULL) < 0)
                return -errno;
        /* Not root any more, it has no capabilities, and with no_new_privs it gets none. */
        if (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 || setresuid(s->uid, s->uid, s->uid) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        /* A change of user forgets it, so it is not earlier; the minder sees to the rest. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
}

static int become(const JournalSandbox *s) {
        const char *wanted = log_get_max_level() >= LOG_DEBUG ? "info" : "warning";
        char output[512], split[32], pid[32], level[32];
        char *argv[] = { (char *) user_name, output, split, NULL };
        char *environment[] = { (char *) "LISTEN_FDS=1",   pid, level, (char *) "SYSTEMD_LOG_TARGET=console",
                                (char *) "LC_ALL=C.UTF-8", NULL };

        (void) snprintf(output, sizeof(output), "--output=/" DIRECTORY "%s%s", s->file ? "/" : "", s->file ?: "");
        (void) snprintf(split, sizeof(split), "--split-mode=%s", s->file ? "none" : "host");
        (void) snprintf(pid, sizeof(pid), "LISTEN_PID=%i", (int) getpid());
        (void) snprintf(level, sizeof(level), "SYSTEMD_LOG_LEVEL=%s", wanted);
        (void) execve(s->program, argv, environment);
        return -errno;
}

void journal_sandbox_enter(const JournalSandbox *s) {
        int r;

        r = change_root(s);
        if (r < 0) {
                (void) log_error_errno(r, "%s: cannot set up the place where its journal is received: %m", s->machine);
                _exit(EXIT_FAILURE);
        }
        if (sethostname(s->machine, strlen(s->machine)) < 0)
                r = -errno;
        if (r >= 0)
                r = set_streams(s);
        if (r >= 0)
                r = confine(s);
        if (r >= 0)
                r = seccomp_load(s->filter, false);
        if (r >= 0)
                r = become(s);
        (void) log_error_errno(r, "%s: cannot run %s: %m", s->machine, s->program);
        _exit(EXIT_FAILURE);
}
