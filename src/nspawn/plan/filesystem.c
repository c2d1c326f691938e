/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the API file systems every payload expects are rows of the tables below; each row names
 * the condition under which it applies. The user's own mounts come after them, parents before children, and win:
 * a row whose place the user took is left out. What the user mounts on / itself takes the tree's place and so is a list
 * of its own, done before everything else. What must see the guest's namespaces (procfs, mqueue, devpts, cgroup2,
 * with a private network sysfs) is the inner list; all else is the outer one, because it needs the host's
 * privileges when the guest has a user namespace, and because the guest then cannot take it apart.
 *
 * A machine that is to run others has another procfs and sysfs, in which nothing is covered, at a place that only its
 * root can look into: the kernel lets a user namespace mount one of its own only where it can see such a one, and our
 * covers over /proc, and a /sys of parts, are none.
 *
 * The order of rows matters in three places: a mount point comes before what is below it; /proc/sys becomes
 * read-only before /proc/sys/net is laid over it writable; /run/host is filled before it becomes read-only. */

#include "plan/filesystem.h"

#include <linux/mount.h>
#include <sys/stat.h>

#include "log.h"
#include "plan/uid-range.h"
#include "strv.h"

#define RO MOUNT_ATTR_RDONLY
#define NOSUID MOUNT_ATTR_NOSUID
#define NODEV MOUNT_ATTR_NODEV
#define NOEXEC MOUNT_ATTR_NOEXEC
#define STRICTATIME MOUNT_ATTR_STRICTATIME

typedef enum Condition {
        ALWAYS,
        TMPFS_TMP,       /* unless $SYSTEMD_NSPAWN_TMPFS_TMP=0; not in a bundle, which has it as it says */
        OWN_RUN,         /* the same of /run, which a bundle's tree may have filled */
        TREES_RUN,       /* then only what we tell the payload is a file system of its own */
        HOST_NETWORK,
        PRIVATE_NETWORK,
        CGROUP_NAMESPACE, /* unless $SYSTEMD_NSPAWN_USE_CGNS=0 */
        HOST_CGROUPS,
        HAVE_FUSE,
        HAVE_TUN,
        MESSAGE_QUEUES,  /* its own, or the host's as the host's user */
        API_READ_ONLY,   /* unless $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes */
        FORWARD_JOURNAL,
        NESTING,
        NESTING_HOST_NETWORK,
        NESTING_PRIVATE_NETWORK,
        SYS_NET_WRITABLE, /* /proc/sys/net is the guest's own, or was asked for */
        SYS_READ_ONLY, /* /sys is of parts, and a bundle does not want to write there */
        ROOT_READ_ONLY_LAST,
} Condition;

typedef struct Row {
        Condition condition;
        Operation operation;
} Row;

#define MOUNT(c, path, type, opts, attrs)                                                                    \
        { c, { .kind = OPERATION_MOUNT, .where = path, .what = type, .options = opts, .attributes = attrs } }
#define DIRECTORY(c, path, m) { c, { .kind = OPERATION_DIRECTORY, .where = path, .mode = m } }
#define SYMLINK(c, path, to) { c, { .kind = OPERATION_SYMLINK, .where = path, .what = to } }
#define NODE(c, path, m, dev) { c, { .kind = OPERATION_NODE, .where = path, .mode = m, .device = dev } }
/* makedev(3) for the small numbers of old devices: a constant expression, which the C library's is not. */
#define OLD_DEVICE(maj, min) ((dev_t) ((maj) << 8 | (min)))
#define DEVICE(c, name, maj, min)                                                                            \
        NODE(c, "/dev/" name, S_IFCHR | 0666, OLD_DEVICE(maj, min)),                                            \
                SYMLINK(c, "/dev/char/" #maj ":" #min, "../" name)
#define REBIND_READ_ONLY(c, path)                                                                            \
        { c, { .kind = OPERATION_BIND_SELF, .where = path, .what = path, .attributes = RO,                   \
               .flags = OPERATION_EXISTING | OPERATION_OPTIONAL } }
#define MASK(c, path) { c, { .kind = OPERATION_MASK, .where = path, .flags = OPERATION_OPTIONAL } }
#define SYSFS(name)                                                                                          \
        { PRIVATE_NETWORK, { .kind = OPERATION_SYSFS, .where = "/sys/" name, .what = name, .attributes = RO, \
                             .flags = OPERATION_OPTIONAL } }

static const Row outer_rows[] = {
        MOUNT(TMPFS_TMP, "/tmp", "tmpfs", "mode=1777,size=10%,nr_inodes=400k,?usrquota", NOSUID | NODEV | STRICTATIME),

        MOUNT(HOST_NETWORK, "/sys", "sysfs", NULL, RO | NOSUID | NOEXEC | NODEV),
        MOUNT(PRIVATE_NETWORK, "/sys", "tmpfs", "mode=555,size=4m,nr_inodes=1k", NOSUID | NOEXEC | NODEV),
        DIRECTORY(PRIVATE_NETWORK, "/sys/fs/cgroup", 0755),
        DIRECTORY(PRIVATE_NETWORK, "/sys/fs/bpf", 0755),
        MOUNT(HOST_CGROUPS, "/sys/fs/cgroup", "cgroup2", NULL, NOSUID | NOEXEC | NODEV),

        MOUNT(ALWAYS, "/dev", "tmpfs", "mode=755,size=4m,nr_inodes=64k", NOSUID | STRICTATIME),
        MOUNT(ALWAYS, "/dev/shm", "tmpfs", "mode=1777,size=10%,nr_inodes=400k,?usrquota", NOSUID | NODEV | STRICTATIME),
        DIRECTORY(ALWAYS, "/dev/pts", 0755),
        DIRECTORY(ALWAYS, "/dev/mqueue", 0755),
        SYMLINK(ALWAYS, "/dev/ptmx", "pts/ptmx"),
        SYMLINK(ALWAYS, "/dev/fd", "/proc/self/fd"),
        SYMLINK(ALWAYS, "/dev/stdin", "/proc/self/fd/0"),
        SYMLINK(ALWAYS, "/dev/stdout", "/proc/self/fd/1"),
        SYMLINK(ALWAYS, "/dev/stderr", "/proc/self/fd/2"),
        SYMLINK(ALWAYS, "/dev/core", "/proc/kcore"),
        DEVICE(ALWAYS, "null", 1, 3),
        DEVICE(ALWAYS, "zero", 1, 5),
        DEVICE(ALWAYS, "full", 1, 7),
        DEVICE(ALWAYS, "random", 1, 8),
        DEVICE(ALWAYS, "urandom", 1, 9),
        DEVICE(ALWAYS, "tty", 5, 0),
        DEVICE(HAVE_FUSE, "fuse", 10, 229),
        DEVICE(HAVE_TUN, "net/tun", 10, 200),

        MOUNT(OWN_RUN, "/run", "tmpfs", "mode=755,size=20%,nr_inodes=800k", NOSUID | NODEV | STRICTATIME),
        DIRECTORY(OWN_RUN, "/run/host", 0755),
        { OWN_RUN, { .kind = OPERATION_BIND_SELF, .where = "/run/host", .what = "/run/host" } },
        MOUNT(TREES_RUN, "/run/host", "tmpfs", "mode=755,size=4m,nr_inodes=1k", NOSUID | NODEV | STRICTATIME),
        DIRECTORY(ALWAYS, "/run/host/incoming", 0600),
        DIRECTORY(ALWAYS, "/run/host/inaccessible", 0755),
        NODE(ALWAYS, "/run/host/inaccessible/reg", S_IFREG, 0),
        DIRECTORY(ALWAYS, "/run/host/inaccessible/dir", 0),
        NODE(ALWAYS, "/run/host/inaccessible/fifo", S_IFIFO, 0),
        NODE(ALWAYS, "/run/host/inaccessible/sock", S_IFSOCK, 0),
        NODE(ALWAYS, "/run/host/inaccessible/chr", S_IFCHR, 0),
        NODE(ALWAYS, "/run/host/inaccessible/blk", S_IFBLK, 0),
        DIRECTORY(ALWAYS, "/run/host/unix-export", 0755),
        DIRECTORY(FORWARD_JOURNAL, "/run/host/journal", 0755),

        DIRECTORY(NESTING, "/run/host/nesting", 0700),
        MOUNT(NESTING_HOST_NETWORK, "/run/host/nesting/sys", "sysfs", NULL, NOSUID | NOEXEC | NODEV),
};

static const Row inner_rows[] = {
        { NESTING_PRIVATE_NETWORK, { .kind = OPERATION_SYSFS, .where = "/run/host/nesting/sys", .what = "." } },
        MOUNT(NESTING, "/run/host/nesting/proc", "proc", NULL, NOSUID | NOEXEC | NODEV),
        SYSFS("block"),
        SYSFS("bus"),
        SYSFS("class"),
        SYSFS("dev"),
        SYSFS("devices"),
        SYSFS("kernel"),
        MOUNT(ALWAYS, "/proc", "proc", NULL, NOSUID | NOEXEC | NODEV),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/sys"),
        { SYS_NET_WRITABLE, { .kind = OPERATION_BIND_SELF, .where = "/proc/sys/net", .what = "/proc/sys/net",
                              .clear = RO, .flags = OPERATION_EXISTING | OPERATION_OPTIONAL } },
        MASK(API_READ_ONLY, "/proc/kallsyms"),
        MASK(API_READ_ONLY, "/proc/kcore"),
        MASK(API_READ_ONLY, "/proc/keys"),
        MASK(API_READ_ONLY, "/proc/sysrq-trigger"),
        MASK(API_READ_ONLY, "/proc/timer_list"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/acpi"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/apm"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/asound"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/bus"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/fs"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/irq"),
        REBIND_READ_ONLY(API_READ_ONLY, "/proc/scsi"),
        MOUNT(ALWAYS, "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", NOSUID | NOEXEC),
        MOUNT(MESSAGE_QUEUES, "/dev/mqueue", "mqueue", NULL, NOSUID | NOEXEC | NODEV),
        MOUNT(CGROUP_NAMESPACE, "/sys/fs/cgroup", "cgroup2", NULL, NOSUID | NOEXEC | NODEV),
};

/* After the user's mounts, for which places have to be made. */
static const Row last_rows[] = {
        { SYS_READ_ONLY, { .kind = OPERATION_REMOUNT, .where = "/sys", .attributes = RO } },
        { ROOT_READ_ONLY_LAST, { .kind = OPERATION_REMOUNT, .where = "/", .attributes = RO } },
};

static const CustomMount *find_custom(const MountsConfig *mounts, const char *destination) {
        for (size_t i = mounts->n_items; i-- > 0;)
                if (streq(mounts->items[i].destination, destination))
                        return &mounts->items[i];
        return NULL;
}

static bool applies(Condition condition, const MachineConfig *config, const HostFacts *facts) {
        const ApiVfsWritable writable = config->env.api_vfs_writable;

        switch (condition) {
        case ALWAYS:
                return true;
        case TMPFS_TMP:
                return config->env.tmpfs_tmp && !config->oci.bundle;
        case OWN_RUN:
                return !config->oci.bundle || find_custom(&config->mounts, "/run");
        case TREES_RUN:
                return config->oci.bundle && !find_custom(&config->mounts, "/run");
        case HOST_NETWORK:
                return !config->network.private_network;
        case PRIVATE_NETWORK:
                return config->network.private_network;
        case CGROUP_NAMESPACE:
                return config->env.use_cgns;
        case HOST_CGROUPS:
                return !config->env.use_cgns;
        case HAVE_FUSE:
                return facts->have_fuse && !config->oci.bundle;
        case HAVE_TUN:
                return facts->have_tun && !config->oci.bundle;
        case MESSAGE_QUEUES:
                return !config->env.share_ipc ||
                        uid_range_count(&config->users.range, facts->have_user_namespaces) == UINT32_MAX;
        case API_READ_ONLY:
                return writable != API_VFS_WRITABLE_YES;
        case FORWARD_JOURNAL:
                return !!config->forward_journal.path;
        case NESTING:
                return config->security.nesting;
        case NESTING_HOST_NETWORK:
                return config->security.nesting && !config->network.private_network;
        case NESTING_PRIVATE_NETWORK:
                return config->security.nesting && config->network.private_network;
        case SYS_NET_WRITABLE:
                return writable == API_VFS_WRITABLE_NETWORK ||
                        (writable == API_VFS_WRITABLE_NO && config->network.private_network && !config->oci.bundle);
        case SYS_READ_ONLY:
                return config->network.private_network && !config->oci.writable_sysfs;
        case ROOT_READ_ONLY_LAST:
                return config_root_is_closed_last(config);
        }
        return false;
}

/* True if path is dir or lies below it. */
static bool path_below(const char *path, const char *dir) {
        const char *rest = startswith(path, dir);

        return rest && (*rest == 0 || *rest == '/' || streq(dir, "/"));
}

/* What is mounted on / takes the tree's part: whatever is made in a tree is made there. */
static bool is_root(const CustomMount *m) {
        return streq(m->destination, "/");
}

/* The user's mount that path is below. */
static const CustomMount *find_holder(const MountsConfig *mounts, const char *path) {
        const CustomMount *holder = NULL;

        for (size_t i = 0; i < mounts->n_items; i++) {
                const CustomMount *m = &mounts->items[i];

                if (path_below(path, m->destination) && !streq(path, m->destination) &&
                    (!holder || path_below(m->destination, holder->destination)))
                        holder = m;
        }
        return holder;
}

/* A temporary directory is empty, and nobody's. */
bool mounts_keep(const MountsConfig *mounts, const char *path) {
        const CustomMount *m = find_holder(mounts, path);

        if (!m || is_root(m) || m->kind == MOUNT_TMPFS || streq_ptr(m->type, "tmpfs"))
                return false;
        return m->kind != MOUNT_BIND || !isempty(m->sources[0]);
}

/* In a directory that the user brought along nothing of ours is made: nodes, links and directories are left out, and
 * what is mounted there is if there is a place for it. What is below /run/host the payload is promised in any case: it
 * has a file system of its own then. False: leave it out. */
static bool adapt_to_users(const MountsConfig *mounts, Operation *o) {
        static const Operation own_host = {
                .kind = OPERATION_MOUNT, .where = "/run/host", .what = "tmpfs", .options = "mode=755,size=4m,nr_inodes=1k",
                .attributes = NOSUID | NODEV | STRICTATIME, .flags = OPERATION_EXISTING,
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

static bool replaces_default(const Row *rows, size_t n, const MachineConfig *config, const HostFacts *facts,
                             const CustomMount *m) {
        if (m->kind == MOUNT_INACCESSIBLE)
                return false;
        for (size_t i = 0; i < n; i++)
                if (rows[i].operation.kind == OPERATION_MOUNT && applies(rows[i].condition, config, facts) &&
                    streq(rows[i].operation.where, m->destination))
                        return find_custom(&config->mounts, m->destination) == m;
        return false;
}

static uint64_t bind_attributes(const CustomMount *m) {
        return m->attributes | (m->read_only ? RO : 0);
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

static Operation operation_from_custom(const MountsConfig *mounts, const CustomMount *m, const HostFacts *facts) {
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
                o.attributes |= NOSUID | NODEV | STRICTATIME;
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

static bool is_bundle_device(const MachineConfig *config, const char *path) {
        for (size_t i = 0; i < config->oci.n_devices; i++)
                if (streq(config->oci.devices[i].path, path))
                        return true;
        return false;
}

static int append_bundle_devices(OperationList *list, const MachineConfig *config) {
        for (size_t i = 0; i < config->oci.n_devices; i++) {
                const OciDevice *d = &config->oci.devices[i];
                const Operation o = {
                        .kind = OPERATION_NODE,
                        .where = d->path,
                        .mode = d->mode,
                        .device = d->number,
                        .uid = d->uid,
                        .gid = d->gid,
                };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        return 0;
}

static int append_rows(OperationList *list, const Row *rows, size_t n, const MachineConfig *config,
                       const HostFacts *facts) {
        for (size_t i = 0; i < n; i++) {
                Operation o = rows[i].operation;
                int r;

                const CustomMount *m = find_custom(&config->mounts, o.where);
                const CustomMount *holder = find_holder(&config->mounts, o.where);

                if (!applies(rows[i].condition, config, facts) || (holder && holder->kind == MOUNT_INACCESSIBLE))
                        continue;
                if (o.kind == OPERATION_NODE && is_bundle_device(config, o.where))
                        continue;
                if (m && m->kind == MOUNT_INACCESSIBLE)
                        m = NULL; /* is hidden when it is there */
                /* The user's own mount takes the place of a default one, in time too: what is below comes after. */
                if (m && o.kind == OPERATION_MOUNT)
                        o = operation_from_custom(&config->mounts, m, facts);
                else if (m || !adapt_to_users(&config->mounts, &o))
                        continue;
                /* The whole of /sys is writable on request, and so are its parts. */
                if ((config->env.api_vfs_writable == API_VFS_WRITABLE_YES && path_below(o.where, "/sys")) ||
                    (o.kind == OPERATION_SYSFS && config->oci.writable_sysfs))
                        o.attributes &= ~(uint64_t) RO;
                r = operation_list_append(list, &o, 1);
                if (r < 0)
                        return log_oom();
        }
        return 0;
}

/* What lies below a file system that only the inner stage can mount has to wait for it. */
static bool belongs_inside(const CustomMount *m, const MachineConfig *config) {
        return path_below(m->destination, "/proc") || path_below(m->destination, "/dev/mqueue") ||
                path_below(m->destination, "/dev/pts") || path_below(m->destination, "/sys/fs/cgroup") ||
                (config->network.private_network && path_below(m->destination, "/sys"));
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

static OperationList *list_for(FilesystemPlan *plan, const MachineConfig *config, const CustomMount *m) {
        if (is_root(m))
                return &plan->root;
        return belongs_inside(m, config) ? &plan->inner : &plan->outer;
}

static int append_custom(FilesystemPlan *plan, const MachineConfig *config, const HostFacts *facts) {
        uint32_t count = uid_range_count(&config->users.range, facts->have_user_namespaces);
        const MountsConfig *mounts = &config->mounts;
        _cleanup_free_ const CustomMount **sorted = calloc(mounts->n_items + 1, sizeof(CustomMount *));

        if (!sorted)
                return log_oom();
        for (size_t i = 0; i < mounts->n_items; i++)
                sorted[i] = &mounts->items[i];
        qsort(sorted, mounts->n_items, sizeof(CustomMount *), compare_depth);

        for (size_t i = 0; i < mounts->n_items; i++) {
                const CustomMount *m = sorted[i];
                Operation o = operation_from_custom(mounts, m, facts);

                if (belongs_inside(m, config) && check_inside(m, config) < 0)
                        return -EOPNOTSUPP;
                if (m->idmap == BIND_IDMAP_USER && MAX(o.owner.guest_uid, o.owner.guest_gid) >= count)
                        return log_error_errno(-EINVAL,
                                               "--bind=…:%s: the machine has only %u users of its own, of which %u is none",
                                               m->destination, count, MAX(o.owner.guest_uid, o.owner.guest_gid));
                if (replaces_default(outer_rows, ELEMENTSOF(outer_rows), config, facts, m) ||
                    replaces_default(inner_rows, ELEMENTSOF(inner_rows), config, facts, m))
                        continue; /* is there already */
                if (operation_list_append(list_for(plan, config, m), &o, 1) < 0)
                        return log_oom();
        }
        return 0;
}

/* What a bundle wants to be hidden and only read, wherever it comes from: after all is mounted. */
static int append_paths(OperationList *list, const MachineConfig *config) {
        STRV_FOREACH(path, config->oci.read_only) {
                const Operation o = {
                        .kind = OPERATION_BIND_SELF,
                        .where = *path,
                        .what = *path,
                        .attributes = RO,
                        .flags = OPERATION_EXISTING | OPERATION_OPTIONAL | OPERATION_RECURSIVE,
                };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        STRV_FOREACH(path, config->oci.masked) {
                const Operation o = { .kind = OPERATION_MASK, .where = *path, .flags = OPERATION_OPTIONAL };

                if (operation_list_append(list, &o, 1) < 0)
                        return log_oom();
        }
        return 0;
}

/* Files under /run/host that tell the payload about its host and its manager. */
static int append_host_files(FilesystemPlan *plan, const MachineConfig *config, const HostFacts *facts) {
        const char *manager = config->env.container_service ?: "systemd-nspawn";
        const char *incoming;
        int r;

        if (strv_append_printf(&plan->strings, "%s\n", manager) < 0)
                return log_oom();
        manager = plan->strings[strv_length(plan->strings) - 1];
        if (strv_append_printf(&plan->strings, "/run/systemd/nspawn/propagate/%s", config->source.machine) < 0)
                return log_oom();
        incoming = plan->strings[strv_length(plan->strings) - 1];

        const Operation rows[] = {
                { .kind = OPERATION_FILE, .where = "/run/host/container-manager", .what = manager, .mode = 0644 },
                { .kind = OPERATION_BIND_HOST, .where = "/run/host/os-release", .what = facts->os_release ?: "/etc/os-release",
                  .attributes = RO | NOSUID | NOEXEC | NODEV, .flags = OPERATION_OPTIONAL },
                { .kind = OPERATION_BIND_HOST, .where = "/run/host/incoming", .what = incoming, .attributes = RO },
        };
        r = operation_list_append(&plan->outer, rows, ELEMENTSOF(rows));
        return r < 0 ? log_oom() : 0;
}

/* File systems that take a label for all of their files, and are the machine's alone. */
static int label_mounts(FilesystemPlan *plan, OperationList *list, const char *context) {
        for (size_t i = 0; i < list->n_items; i++) {
                Operation *o = &list->items[i];

                if (o->kind != OPERATION_MOUNT || (!streq(o->what, "tmpfs") && !streq(o->what, "devpts")))
                        continue;
                if (strv_append_printf(&plan->strings, "%s%scontext=\"%s\"", o->options ?: "", o->options ? "," : "",
                                       context) < 0)
                        return log_oom();
                o->options = plan->strings[strv_length(plan->strings) - 1];
        }
        return 0;
}

static int label_all(FilesystemPlan *plan, const char *context) {
        int r;

        if (!context)
                return 0;
        r = label_mounts(plan, &plan->root, context);
        if (r >= 0)
                r = label_mounts(plan, &plan->outer, context);
        return r < 0 ? r : label_mounts(plan, &plan->inner, context);
}

int filesystem_plan(const MachineConfig *config, const HostFacts *facts, FilesystemPlan *ret) {
        _cleanup_(filesystem_plan_free) FilesystemPlan plan = {};
        int r;

        r = append_rows(&plan.outer, outer_rows, ELEMENTSOF(outer_rows), config, facts);
        if (r < 0)
                return r;
        r = append_host_files(&plan, config, facts);
        if (r < 0)
                return r;
        r = append_rows(&plan.inner, inner_rows, ELEMENTSOF(inner_rows), config, facts);
        if (r < 0)
                return r;
        r = append_custom(&plan, config, facts);
        if (r < 0)
                return r;
        r = append_bundle_devices(&plan.outer, config);
        if (r < 0)
                return r;
        r = append_paths(&plan.inner, config);
        if (r < 0)
                return r;
        r = append_rows(&plan.inner, last_rows, ELEMENTSOF(last_rows), config, facts);
        if (r >= 0)
                r = label_all(&plan, config->security.selinux_apifs_context);
        if (r < 0)
                return r;
        *ret = plan;
        plan = (FilesystemPlan){};
        return 0;
}

void filesystem_plan_free(FilesystemPlan *plan) {
        free(TAKE_PTR(plan->root.items));
        free(TAKE_PTR(plan->outer.items));
        free(TAKE_PTR(plan->inner.items));
        strv_free(TAKE_PTR(plan->strings));
}

static void print_list(const char *title, const OperationList *list, FILE *f) {
        fprintf(f, "%s:\n", title);
        for (size_t i = 0; i < list->n_items; i++) {
                fputs("  ", f);
                operation_print(&list->items[i], f);
        }
}

void filesystem_plan_print(const FilesystemPlan *plan, FILE *f) {
        if (plan->root.n_items > 0)
                print_list("root", &plan->root, f);
        print_list("outer", &plan->outer, f);
        print_list("inner", &plan->inner, f);
}
