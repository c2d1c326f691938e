/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the nodes that a bundle wants, and the devices that it lets the machine use, which are two
 * things: a node is of no use without a rule. A machine may use no device but those that every machine has and
 * those that it is let; so of the bundle's rules, which are a sequence, what remains is a list. One that takes away
 * a part of what an earlier one gave cannot be had by a list, and is refused. */

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "config/oci-reader.h"
#include "log.h"

#define MAJOR_MAX 4095u
#define MINOR_MAX 1048575u
#define ANY UINT32_MAX

/* — nodes — */

static int add_device(OciReader *r, const OciDevice *device) {
        OciConfig *oci = &r->settings->value.oci;
        OciDevice *bigger;

        for (size_t i = 0; i < oci->n_devices; i++)
                if (streq(oci->devices[i].path, device->path))
                        return oci_refuse(r, -EINVAL, "%s is given a second time", device->path);
        bigger = reallocarray(oci->devices, oci->n_devices + 1, sizeof(OciDevice));
        if (!bigger)
                return log_oom();
        oci->devices = bigger;
        oci->devices[oci->n_devices++] = *device;
        return 0;
}

static int apply_device(OciReader *r, const JsonValue *value) {
        static const struct {
                const char *type;
                mode_t mode;
        } types[] = { { "c", S_IFCHR }, { "u", S_IFCHR }, { "b", S_IFBLK }, { "p", S_IFIFO } };
        __typeof__(r->device) d = r->device;
        OciDevice device = { .uid = (uid_t) d.uid.value, .gid = (gid_t) d.gid.value };
        int error;

        (void) value;
        memset(&r->device, 0, sizeof(r->device));
        if (isempty(d.path) || isempty(d.type))
                return oci_refuse(r, -EINVAL, "path and type are needed");
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(d.type, types[i].type))
                        device.mode = types[i].mode;
        if (device.mode == 0)
                return oci_refuse(r, -EINVAL, "\"%s\" is not one of c, u, b, p", d.type);
        if (device.mode != S_IFIFO && (!d.major.set || !d.minor.set))
                return oci_refuse(r, -EINVAL, "major and minor are needed");
        device.mode |= d.mode.set ? (mode_t) d.mode.value & 07777 : 0666;
        device.number = S_ISFIFO(device.mode) ? 0 : makedev(d.major.value, d.minor.value);
        error = oci_guest_path(r, d.path, &device.path);
        if (error >= 0)
                error = add_device(r, &device);
        if (error < 0)
                free(device.path);
        return error;
}

/* — rules — */

static int read_number(OciReader *r, const OciNumber *number, uint32_t max, uint32_t *ret) {
        int64_t value = (int64_t) number->value;

        if (number->set && (value < -1 || value > max))
                return oci_refuse(r, -EINVAL, "there is no such device");
        *ret = number->set && value >= 0 ? (uint32_t) value : ANY;
        return 0;
}

static bool parts_overlap(uint32_t a, uint32_t b) {
        return a == ANY || b == ANY || a == b;
}

static bool rules_overlap(const OciDeviceRule *a, const OciDeviceRule *b) {
        return a->block == b->block && parts_overlap(a->major, b->major) && parts_overlap(a->minor, b->minor) &&
                ((a->read && b->read) || (a->write && b->write) || (a->make && b->make));
}

static int take_away(OciReader *r, const OciDeviceRule *rule) {
        const OciConfig *oci = &r->settings->value.oci;

        for (size_t i = 0; i < oci->n_device_rules; i++)
                if (rules_overlap(&oci->device_rules[i], rule))
                        return oci_refuse(r, -EOPNOTSUPP,
                                          "a part of what an earlier rule allows cannot be taken away");
        return 0;
}

static int add_rule(OciReader *r, const OciDeviceRule *rule) {
        OciConfig *oci = &r->settings->value.oci;
        OciDeviceRule *bigger = reallocarray(oci->device_rules, oci->n_device_rules + 1, sizeof(OciDeviceRule));

        if (!bigger)
                return log_oom();
        oci->device_rules = bigger;
        oci->device_rules[oci->n_device_rules++] = *rule;
        return 0;
}

static int apply_rule(OciReader *r, const JsonValue *value) {
        __typeof__(r->rule) said = r->rule;
        const char *access = isempty(said.access) ? "rwm" : said.access, *type = isempty(said.type) ? "a" : said.type;
        OciDeviceRule rule = { .read = strchr(access, 'r'),
                               .write = strchr(access, 'w'),
                               .make = strchr(access, 'm') };
        int error;

        (void) value;
        memset(&r->rule, 0, sizeof(r->rule));
        if (access[strspn(access, "rwm")])
                return oci_refuse(r, -EINVAL, "\"%s\" is not made of r, w and m", access);
        if (!streq(type, "a") && !streq(type, "c") && !streq(type, "b"))
                return oci_refuse(r, -EINVAL, "\"%s\" is not one of a, c, b", type);
        error = read_number(r, &said.major, MAJOR_MAX, &rule.major);
        if (error >= 0)
                error = read_number(r, &said.minor, MINOR_MAX, &rule.minor);
        if (error >= 0 && said.allow != OCI_TRUE && streq(type, "a") && rule.major == ANY && rule.minor == ANY) {
                r->settings->value.oci.n_device_rules = 0; /* a new beginning */
                return 0;
        }
        for (unsigned block = 0; block < 2 && error >= 0; block++) {
                if (streq(type, block ? "c" : "b"))
                        continue;
                rule.block = block;
                error = said.allow == OCI_TRUE ? add_rule(r, &rule) : take_away(r, &rule);
        }
        return error;
}

#define NUMBER(p, member, m)                                                                                          \
        { .path = p, .kind = OCI_UNSIGNED, .offset = OCI_FIELD(member), .max = m }
#define STRING(p, member)                                                                                             \
        { .path = p, .kind = OCI_STRING, .offset = OCI_FIELD(member) }

static const OciRow rows[] = {
        OCI_CONTAINER("linux.devices", OCI_ARRAY),
        { .path = "linux.devices[]", .kind = OCI_OBJECT, .apply = apply_device },
        STRING("linux.devices[].path", device.path),
        STRING("linux.devices[].type", device.type),
        NUMBER("linux.devices[].major", device.major, MAJOR_MAX),
        NUMBER("linux.devices[].minor", device.minor, MINOR_MAX),
        NUMBER("linux.devices[].fileMode", device.mode, UINT32_MAX),
        NUMBER("linux.devices[].uid", device.uid, UINT32_MAX - 1),
        NUMBER("linux.devices[].gid", device.gid, UINT32_MAX - 1),
        OCI_CONTAINER("linux.resources.devices", OCI_ARRAY),
        { .path = "linux.resources.devices[]", .kind = OCI_OBJECT, .apply = apply_rule },
        { .path = "linux.resources.devices[].allow", .kind = OCI_BOOL, .offset = OCI_FIELD(rule.allow) },
        STRING("linux.resources.devices[].type", rule.type),
        STRING("linux.resources.devices[].access", rule.access),
        { .path = "linux.resources.devices[].major", .kind = OCI_SIGNED, .offset = OCI_FIELD(rule.major) },
        { .path = "linux.resources.devices[].minor", .kind = OCI_SIGNED, .offset = OCI_FIELD(rule.minor) },
};

const OciRows oci_devices_rows = { rows, ELEMENTSOF(rows) };
