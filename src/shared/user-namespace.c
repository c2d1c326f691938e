/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the kernel has no way to make a user namespace without a process in it. So one is born, which
 * does nothing but wait; its maps are written from outside, the namespace is opened, and the process has served. It
 * shares our memory, so that its birth does not copy any page table, and runs on a stack of its own. Its number is
 * taken from the procfs that we see, which may be that of another PID namespace than ours. */

#include "user-namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"

#define STACK_SIZE 4096u

static _noreturn_ int wait_for_death(_unused_ void *userdata) {
        for (;;)
                (void) pause();
}

static int write_map(int process_fd, const char *file, unsigned inside, unsigned outside, uint32_t count,
                     bool host_root) {
        char line[96];
        int n;

        n = snprintf(line, sizeof(line), "%u %u %u\n", inside, outside, count);
        if (host_root && outside > 0 && (inside > ID_MAP_HOST_ROOT || ID_MAP_HOST_ROOT - inside >= count))
                (void) snprintf(line + n, sizeof(line) - (size_t) n, "%u 0 1\n", ID_MAP_HOST_ROOT);
        return write_kernel_file_at(process_fd, file, line);
}

static int map_and_open(int pidfd, const IdMap *map) {
        _cleanup_close_ int process = process_open_directory(pidfd);
        int r;

        if (process < 0)
                return TAKE_FD(process);
        r = write_map(process, "uid_map", map->inside_uid, map->outside_uid, map->count, map->host_root);
        if (r >= 0)
                r = write_map(process, "gid_map", map->inside_gid, map->outside_gid, map->count, map->host_root);
        if (r < 0)
                return r;
        r = openat(process, "ns/user", O_RDONLY | O_CLOEXEC);
        return r < 0 ? -errno : r;
}

int user_namespace_make(const IdMap *map) {
        _Alignas(16) char stack[STACK_SIZE];
        _cleanup_close_ int pidfd = -EBADF;
        int r;

        if (clone(wait_for_death, stack + sizeof(stack), CLONE_VM | CLONE_NEWUSER | CLONE_PIDFD | SIGCHLD, NULL,
                  &pidfd) < 0)
                return -errno;
        r = map_and_open(pidfd, map);
        process_kill_and_reap(pidfd); /* before this frame, which is its stack, goes */
        return r;
}
