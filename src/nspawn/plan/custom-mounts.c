/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure. The user's mounts win over what every machine has; what would be made in a directory of the
 * user's is left out, since that directory is the host's. Which of them can be made when, and what they are to the
 * interpreter of operations, is all that is decided here; their order among the others is filesystem.c's. */

#include "plan/custom-mounts.h"

#include <linux/mount.h>

#include "log.h"

const CustomMount *custom_mount_at(const MountsConfig *mounts, const char *destination) {
        for (size_t i = mounts->n_items; i-- > 0;)
                if (streq(mounts->items[i].destination, destination))
                        return &mounts->items[i];
        return NULL;
}

bool path_is_below(const char *path, const char *dir) {
        const char *rest = startswith(path, dir);

        return rest && (*rest == 0 || *rest == '/' || streq(dir, "/"));
}

bool custom_mount_is_root(const CustomMount *m) {
        return streq(m->destination, "/");
}

const CustomMount *custom_mount_above(const MountsConfig *mounts, const char *path) {
        const CustomMount *holder = NULL;

        for (size_t i = 0; i < mounts->n_items; i++) {
                const CustomMount *m = &mounts->items[i];

                if (path_is_below(path, m->destination) && !streq(path, m->destination) &&
                    (!holder || path_is_below(m->destination, holder->destination)))
                        holder = m;
        }
        return holder;
}

/* A temporary directory is empty, and nobody's. */
bool mounts_keep(const MountsConfig *mounts, const char *path) {
        const CustomMount *m = custom_mount_above(mounts, path);

        if (!m || custom_mount_is_root(m) || m->kind == MOUNT_TMPFS || streq_ptr(m->type, "tmpfs"))
                return false;
        return m->kind != MOUNT_BIND || !isempty(m->sources[0]);
}

/* In a directory that the user brought along nothing of ours is made: nodes, links and directories are left out, and
 * what is mounted there is if there is a place for it. What is below /run/host the payload is promised in any case: it
 * has a file system of its own then.. */
bool custom_mounts_adapt(const MountsConfig *mounts, Operation *o) {
        static const Operation own_host = {
                .kind = OPERATION_MOUNT,
                .where = "/run/host",
                .what = "tmpfs",
                .options = "mode=755,size=4m,nr_inodes=1k",
                .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_STRICTATIME,
                .flags = OPERATION_EXISTING,
        };
        const char *below_host = startswith(o->where, "/run/host");

        if ((below_host && *below_host == '/') || !mounts_keep(mounts, o->where))
                return true;
        if (o->kind == OPERATION_NODE || o->kind == OPERATION_SYMLINK || o->kind == OPERATION_DIRECTORY)
                return false;
        if (below_host)
                *o = own_host;
        else
                o->flags |= OPERATION_EXISTING | OPERATION_OPTIONAL;
        return true;
}

static uint64_t bind_attributes(const CustomMount *m) {
        return m->attributes | (m->read_only ? MOUNT_ATTR_RDONLY : 0);
}

static OwnerMap owner_map(const HostFacts *facts, size_t i, const BindMap *map) {
        const HostIds *ids = &facts->mapped[i];

        return (OwnerMap){
                .host_uid = ids->uid,
                .host_gid = ids->gid,
                .guest_uid = map->guest_uid,
                .guest_gid = map->guest_gid,
        };
}

Operation custom_mount_operation(const MountsConfig *mounts, const CustomMount *m, const HostFacts *facts) {
        Operation o = {
                .where = m->destination,
                .attributes = bind_attributes(m),
                .flags = (m->optional ? OPERATION_OPTIONAL : 0) | (m->recursive ? OPERATION_RECURSIVE : 0),
                .custom = m,
                .custom_index = (size_t) (m - mounts->items),
        };

        switch (m->kind) {
        case MOUNT_BIND:
                o.kind = m->source_in_guest[0] ? OPERATION_BIND_SELF : OPERATION_BIND_HOST;
                o.what = m->sources[0];
                o.idmap = m->idmap;
                if (o.idmap == BIND_IDMAP_USER)
                        o.owner = owner_map(facts, o.custom_index, &m->map);
                if (m->attributes & MOUNT_ATTR__ATIME)
                        o.clear = MOUNT_ATTR__ATIME;
                if (m->private_mount)
                        o.flags |= OPERATION_PRIVATE;
                break;
        case MOUNT_FILE_SYSTEM:
                o.kind = OPERATION_MOUNT;
                o.what = m->type;
                o.options = m->options;
                o.flags = 0;
                break;
        case MOUNT_TMPFS:
                o.kind = OPERATION_MOUNT;
                o.what = "tmpfs";
                o.options = m->options ?: "mode=0755";
                o.attributes |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_STRICTATIME;
                o.flags = 0;
                break;
        case MOUNT_INACCESSIBLE:
                o.kind = OPERATION_MASK;
                break;
        case MOUNT_OVERLAY:
                o.kind = OPERATION_OVERLAY;
                break;
        }
        return o;
}

bool custom_mount_is_inside(const CustomMount *m, const MachineConfig *config) {
        return path_is_below(m->destination, "/proc") || path_is_below(m->destination, "/dev/mqueue") ||
                path_is_below(m->destination, "/dev/pts") || path_is_below(m->destination, "/sys/fs/cgroup") ||
                (config->network.private_network && path_is_below(m->destination, "/sys"));
}

static bool has_guest_source(const CustomMount *m) {
        for (size_t i = 0; m->sources && m->sources[i]; i++)
                if (m->source_in_guest[i])
                        return true;
        return m->upper_in_guest;
}

static int check_inside(const CustomMount *m, const MachineConfig *config) {
        if (m->idmap != BIND_IDMAP_NONE)
                return log_error_errno(-EOPNOTSUPP,
                                       "--bind=…:%s: what lies there is mounted by the machine's own users, "
                                       "who cannot map others: leave out idmap, rootidmap, owneridmap and map",
                                       m->destination);
        if (has_guest_source(m) && mounts_have_root(&config->mounts) && !config->source.pivot.root)
                return log_error_errno(-EOPNOTSUPP,
                                       "%s: what lies there is mounted when the tree below the mount on / is out of "
                                       "reach: give it a source without \"+\"",
                                       m->destination);
        return 0;
}

static int compare_depth(const void *a, const void *b) {
        const CustomMount *const *x = a, *const *y = b;
        size_t dx = 0, dy = 0;

        for (const char *p = (*x)->destination; *p; p++)
                dx += *p == '/';
        for (const char *p = (*y)->destination; *p; p++)
                dy += *p == '/';
        if (dx != dy)
                return dx < dy ? -1 : 1;
        return *x < *y ? -1 : 1; /* they are elements of one array: this is the order they were given in */
}

const CustomMount **custom_mounts_sorted(const MountsConfig *mounts) {
        const CustomMount **sorted = calloc(mounts->n_items + 1, sizeof(CustomMount *));

        if (!sorted)
                return NULL;
        for (size_t i = 0; i < mounts->n_items; i++)
                sorted[i] = &mounts->items[i];
        qsort(sorted, mounts->n_items, sizeof(CustomMount *), compare_depth);
        return sorted;
}

int custom_mount_check(const MachineConfig *config, const CustomMount *m, const OwnerMap *owner, uint32_t n_users) {
        uint32_t last = MAX(owner->guest_uid, owner->guest_gid);

        if (m->idmap == BIND_IDMAP_USER && last >= n_users)
                return log_error_errno(-EINVAL,
                                       "--bind=…:%s: the machine has only %u users of its own, of which %u is none",
                                       m->destination, n_users, last);
        return custom_mount_is_inside(m, config) ? check_inside(m, config) : 0;
}
