/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs as PID 1 of the guest's namespaces, with the host's tree still in view until the
 * root is changed. It mounts what must see those namespaces, opens the console in the guest's own devpts, gives
 * up privileges and becomes the payload.
 *
 * The order of the steps matters: the host's descriptors are closed before anything of the tree is looked at; the
 * cgroup namespace comes first, because cgroup2 is then mounted as the guest sees it; the console and the notification
 * socket are made before /run/host becomes read-only; the supervisor's MESSAGE_GO is awaited as late as possible, so
 * that registration and network run beside all of this; the system call filter comes last, so that it need not allow
 * what only the stage does. */

#include "guest/inner.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/execute.h"
#include "engine/handshake.h"
#include "engine/seccomp.h"
#include "engine/stage.h"
#include "fd.h"
#include "guest/console.h"
#include "guest/host-files.h"
#include "guest/payload.h"
#include "guest/privileges.h"
#include "guest/starter.h"
#include "guest/sysctl.h"
#include "guest/user.h"
#include "guest/users.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"

/* Everything inherited from the supervisor but what the payload gets and the way back. A symlink in the tree can lead
 * to /proc/self/fd/N, and chdir(2) and execve(2) follow it: close-on-exec would be too late. */
static int step_descriptors(StageContext *context) {
        unsigned first = STDERR_FILENO + 1 + context->n_listen_fds, socket = (unsigned) context->socket_fd;

        context->tree_fd = context->payload_cgroup_fd = context->unix_export_fd = context->root_fd = -EBADF;
        context->users_fd = context->origin_fd = context->stack_fd = context->former_fd = -EBADF;
        if ((socket > first && close_range(first, socket - 1, 0) < 0) || close_range(socket + 1, ~0U, 0) < 0)
                return log_error_errno(-errno, "cannot close the host's descriptors: %m");
        return 0;
}

static int step_cgroup_namespace(StageContext *context) {
        if (!context->config->env.use_cgns)
                return 0;
        return unshare(CLONE_NEWCGROUP) < 0 ? log_error_errno(-errno, "cannot create a cgroup namespace: %m") : 0;
}

/* Mounts that were copied into another user's namespace cannot be moved, so the root could not be changed to one of
 * them. A copy of them that is made here can. */
static int copy_root(StageContext *context) {
        _cleanup_close_ int place = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), mount = -EBADF;
        int r;

        if (place < 0)
                return log_error_errno(-errno, "cannot find the machine's root: %m");
        mount = mount_clone(place, "", true);
        r = mount < 0 ? mount : mount_attach(mount, place);
        if (r < 0)
                return log_error_errno(r, "cannot copy the mounts of the machine's root: %m");
        context->root_fd = TAKE_FD(mount);
        return 0;
}

static int step_root(StageContext *context) {
        if (context->users.count > 0)
                return copy_root(context);
        context->root_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return context->root_fd < 0 ? log_error_errno(-errno, "cannot find the machine's root: %m") : 0;
}

/* A network namespace that was joined is not the user namespace's own, so only the sysfs that the outer stage has
 * mounted can show it. */
static int existing_sysfs(const StageContext *context) {
        if (context->users.count == 0 || !context->config->network.namespace_path)
                return -EBADF;
        return open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int step_filesystem(StageContext *context) {
        ExecuteContext execute = {
                .root_fd = context->root_fd,
                .origin_fd = context->root_fd,
                .temporaries = context->mount_temporaries,
                .users_fd = context->users_fd,
                .users_base = context->users.base,
                .sysfs_fd = existing_sysfs(context),
        };
        int r = execute_operations(&execute, &context->plan->filesystem.inner);

        (void) safe_close(execute.sysfs_fd);
        return r;
}

/* The old root ends up stacked on the new one's place and is taken off it: no directory for it is needed. */
static int step_pivot_root(StageContext *context) {
        if (fchdir(context->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
                return log_error_errno(-errno, "cannot change to the machine's root: %m");
        if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return log_error_errno(-errno, "cannot leave the host's tree: %m");
        return 0;
}

/* Payloads expect to find their mounts shared. /run/host/incoming is made a slave after that: this keeps it
 * receiving what machined mounts on the host's side, and nothing goes back. */
static int step_propagation(StageContext *context) {
        _cleanup_close_ int incoming = -EBADF, host = -EBADF;
        int r;

        r = mount_set_propagation(context->root_fd, "", context->config->oci.propagation ?: MS_SHARED, true);
        if (r < 0)
                return log_error_errno(r, "cannot set the propagation of the machine's mounts: %m");
        incoming = root_open(context->root_fd, "/run/host/incoming", O_PATH);
        if (incoming >= 0) {
                r = mount_set_propagation(incoming, "", MS_SLAVE, false);
                if (r < 0)
                        return log_error_errno(r, "/run/host/incoming: %m");
        }
        host = root_open(context->root_fd, "/run/host", O_PATH);
        r = host < 0
                ? host
                : mount_set_attributes(host,
                                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, 0,
                                       false);
        return r < 0 ? log_error_errno(r, "cannot make /run/host read-only: %m") : 0;
}

static int step_host_name(StageContext *context) {
        const char *name = context->config->identity.hostname ?: context->config->source.machine;

        if (context->config->env.share_uts)
                return 0;
        return sethostname(name, strlen(name)) < 0
                ? log_error_errno(-errno, "cannot set the host name to \"%s\": %m", name)
                : 0;
}

/* Keys of whoever called the supervisor are none of the guest's business. */
static int step_keyring(StageContext *context) {
        (void) context;
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0 && errno != ENOSYS && errno != EACCES &&
            errno != EPERM)
                return log_error_errno(-errno, "cannot create a session keyring: %m");
        return 0;
}

static int step_starter(StageContext *context) {
        context->starter_fd = starter_open();
        return MIN(context->starter_fd, 0);
}

static int step_privileges(StageContext *context) {
        const SecurityPlan *plan = &context->plan->security;
        int r = privileges_set_limits(plan);

        if (r >= 0)
                r = privileges_try_context(plan->selinux_context);
        return r < 0 ? r : privileges_become(plan, context->uid, context->gid, context->groups, context->n_groups);
}

static int step_seccomp(StageContext *context) {
        return seccomp_load(&context->plan->seccomp, context->config->env.log_seccomp);
}

static int step_ready(StageContext *context) {
        int r;

        r = handshake_send(context->socket_fd, &(Message){ .type = MESSAGE_READY }, -EBADF);
        if (r >= 0)
                r = handshake_expect(context->socket_fd, MESSAGE_GO, NULL, NULL);
        return r < 0 ? log_error_errno(r, "lost the supervisor: %m") : 0;
}

static const Step steps[] = {
        { "descriptors", step_descriptors },
        { "users", users_become_root },
        { "cgroup-namespace", step_cgroup_namespace },
        { "sysctl", sysctl_apply },
        { "root", step_root },
        { "filesystem", step_filesystem },
        { "boot-id", host_files_lay_over_proc },
        { "pivot-root", step_pivot_root },
        { "console", console_open },
        { "starter", step_starter },
        { "user", user_resolve },
        { "notify-socket", host_files_notify_socket },
        { "propagation", step_propagation },
        { "host-name", step_host_name },
        { "keyring", step_keyring },
        { "environment", payload_prepare },
        { "stdio", console_become_stdio },
        { "privileges", step_privileges },
        { "ready", step_ready },
        { "seccomp", step_seccomp },
        { "exec", payload_execute },
};

int inner_stage(StageContext *context) {
        /* The last step does not return when all goes well. */
        return stage_run(context, "inner", steps, ELEMENTSOF(steps)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
