/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor in the host's namespaces, before any child is cloned, so that
 * each is born where it belongs: writing to cgroup.procs waits for an RCU grace period, ten milliseconds on a
 * quiet machine, as long as all else that a start takes; clone3(CLONE_INTO_CGROUP) costs nothing.
 *
 * The base is one of three. A scope made for this machine: its cgroup. A service that systemd delegated to
 * us: that one (or its parent, if the manager has put us into supervisor/ already). Anything else, be it a
 * shell's session or a host without systemd: a child "nspawn-NAME" of our own cgroup, so that several
 * machines fit into one, the caller's limits hold for the machine, and nobody else's processes are moved. We
 * stay outside of that one, hence controllers reach it only where the caller's cgroup already passes them on
 * (by the "no internal processes" rule it cannot, unless it is the root): limits for a machine need a cgroup
 * of its own to start in.
 *
 * payload/ is never shared: where one exists already in a base that is not ours alone, it is another
 * machine's, and "nspawn-NAME" is made below that base. The name itself is ours by the machine's name lock.
 *
 * The record is what must be killed and removed: the base if we made it, else payload/ alone. */

#include "host/machine-cgroup.h"

#include <stdio.h>

#include "cgroup.h"
#include "fd.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "strv.h"

#define PAYLOAD "payload"
#define DIE_TIMEOUT_USEC 5000000U
#define REMOVE_TIMEOUT_USEC 2000000U

/* What DevicePolicy=closed and the device settings of systemd-nspawn's scope come to. A node that is not here
 * can be neither opened nor made, whatever the guest's capabilities. The 0:0 ones are not devices: systemd
 * makes such nodes, /run/systemd/inaccessible, to hide others behind. No console (5:1): in the guest that is
 * a pty. */
static const DeviceRule machine_devices[] = {
        { DEVICE_CHAR, 1, 3, DEVICE_RWM },           /* null */
        { DEVICE_CHAR, 1, 5, DEVICE_RWM },           /* zero */
        { DEVICE_CHAR, 1, 7, DEVICE_RWM },           /* full */
        { DEVICE_CHAR, 1, 8, DEVICE_RWM },           /* random */
        { DEVICE_CHAR, 1, 9, DEVICE_RWM },           /* urandom */
        { DEVICE_CHAR, 5, 0, DEVICE_RWM },           /* tty */
        { DEVICE_CHAR, 5, 2, DEVICE_RWM },           /* ptmx */
        { DEVICE_CHAR, 136, DEVICE_ANY, DEVICE_RW }, /* pts/N */
        { DEVICE_CHAR, 10, 200, DEVICE_RWM },        /* net/tun */
        { DEVICE_CHAR, 10, 229, DEVICE_RWM },        /* fuse */
        { DEVICE_CHAR, 0, 0, DEVICE_RWM },           { DEVICE_BLOCK, 0, 0, DEVICE_RWM },
};

/* The path of a child, or of the parent if child is NULL. */
static char *relative_path(const char *path, const char *child) {
        const char *slash = strrchr(path, '/');
        char *result;

        if (!child)
                return strndup(path, slash && slash > path ? (size_t) (slash - path) : 1);
        return asprintf(&result, "%s/%s", streq(path, "/") ? "" : path, child) < 0 ? NULL : result;
}

/* Finds the base for a machine that has no scope. In place: it was delegated to us, and we may be in it. Else
 * it is our own cgroup, and *ret_in_place is false. */
static int find_own_base(int root_fd, char **ret_path, int *ret_fd, bool *ret_in_place, bool *ret_inside) {
        _cleanup_free_ char *path = NULL, *parent = NULL;
        _cleanup_close_ int fd = -EBADF, parent_fd = -EBADF;
        int r = cgroup_path_of(0, &path);

        if (r < 0)
                return r;
        fd = cgroup_open(root_fd, path);
        if (fd < 0)
                return fd;

        *ret_in_place = cgroup_is_delegated(fd) > 0;
        *ret_inside = *ret_in_place;
        if (!*ret_in_place && endswith(path, "/supervisor")) {
                parent = relative_path(path, NULL);
                if (!parent)
                        return -ENOMEM;
                parent_fd = cgroup_open(root_fd, parent);
                if (parent_fd >= 0 && cgroup_is_delegated(parent_fd) > 0) {
                        *ret_in_place = true;
                        *ret_path = TAKE_PTR(parent);
                        *ret_fd = TAKE_FD(parent_fd);
                        return 0;
                }
        }
        *ret_path = TAKE_PTR(path);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Makes "nspawn-NAME" below *base_fd and puts it in its place. */
static int make_own_base(const char *machine, char **path, int *base_fd) {
        _cleanup_free_ char *name = NULL;
        char *own;
        int fd;

        if (asprintf(&name, "nspawn-%s", machine) < 0)
                return -ENOMEM;
        own = relative_path(*path, name);
        if (!own)
                return -ENOMEM;
        free(*path);
        *path = own;
        fd = cgroup_make(*base_fd, name, false);
        if (fd < 0)
                return fd;
        (void) safe_close(*base_fd);
        *base_fd = fd;
        return 0;
}

/* Finds or makes the base, and payload/ in it. */
static int make_payload(MachineCgroup *cgroup, const char *machine, const char *unit_path, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int root_fd = cgroup_open_root(), base_fd = -EBADF, payload_fd = -EBADF;
        bool in_place = true, inside = false;
        int r;

        if (root_fd < 0)
                return root_fd;
        if (unit_path) {
                path = strdup(unit_path);
                if (!path)
                        return -ENOMEM;
                base_fd = r = cgroup_open(root_fd, unit_path);
        } else
                r = find_own_base(root_fd, &path, &base_fd, &in_place, &inside);
        if (r < 0)
                return r;

        if (in_place) {
                payload_fd = cgroup_make(base_fd, PAYLOAD, true);
                in_place = payload_fd != -EEXIST;
        }
        if (!in_place) {
                r = make_own_base(machine, &path, &base_fd);
                if (r < 0)
                        return r;
                payload_fd = cgroup_make(base_fd, PAYLOAD, false);
        }
        if (payload_fd < 0)
                return payload_fd;

        cgroup->record = in_place ? relative_path(path, PAYLOAD) : strdup(path);
        if (!cgroup->record)
                return -ENOMEM;
        cgroup->own_base = !in_place;
        cgroup->needs_settling = in_place && inside;
        cgroup->base_fd = TAKE_FD(base_fd);
        cgroup->payload_fd = TAKE_FD(payload_fd);
        *ret_path = TAKE_PTR(path);
        return 0;
}

static int attach_devices(MachineCgroup *cgroup, const DeviceRule *rules, size_t n_rules) {
        _cleanup_free_ DeviceRule *all = NULL;
        _cleanup_close_ int program_fd = -EBADF;
        int r;
        size_t n = ELEMENTSOF(machine_devices);

        all = calloc(n + n_rules, sizeof(DeviceRule));
        if (!all)
                return -ENOMEM;
        memcpy(all, machine_devices, sizeof(machine_devices));
        for (size_t i = 0; i < n_rules; i++)
                all[n++] = rules[i];
        program_fd = device_program_load(all, n);
        if (program_fd < 0)
                return TAKE_FD(program_fd);
        r = device_program_attach(program_fd, cgroup->payload_fd);
        if (r < 0)
                return r;
        cgroup->program_fd = TAKE_FD(program_fd);
        return 0;
}

/* The manager tries to remove an empty scope's cgroup once. If that is while we remove payload/, it fails, and nobody
 * else would remove the rest. Not while the unit is there: it may be about to stop, and how would the manager hear, if
 * not from the cgroup, that nothing is left in it? */
static void remove_scope(const char *record) {
        _cleanup_free_ char *scope = relative_path(record, NULL), *slice = NULL;
        _cleanup_close_ int root_fd = -EBADF, slice_fd = -EBADF;

        slice = scope ? relative_path(scope, NULL) : NULL;
        root_fd = slice ? cgroup_open_root() : -ENOMEM;
        slice_fd = root_fd >= 0 ? cgroup_open(root_fd, slice) : root_fd;
        if (slice_fd >= 0)
                (void) cgroup_remove(slice_fd, strrchr(scope, '/') + 1, 0);
}

static int undo_machine_cgroup(void *userdata) {
        MachineCgroup *cgroup = userdata;

        return machine_cgroup_remove(cgroup->record);
}

void machine_cgroup_done(MachineCgroup *cgroup, bool scope_is_gone) {
        if (cgroup->record && cgroup->in_scope && scope_is_gone)
                remove_scope(cgroup->record);
        cgroup->base_fd = safe_close(cgroup->base_fd);
        cgroup->payload_fd = safe_close(cgroup->payload_fd);
        cgroup->supervisor_fd = safe_close(cgroup->supervisor_fd);
        cgroup->program_fd = safe_close(cgroup->program_fd);
        free(TAKE_PTR(cgroup->record));
}

int machine_cgroup_make(UndoLog *undo, MachineCgroup *cgroup, const char *machine, int runtime_fd,
                        const char *unit_path, const DeviceRule *rules, size_t n_rules) {
        _cleanup_free_ char *path = NULL;
        int r;

        cgroup->in_scope = unit_path;
        r = make_payload(cgroup, machine, unit_path, &path);
        if (r < 0)
                return log_error_errno(r, "cannot make a cgroup for the machine%s%s: %m", unit_path ? " in " : "",
                                       unit_path ?: "");
        r = undo_add(undo, "cgroup", undo_machine_cgroup, cgroup);
        if (r < 0)
                return r;
        r = runtime_record_write(runtime_fd, RUNTIME_RECORD_CGROUP, cgroup->record);
        if (r < 0)
                return log_error_errno(r, "cannot write to %s/%s: %m", RUNTIME_ROOT, machine);
        r = cgroup->supervisor_fd = cgroup_make(cgroup->base_fd, "supervisor", false);
        if (r < 0)
                return log_error_errno(r, "cannot make the cgroup %s/supervisor: %m", path);
        r = attach_devices(cgroup, rules, n_rules);
        if (r == -E2BIG || r == -ENOMEM)
                return log_error_errno(r, "cannot set up the machine's device rules: %m");
        cgroup->device_error = MIN(r, 0);
        return 0;
}

int machine_cgroup_settle(MachineCgroup *cgroup, const pid_t *pids, size_t n_pids) {
        int r = cgroup_has_controllers(cgroup->base_fd);

        if (r <= 0)
                return r; /* nothing to gain by moving, which takes ten milliseconds */
        for (size_t i = 0; i < n_pids; i++) {
                r = cgroup_move(cgroup->supervisor_fd, pids[i]);
                if (r < 0 && r != -ESRCH)
                        return r;
        }
        if (cgroup->needs_settling) {
                r = cgroup_move(cgroup->supervisor_fd, 0);
                if (r < 0)
                        return r;
                cgroup->needs_settling = false;
        }
        return cgroup_enable_controllers(cgroup->base_fd);
}

int machine_cgroup_limit(const MachineCgroup *cgroup, char *const *limits) {
        int fd = cgroup->own_base ? cgroup->base_fd : cgroup->payload_fd;

        STRV_FOREACH(limit, limits) {
                _cleanup_free_ char *file = strndup(*limit, strcspn(*limit, "="));
                const char *value = *limit + strcspn(*limit, "=") + 1;
                int r;

                if (!file)
                        return log_oom();
                r = write_kernel_file_at(fd, file, value);
                if (r == -ENOENT)
                        return log_error_errno(r,
                                               "linux.resources: the machine's control group has no %s: the kernel "
                                               "does not know it, or the controller is not passed on to us (a scope "
                                               "or "
                                               "a unit with Delegate=yes has it)",
                                               file);
                if (r < 0)
                        return log_error_errno(r, "linux.resources: cannot write \"%s\" to %s: %m", value, file);
        }
        return 0;
}

int machine_cgroup_delegate(const MachineCgroup *cgroup, uid_t uid, gid_t gid) {
        int r = cgroup_delegate(cgroup->payload_fd, uid, gid);

        return r < 0 ? log_error_errno(r, "cannot give the guest's cgroup to uid %u: %m", uid) : 0;
}

static int kill_and_wait(int cgroup_fd) {
        int r = cgroup_is_populated(cgroup_fd);

        if (r <= 0)
                return r;
        r = cgroup_kill(cgroup_fd);
        return r < 0 ? r : cgroup_wait_empty(cgroup_fd, DIE_TIMEOUT_USEC);
}

/* A cgroup that was ever killed is not used again: kernels have killed what was born into it later. */
int machine_cgroup_renew(MachineCgroup *cgroup) {
        int r = kill_and_wait(cgroup->payload_fd);

        if (r >= 0)
                r = cgroup_remove(cgroup->base_fd, PAYLOAD, REMOVE_TIMEOUT_USEC);
        if (r >= 0) {
                (void) safe_close(cgroup->payload_fd);
                r = cgroup->payload_fd = cgroup_make(cgroup->base_fd, PAYLOAD, true);
        }
        if (r >= 0 && cgroup->program_fd >= 0)
                r = device_program_attach(cgroup->program_fd, cgroup->payload_fd);
        return r < 0 ? log_error_errno(r, "cannot make the guest's cgroup anew: %m") : 0;
}

static int step_out(const char *path, int parent_fd) {
        _cleanup_free_ char *own = NULL;
        const char *rest;

        if (cgroup_path_of(0, &own) < 0)
                return 0;
        rest = startswith(own, path);
        return rest && (*rest == 0 || *rest == '/') ? cgroup_move(parent_fd, 0) : 0;
}

static int remove_at(int parent_fd, const char *name, const char *path) {
        _cleanup_close_ int fd = cgroup_open(parent_fd, name), payload_fd = -EBADF;
        int r;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        payload_fd = cgroup_open(fd, PAYLOAD);
        r = payload_fd >= 0 ? kill_and_wait(payload_fd) : 0; /* the guest must go even where we cannot */
        if (r >= 0 && cgroup_is_populated(fd) > 0) {
                r = step_out(path, parent_fd);
                if (r >= 0)
                        r = kill_and_wait(fd);
        }
        return r < 0 ? r : cgroup_remove(parent_fd, name, REMOVE_TIMEOUT_USEC);
}

int machine_cgroup_remove(const char *record) {
        _cleanup_free_ char *parent = relative_path(record, NULL);
        _cleanup_close_ int root_fd = -EBADF, parent_fd = -EBADF;
        const char *slash = strrchr(record, '/');

        if (!parent)
                return -ENOMEM;
        if (!slash || !slash[1])
                return -EINVAL; /* never the root */
        root_fd = cgroup_open_root();
        if (root_fd < 0)
                return root_fd;
        parent_fd = cgroup_open(root_fd, parent);
        if (parent_fd < 0)
                return parent_fd == -ENOENT ? 0 : parent_fd;
        return remove_at(parent_fd, slash + 1, record);
}
