/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: each mount becomes a CustomMount, as those of the command line do; that one's are on top. A
 * mount of procfs and the like at its usual place takes the place of ours (plan/filesystem.c), so that every bundle
 * has them, as the specification wants, and has them as it says. Options are words for the mount, or the file
 * system's own. Nothing is ever propagated from the machine to the host, so a mount that is to be shared with it is
 * refused. */

#include <linux/mount.h>

#include "config/oci-reader.h"
#include "config/value-types.h"
#include "log.h"
#include "strv.h"

/* New file systems, and where they can be. NULL: anywhere. */
static const struct {
        const char *type, *kernel_type, *place;
        bool options; /* takes options of its own */
} file_systems[] = {
        { "tmpfs", "tmpfs", NULL, true },
        { "proc", "proc", "/proc", true },
        { "sysfs", "sysfs", "/sys", false },
        { "devpts", "devpts", "/dev/pts", true },
        { "mqueue", "mqueue", "/dev/mqueue", false },
        { "cgroup", "cgroup2", "/sys/fs/cgroup", false },
        { "cgroup2", "cgroup2", "/sys/fs/cgroup", false },
};

/* Of the times only one can be: setting it clears the others. */
#define TIMES MOUNT_ATTR__ATIME

typedef struct Options {
        uint64_t attributes;
        bool bind, recursive, private_mount;
        char *rest; /* the file system's own */
} Options;

static const struct {
        const char *name;
        uint64_t set, clear;
} flags[] = {
        { "ro", MOUNT_ATTR_RDONLY, 0 },
        { "rw", 0, MOUNT_ATTR_RDONLY },
        { "nosuid", MOUNT_ATTR_NOSUID, 0 },
        { "suid", 0, MOUNT_ATTR_NOSUID },
        { "nodev", MOUNT_ATTR_NODEV, 0 },
        { "dev", 0, MOUNT_ATTR_NODEV },
        { "noexec", MOUNT_ATTR_NOEXEC, 0 },
        { "exec", 0, MOUNT_ATTR_NOEXEC },
        { "relatime", MOUNT_ATTR_RELATIME, TIMES },
        { "noatime", MOUNT_ATTR_NOATIME, TIMES },
        { "strictatime", MOUNT_ATTR_STRICTATIME, TIMES },
        { "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
        { "diratime", 0, MOUNT_ATTR_NODIRATIME },
        { "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
        { "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
        { "defaults", 0, 0 },
};

static bool take_flag(const char *option, Options *o) {
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (streq(option, flags[i].name)) {
                        o->attributes = (o->attributes & ~flags[i].clear) | flags[i].set;
                        return true;
                }
        return false;
}

static bool take_word(const char *option, Options *o) {
        if (streq(option, "bind") || streq(option, "rbind")) {
                o->bind = true;
                o->recursive = *option == 'r';
        } else if (streq(option, "private") || streq(option, "rprivate"))
                o->private_mount = true;
        else if (streq(option, "slave") || streq(option, "rslave"))
                o->private_mount = false; /* as all are */
        else
                return false;
        return true;
}

/* What mount(8) takes for options of any mount, and what runtimes made up. */
static const char *const refused_options[] = {
        "shared",       "rshared",        "unbindable",  "runbindable", "remount",      "tmpcopyup",  "copy-symlink",
        "idmap",        "ridmap",         "rro",         "rrw",         "rnosuid",      "rsuid",      "rnodev",
        "rdev",         "rnoexec",        "rexec",       "rrelatime",   "rnorelatime",  "rnoatime",   "ratime",
        "rstrictatime", "rnostrictatime", "rnodiratime", "rdiratime",   "rnosymfollow", "rsymfollow", "atime",
        "norelatime",   "nostrictatime",  "mand",        "nomand",      "sync",         "async",      "dirsync",
        "iversion",     "noiversion",     "silent",      "loud",
};

static bool is_refused(const char *option) {
        for (size_t i = 0; i < ELEMENTSOF(refused_options); i++)
                if (streq(option, refused_options[i]))
                        return true;
        return false;
}

static int refuse_member(OciReader *r, const char *member, int error, const char *what, const char *why) {
        size_t n = strlen(r->path);

        (void) snprintf(r->path + n, sizeof(r->path) - n, "%s", member);
        error = oci_refuse(r, error, "\"%s\" %s", what, why);
        r->path[n] = 0;
        return error;
}

static int read_options(OciReader *r, Options *o) {
        STRV_FOREACH(option, r->mount.options) {
                char *longer;

                if (take_flag(*option, o) || take_word(*option, o))
                        continue;
                if (is_refused(*option))
                        return refuse_member(r, ".options", -EOPNOTSUPP, *option, "is not supported");
                if (!**option || strchr(*option, ',') || **option == '?')
                        return refuse_member(r, ".options", -EINVAL, *option, "is not an option");
                if (asprintf(&longer, "%s%s%s", o->rest ?: "", o->rest ? "," : "", *option) < 0)
                        return log_oom();
                free(o->rest);
                o->rest = longer;
        }
        return 0;
}

/* A relative source lies in the bundle. */
static int add_source(OciReader *r, CustomMount *m) {
        const char *source = r->mount.source;
        char *path;
        int error;

        if (isempty(source))
                return oci_refuse(r, -EINVAL, "a bind mount needs a source");
        error = oci_host_path(r, source, &path);
        if (error < 0)
                return error;
        m->source_in_guest = calloc(1, sizeof(bool));
        error = strv_push(&m->sources, path);
        return error < 0 || !m->source_in_guest ? log_oom() : 0;
}

static int fill_bind(OciReader *r, Options *o, CustomMount *m) {
        if (o->rest)
                return refuse_member(r, ".options", -EOPNOTSUPP, o->rest, "is nothing that a bind mount can have");
        m->kind = MOUNT_BIND;
        m->read_only = o->attributes & MOUNT_ATTR_RDONLY;
        m->recursive = o->recursive;
        m->private_mount = o->private_mount;
        m->attributes = o->attributes;
        return add_source(r, m);
}

static int fill_file_system(OciReader *r, Options *o, CustomMount *m) {
        const char *type = r->mount.type;
        size_t i = 0;

        while (i < ELEMENTSOF(file_systems) && !streq(type, file_systems[i].type))
                i++;
        if (i == ELEMENTSOF(file_systems))
                return refuse_member(r, ".type", -EOPNOTSUPP, type,
                                     "is not supported: tmpfs, proc, sysfs, devpts, mqueue, cgroup and bind are");
        if (file_systems[i].place && !streq(m->destination, file_systems[i].place))
                return oci_refuse(r, -EOPNOTSUPP, "%s can be mounted on %s alone", type, file_systems[i].place);
        if (o->rest && !file_systems[i].options)
                return refuse_member(r, ".options", -EOPNOTSUPP, o->rest, "is no option of this file system");
        m->kind = MOUNT_FILE_SYSTEM;
        m->attributes = o->attributes;
        m->options = TAKE_PTR(o->rest);
        m->type = strdup(file_systems[i].kernel_type);
        return m->type ? 0 : log_oom();
}

static int make_mount(OciReader *r, Options *o, CustomMount *m) {
        int error;

        if (isempty(r->mount.destination))
                return oci_refuse(r, -EINVAL, "destination is missing");
        error = oci_guest_path(r, r->mount.destination, &m->destination);
        if (error < 0)
                return error;
        if (streq(m->destination, "/"))
                return oci_refuse(r, -EOPNOTSUPP, "nothing can be mounted on / itself");
        error = read_options(r, o);
        if (error < 0)
                return error;
        if (o->bind || streq_ptr(r->mount.type, "bind"))
                return fill_bind(r, o, m);
        if (isempty(r->mount.type))
                return oci_refuse(r, -EINVAL, "type is missing");
        return fill_file_system(r, o, m);
}

static int apply_mount(OciReader *r, const JsonValue *value) {
        CustomMount m = {};
        Options o = {};
        int error;

        (void) value;
        error = make_mount(r, &o, &m);
        if (error >= 0 && value_add_mount(&r->settings->value.oci.mounts, &m) < 0)
                error = log_oom();
        value_destroy_mount(&m);
        free(o.rest);
        strv_free(r->mount.options);
        memset(&r->mount, 0, sizeof(r->mount));
        return error;
}

static int apply_option(OciReader *r, const JsonValue *value) {
        return strv_append(&r->mount.options, json_value_string(value)) < 0 ? log_oom() : 0;
}

static int add_path(OciReader *r, const JsonValue *value, char ***list) {
        char *path;
        int error;

        error = oci_guest_path(r, json_value_string(value), &path);
        if (error < 0)
                return error;
        if (streq(path, "/")) {
                free(path);
                return oci_refuse(r, -EOPNOTSUPP, "this is not for / itself: there is root.readonly");
        }
        return strv_push(list, path) < 0 ? log_oom() : 0;
}

static int apply_masked(OciReader *r, const JsonValue *value) {
        return add_path(r, value, &r->settings->value.oci.masked);
}

static int apply_read_only(OciReader *r, const JsonValue *value) {
        return add_path(r, value, &r->settings->value.oci.read_only);
}

static const OciRow rows[] = {
        OCI_CONTAINER("mounts", OCI_ARRAY),
        { .path = "mounts[]", .kind = OCI_OBJECT, .apply = apply_mount },
        { .path = "mounts[].destination", .kind = OCI_STRING, .offset = OCI_FIELD(mount.destination) },
        { .path = "mounts[].type", .kind = OCI_STRING, .offset = OCI_FIELD(mount.type) },
        { .path = "mounts[].source", .kind = OCI_STRING, .offset = OCI_FIELD(mount.source) },
        OCI_CONTAINER("mounts[].options", OCI_ARRAY),
        { .path = "mounts[].options[]", .kind = OCI_STRING, .apply = apply_option },
        OCI_REFUSED("mounts[].uidMappings", "the owners of a single mount cannot be mapped by a bundle, --bind= can"),
        OCI_REFUSED("mounts[].gidMappings", "the owners of a single mount cannot be mapped by a bundle, --bind= can"),
        OCI_CONTAINER("linux.maskedPaths", OCI_ARRAY),
        { .path = "linux.maskedPaths[]", .kind = OCI_STRING, .apply = apply_masked },
        OCI_CONTAINER("linux.readonlyPaths", OCI_ARRAY),
        { .path = "linux.readonlyPaths[]", .kind = OCI_STRING, .apply = apply_read_only },
};

const OciRows oci_mounts_rows = { rows, ELEMENTSOF(rows) };
