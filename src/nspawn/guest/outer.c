/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in a child of the supervisor that has a mount namespace of its own and shares all
 * others with the host. It assembles the guest's root there, so that nothing of it is ever visible on the host
 * and all of it goes away with the processes. Meanwhile the supervisor talks to the manager about the machine's
 * cgroup; the two meet in the last step, where the inner stage is born into that cgroup as the supervisor's own
 * child (CLONE_PARENT), and this process ends.
 *
 * The order of the steps matters: propagation is cut before the first mount; the layer of an ephemeral machine comes
 * first, since it stands for the tree; the tree is checked before anything of ours is made in it, unless the user
 * mounts the root piece by piece, which can be checked only when it is whole; the files that are written into the tree
 * itself (resolv.conf, localtime) come after the API file systems, so that a tree where these paths lead below /run or
 * /dev cannot redirect them. */

#include "guest/outer.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/execute.h"
#include "engine/handshake.h"
#include "engine/stage.h"
#include "fd.h"
#include "guest/bind-users.h"
#include "guest/host-files.h"
#include "guest/identity.h"
#include "guest/image.h"
#include "guest/inner.h"
#include "guest/integration.h"
#include "guest/journal.h"
#include "guest/mstack.h"
#include "guest/privileges.h"
#include "guest/root-mounts.h"
#include "guest/root.h"
#include "guest/tree.h"
#include "guest/users.h"
#include "log.h"
#include "mount-fd.h"
#include "path-in-root.h"
#include "process.h"

/* Slave, not private: what the host mounts later below a recursive bind still arrives. */
static int step_propagation(StageContext *context) {
        int r = mount_set_propagation(AT_FDCWD, "/", MS_SLAVE, true);

        (void) context;
        return r < 0 ? log_error_errno(r, "cannot make the mounts private to the machine: %m") : 0;
}

static int step_filesystem(StageContext *context) {
        ExecuteContext execute = {
                .root_fd = context->root_fd,
                .origin_fd = context->origin_fd >= 0 ? context->origin_fd : context->root_fd,
                .temporaries = context->mount_temporaries,
                .users_fd = context->users_fd,
                .users_base = context->users.base,
                .sysfs_fd = -EBADF,
        };

        return execute_operations(&execute, &context->plan->filesystem.outer);
}

/* While the host's procfs and privileges are at hand; PID 1 inherits them. */
static int step_limits(StageContext *context) {
        return privileges_raise_limits(&context->plan->security);
}

static int join_network_namespace(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
                return log_error_errno(-errno, "--network-namespace-path=%s: %m", path);
        return 0;
}

/* The kernel lets a user namespace have a new procfs or sysfs only where it can see one that nothing is hidden in,
 * and in a container, which may be our host, that is not so. What is put here goes with the host's tree. The sysfs is
 * that of the network namespace we are in. */
static void show_api_file_systems(void) {
        static const char *const types[][2] = { { "proc", "/proc" }, { "sysfs", "/sys" } };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int mount = mount_new(types[i][0], NULL, NULL, 0), place = -EBADF;
                int r = mount;

                if (r >= 0)
                        r = place = open(types[i][1], O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (r >= 0)
                        r = mount_attach(mount, place);
                if (r < 0)
                        (void) log_debug_errno(r, "no new %s is mounted for the machine to see: %m", types[i][0]);
        }
}

/* The working directory is what carries the root into the next mount namespace: the kernel moves it to the copy
 * of the mount it is on. */
static int step_birth(StageContext *context) {
        const NetworkConfig *network = &context->config->network;
        uint64_t flags = CLONE_PARENT | CLONE_NEWNS | CLONE_NEWPID;
        _cleanup_close_ int pidfd = -EBADF;
        Message leader = { .type = MESSAGE_LEADER, .uuid = context->uuid };
        pid_t pid;
        int r;

        r = handshake_expect(context->socket_fd, MESSAGE_CGROUP, NULL, &context->payload_cgroup_fd);
        if (r < 0)
                return log_error_errno(r, "the supervisor did not name a cgroup: %m");
        if (fchdir(context->root_fd) < 0)
                return log_error_errno(-errno, "cannot enter the machine's root: %m");
        if (network->namespace_path) {
                r = join_network_namespace(network->namespace_path);
                if (r < 0)
                        return r;
        } else if (network->private_network)
                flags |= CLONE_NEWNET;

        if (context->users.count > 0)
                show_api_file_systems();
        if (!context->config->env.share_uts)
                flags |= CLONE_NEWUTS;
        if (context->users.count == 0 && !context->config->env.share_ipc)
                flags |= CLONE_NEWIPC; /* else users_become_root() makes it */
        r = users_enter_namespace(context);
        if (r < 0)
                return r;
        pid = process_clone(flags, context->payload_cgroup_fd, &pidfd);
        if (pid < 0)
                return log_error_errno(pid, "cannot create the machine's namespaces: %m");
        if (pid == 0)
                _exit(inner_stage(context));

        r = handshake_send(context->socket_fd, &leader, pidfd);
        return r < 0 ? log_error_errno(r, "lost the supervisor: %m") : 0;
}

static const Step steps[] = {
        { "propagation", step_propagation },
        { "user-namespace", users_make_namespace },
        { "image", image_mount_root },
        { "stack", mount_stack_mount_root },
        { "root", root_attach },
        { "ephemeral", root_add_ephemeral },
        { "usr", image_mount_usr },
        { "stack-usr", mount_stack_mount_usr },
        { "root-mounts", root_mounts_add },
        { "pivot", root_pivot },
        { "check-tree", tree_check },
        { "volatile", root_add_volatile },
        { "partitions", image_mount_rest },
        { "stack-binds", mount_stack_mount_rest },
        { "former-root", root_attach_former },
        { "filesystem", step_filesystem },
        { "check-mounts", tree_check_mounted },
        { "identity", identity_read },
        { "host-files", host_files_write },
        { "bind-users", bind_users },
        { "resolv-conf", integration_resolv_conf },
        { "timezone", integration_timezone },
        { "journal", journal_link },
        { "limits", step_limits },
        { "birth", step_birth },
};

int outer_stage(StageContext *context) {
        return stage_run(context, "outer", steps, ELEMENTSOF(steps)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
