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
#include "plan/bundle-filesystem.h"
#include "plan/custom-mounts.h"
#include "plan/uid-range.h"
#include "strv.h"

#define RO MOUNT_ATTR_RDONLY
#define NOSUID MOUNT_ATTR_NOSUID
#define NODEV MOUNT_ATTR_NODEV
#define NOEXEC MOUNT_ATTR_NOEXEC
#define STRICTATIME MOUNT_ATTR_STRICTATIME

typedef enum Condition {
        ALWAYS,
        TMPFS_TMP, /* unless $SYSTEMD_NSPAWN_TMPFS_TMP=0; not in a bundle, which has it as it says */
        OWN_RUN,   /* the same of /run, which a bundle's tree may have filled */
        TREES_RUN, /* then only what we tell the payload is a file system of its own */
        HOST_NETWORK,
        PRIVATE_NETWORK,
        CGROUP_NAMESPACE, /* unless $SYSTEMD_NSPAWN_USE_CGNS=0 */
        HOST_CGROUPS,
        HAVE_FUSE,
        HAVE_TUN,
        MESSAGE_QUEUES, /* its own, or the host's as the host's user */
        API_READ_ONLY,  /* unless $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes */
        FORWARD_JOURNAL,
        NESTING,
        NESTING_HOST_NETWORK,
        NESTING_PRIVATE_NETWORK,
        SYS_NET_WRITABLE, /* /proc/sys/net is the guest's own, or was asked for */
        SYS_READ_ONLY,    /* /sys is of parts, and a bundle does not want to write there */
        ROOT_READ_ONLY_LAST,
} Condition;

typedef struct Row {
        Condition condition;
        Operation operation;
} Row;

/* clang-format off */
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
/* clang-format on */

static bool applies(Condition condition, const MachineConfig *config, const HostFacts *facts) {
        const ApiVfsWritable writable = config->env.api_vfs_writable;

        switch (condition) {
        case ALWAYS:
                return true;
        case TMPFS_TMP:
                return config->env.tmpfs_tmp && !config->oci.bundle;
        case OWN_RUN:
                return !config->oci.bundle || custom_mount_at(&config->mounts, "/run");
        case TREES_RUN:
                return config->oci.bundle && !custom_mount_at(&config->mounts, "/run");
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

static bool replaces_default(const Row *rows, size_t n, const MachineConfig *config, const HostFacts *facts,
                             const CustomMount *m) {
        if (m->kind == MOUNT_INACCESSIBLE)
                return false;
        for (size_t i = 0; i < n; i++)
                if (rows[i].operation.kind == OPERATION_MOUNT && applies(rows[i].condition, config, facts) &&
                    streq(rows[i].operation.where, m->destination))
                        return custom_mount_at(&config->mounts, m->destination) == m;
        return false;
}

static int append_rows(OperationList *list, const Row *rows, size_t n, const MachineConfig *config,
                       const HostFacts *facts) {
        for (size_t i = 0; i < n; i++) {
                Operation o = rows[i].operation;
                int r;

                const CustomMount *m = custom_mount_at(&config->mounts, o.where);
                const CustomMount *holder = custom_mount_above(&config->mounts, o.where);

                if (!applies(rows[i].condition, config, facts) || (holder && holder->kind == MOUNT_INACCESSIBLE))
                        continue;
                if (o.kind == OPERATION_NODE && bundle_has_device(config, o.where))
                        continue;
                if (m && m->kind == MOUNT_INACCESSIBLE)
                        m = NULL; /* is hidden when it is there */
                /* The user's own mount takes the place of a default one, in time too: what is below comes after. */
                if (m && o.kind == OPERATION_MOUNT)
                        o = custom_mount_operation(&config->mounts, m, facts);
                else if (m || !custom_mounts_adapt(&config->mounts, &o))
                        continue;
                /* The whole of /sys is writable on request, and so are its parts. */
                if ((config->env.api_vfs_writable == API_VFS_WRITABLE_YES && path_is_below(o.where, "/sys")) ||
                    (o.kind == OPERATION_SYSFS && config->oci.writable_sysfs))
                        o.attributes &= ~(uint64_t) RO;
                r = operation_list_append(list, &o, 1);
                if (r < 0)
                        return log_oom();
        }
        return 0;
}

static OperationList *list_for(FilesystemPlan *plan, const MachineConfig *config, const CustomMount *m) {
        if (custom_mount_is_root(m))
                return &plan->root;
        return custom_mount_is_inside(m, config) ? &plan->inner : &plan->outer;
}

static int append_custom(FilesystemPlan *plan, const MachineConfig *config, const HostFacts *facts) {
        uint32_t count = uid_range_count(&config->users.range, facts->have_user_namespaces);
        const MountsConfig *mounts = &config->mounts;
        _cleanup_free_ const CustomMount **sorted = custom_mounts_sorted(mounts);

        if (!sorted)
                return log_oom();

        for (size_t i = 0; i < mounts->n_items; i++) {
                const CustomMount *m = sorted[i];
                Operation o = custom_mount_operation(mounts, m, facts);
                int r;

                r = custom_mount_check(config, m, &o.owner, count);
                if (r < 0)
                        return r;
                if (replaces_default(outer_rows, ELEMENTSOF(outer_rows), config, facts, m) ||
                    replaces_default(inner_rows, ELEMENTSOF(inner_rows), config, facts, m))
                        continue; /* is there already */
                if (operation_list_append(list_for(plan, config, m), &o, 1) < 0)
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
                { .kind = OPERATION_BIND_HOST,
                  .where = "/run/host/os-release",
                  .what = facts->os_release ?: "/etc/os-release",
                  .attributes = RO | NOSUID | NOEXEC | NODEV,
                  .flags = OPERATION_OPTIONAL },
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
        r = bundle_append_devices(&plan.outer, config);
        if (r < 0)
                return r;
        r = bundle_append_paths(&plan.inner, config);
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
