/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what "linux" says. A namespace that a bundle does not list it wants to share with the host.
 * That can be had of the network and of the users; a machine without PIDs, mounts, a host name and IPC of its own
 * is none. It always has a control group namespace, listed or not: what it does not see there is the host's. */

#include <stdio.h>
#include <sys/mount.h>

#include "config/oci-reader.h"
#include "log.h"
#include "strv.h"

/* — namespaces — */

static int take_path(OciReader *r, const char *type, const char *path) {
        if (isempty(path))
                return 0;
        if (!streq(type, "network"))
                return oci_refuse(r, -EOPNOTSUPP, "an existing %s namespace cannot be joined", type);
        if (*path != '/')
                return oci_refuse(r, -EINVAL, "path must be absolute");
        return OCI_SAY(r, value.network.namespace_path, path);
}

static int apply_namespace(OciReader *r, const JsonValue *value) {
        const struct {
                const char *type;
                bool *seen;
        } types[] = {
                { "pid", &r->namespaces.pid },       { "mount", &r->namespaces.mount },
                { "uts", &r->namespaces.uts },       { "ipc", &r->namespaces.ipc },
                { "user", &r->namespaces.user },     { "network", &r->namespaces.network },
                { "cgroup", &r->namespaces.cgroup },
        };
        const char *type = r->namespaces.one.type, *path = r->namespaces.one.path;

        (void) value;
        memset(&r->namespaces.one, 0, sizeof(r->namespaces.one));
        if (isempty(type))
                return oci_refuse(r, -EINVAL, "type is missing");
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(type, types[i].type)) {
                        if (*types[i].seen)
                                return oci_refuse(r, -EINVAL, "\"%s\" is given a second time", type);
                        *types[i].seen = true;
                        return take_path(r, type, path);
                }
        return oci_refuse(r, -EOPNOTSUPP, "\"%s\" is not supported", type);
}

static int check_namespaces(OciReader *r) {
        const struct {
                const char *type;
                bool present;
        } needed[] = {
                { "pid", r->namespaces.pid },
                { "mount", r->namespaces.mount },
                { "uts", r->namespaces.uts },
                { "ipc", r->namespaces.ipc },
        };

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (!needed[i].present)
                        return oci_refuse_at(r, "linux.namespaces", -EOPNOTSUPP,
                                             "\"%s\" is missing, which cannot be shared with the host",
                                             needed[i].type);
        if (r->namespaces.network)
                return OCI_SAY(r, value.network.private_network, "yes");
        return 0;
}

/* — users — */

static int take_mapping(OciReader *r, OciMapping *ret) {
        OciMapping m = r->mappings.one;

        memset(&r->mappings.one, 0, sizeof(r->mappings.one));
        if (!m.inside.set || !m.outside.set || !m.count.set)
                return oci_refuse(r, -EINVAL, "containerID, hostID and size are all needed");
        if (ret->count.set)
                return oci_refuse(r, -EOPNOTSUPP, "more than one range is not supported");
        if (m.inside.value != 0)
                return oci_refuse(r, -EOPNOTSUPP, "a range that does not begin with containerID 0 is not supported");
        if (m.count.value == 0 || m.outside.value + m.count.value > UINT32_MAX)
                return oci_refuse(r, -EINVAL, "there is no such range");
        *ret = m;
        return 0;
}

static int apply_users(OciReader *r, const JsonValue *value) {
        (void) value;
        return take_mapping(r, &r->mappings.users);
}

static int apply_groups(OciReader *r, const JsonValue *value) {
        (void) value;
        return take_mapping(r, &r->mappings.groups);
}

static int finish_users(OciReader *r) {
        const OciMapping *users = &r->mappings.users, *groups = &r->mappings.groups;
        char text[48];

        if (!r->namespaces.user && (users->count.set || groups->count.set))
                return oci_refuse_at(r, users->count.set ? "linux.uidMappings" : "linux.gidMappings", -EINVAL,
                                     "linux.namespaces has no \"user\"");
        if (!r->namespaces.user)
                return OCI_SAY(r, value.users.range, "no");
        if (!users->count.set)
                return oci_refuse_at(r, "linux.uidMappings", -EINVAL, "is missing, and linux.namespaces has \"user\"");
        if (groups->outside.value != users->outside.value || groups->count.value != users->count.value)
                return oci_refuse_at(r, "linux.gidMappings", -EOPNOTSUPP,
                                     "must be the same as linux.uidMappings: anything else is not supported");
        (void) snprintf(text, sizeof(text), "%u:%u", (unsigned) users->outside.value, (unsigned) users->count.value);
        return OCI_SAY(r, value.users.range, text);
}

/* — the kernel's settings — */

/* Those that every machine has of its own; those of the network are so if that is. */
static bool is_namespaced(const char *path) {
        static const char *const names[] = {
                "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
                "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(path, names[i]))
                        return true;
        return startswith(path, "fs/mqueue/") || startswith(path, "net/");
}

/* Neither empty parts nor any that begin with a dot. */
static bool path_is_clean(const char *path) {
        size_t n = strlen(path);

        return n > 0 && n < 200 && path[n - 1] != '/' && !strstr(path, "//") && !strstr(path, "/.") &&
                path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")] == 0;
}

static int apply_sysctl(OciReader *r, const JsonValue *value) {
        const char *name = r->key, *text = json_value_string(value);
        char path[256];

        /* The first separator is the one that counts, as with sysctl(8): interfaces can have dots in their names. */
        (void) snprintf(path, sizeof(path), "%s", name);
        if (path[strcspn(path, "./")] == '.')
                for (char *p = path; *p; p++)
                        if (*p == '.')
                                *p = '/';
        if (!path_is_clean(path) || strchr(text, '\n'))
                return oci_refuse(r, -EINVAL, "this is not a name and a value of one line");
        if (!is_namespaced(path))
                return oci_refuse(r, -EOPNOTSUPP, "this setting is the host's, and not the machine's own");
        return strv_append_printf(&r->settings->value.oci.sysctl, "%s=%s", path, text) < 0 ? log_oom() : 0;
}

/* — the root — */

static int apply_propagation(OciReader *r, const JsonValue *value) {
        static const struct {
                const char *name;
                unsigned long flag;
        } names[] = {
                { "private", MS_PRIVATE }, { "rprivate", MS_PRIVATE },      { "slave", MS_SLAVE },
                { "rslave", MS_SLAVE },    { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE },
        };

        (void) value;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(r->propagation, names[i].name)) {
                        r->settings->value.oci.propagation = names[i].flag;
                        return 0;
                }
        if (streq(r->propagation, "shared") || streq(r->propagation, "rshared"))
                return oci_refuse(r, -EOPNOTSUPP, "\"%s\" is not supported: a machine's mounts are never the host's",
                                  r->propagation);
        return oci_refuse(r, -EINVAL, "\"%s\" is not one of private, slave, unbindable", r->propagation);
}

int oci_linux_finish(OciReader *r) {
        int error;

        (void) snprintf(r->path, sizeof(r->path), "linux.namespaces");
        error = check_namespaces(r);
        if (error >= 0)
                error = finish_users(r);
        r->path[0] = 0;
        return error;
}

#define NUMBER(p, member, m)                                                                                          \
        { .path = p, .kind = OCI_UNSIGNED, .offset = OCI_FIELD(member), .max = m }
#define MAPPINGS(name, function)                                                                                      \
        OCI_CONTAINER("linux." name, OCI_ARRAY),                                                                      \
                { .path = "linux." name "[]", .kind = OCI_OBJECT, .apply = function },                                \
                NUMBER("linux." name "[].containerID", mappings.one.inside, UINT32_MAX),                              \
                NUMBER("linux." name "[].hostID", mappings.one.outside, UINT32_MAX),                                  \
                NUMBER("linux." name "[].size", mappings.one.count, UINT32_MAX)

static const OciRow rows[] = {
        OCI_CONTAINER("linux", OCI_OBJECT),
        OCI_CONTAINER("linux.namespaces", OCI_ARRAY),
        { .path = "linux.namespaces[]", .kind = OCI_OBJECT, .apply = apply_namespace },
        { .path = "linux.namespaces[].type", .kind = OCI_STRING, .offset = OCI_FIELD(namespaces.one.type) },
        { .path = "linux.namespaces[].path", .kind = OCI_STRING, .offset = OCI_FIELD(namespaces.one.path) },
        MAPPINGS("uidMappings", apply_users),
        MAPPINGS("gidMappings", apply_groups),
        { .path = "linux.rootfsPropagation",
          .kind = OCI_STRING,
          .offset = OCI_FIELD(propagation),
          .apply = apply_propagation },
        OCI_CONTAINER("linux.sysctl", OCI_MAP),
        { .path = "linux.sysctl[]", .kind = OCI_STRING, .apply = apply_sysctl },
        OCI_REFUSED("linux.cgroupsPath", "the machine's control group is where --slice= says"),
        OCI_REFUSED("linux.intelRdt", "Intel RDT cannot be set up"),
        OCI_REFUSED("linux.mountLabel", "use --selinux-apifs-context="),
        OCI_REFUSED("linux.personality", "use --personality="),
        OCI_REFUSED("linux.timeOffsets", "the machine has the host's clocks"),
        OCI_REFUSED("linux.netDevices", "use --network-interface="),
        OCI_REFUSED("linux.memoryPolicy", "a memory policy cannot be set"),
};

const OciRows oci_linux_rows = { rows, ELEMENTSOF(rows) };
