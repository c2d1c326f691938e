/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor while it makes the machine's cgroup. DeviceAllow= is the service
 * manager's syntax; with a scope the manager enforces it there as well, and both have to agree for a device to be
 * usable, so the words are read the same way here. */

#include "host/devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd.h"
#include "log.h"
#include "strv.h"

typedef struct Rules {
        DeviceRule *items;
        size_t n_items;
} Rules;

static int add_rule(Rules *rules, DeviceType type, uint32_t major, uint32_t minor, uint32_t access) {
        DeviceRule *bigger = reallocarray(rules->items, rules->n_items + 1, sizeof(DeviceRule));

        if (!bigger)
                return log_oom();
        rules->items = bigger;
        rules->items[rules->n_items++] = (DeviceRule){ type, major, minor, access };
        return 0;
}

/* Nothing that is no device node, and nothing that is missing, makes a rule. */
static int add_node(Rules *rules, const char *path, uint32_t access) {
        struct stat st;

        if (stat(path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
                return 0;
        return add_rule(rules, S_ISCHR(st.st_mode) ? DEVICE_CHAR : DEVICE_BLOCK, major(st.st_rdev), minor(st.st_rdev),
                        access);
}

static int parse_access(const char *text, uint32_t *ret) {
        uint32_t access = 0;

        for (; *text; text++)
                switch (*text) {
                case 'r':
                        access |= DEVICE_READ;
                        break;
                case 'w':
                        access |= DEVICE_WRITE;
                        break;
                case 'm':
                        access |= DEVICE_MKNOD;
                        break;
                default:
                        return -EINVAL;
                }
        *ret = access > 0 ? access : DEVICE_RWM;
        return 0;
}

/* "char-pts" and such: every major number that /proc/devices has under this name. */
static int add_group(Rules *rules, DeviceType type, const char *name, uint32_t access) {
        _cleanup_free_ char *text = NULL;
        DeviceType section = DEVICE_CHAR;
        char *rest;
        int r;

        if (streq(name, "*"))
                return add_rule(rules, type, DEVICE_ANY, DEVICE_ANY, access);
        r = read_file_at(AT_FDCWD, "/proc/devices", 64u * 1024u, &text, NULL);
        if (r < 0)
                return log_error_errno(r, "/proc/devices: %m");
        rest = text;
        for (const char *line; (line = strsep(&rest, "\n"));) {
                char entry[64];
                unsigned number;

                if (startswith(line, "Block devices"))
                        section = DEVICE_BLOCK;
                if (section != type || sscanf(line, " %u %63s", &number, entry) != 2 || !streq(entry, name))
                        continue;
                r = add_rule(rules, type, number, DEVICE_ANY, access);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_allowed(Rules *rules, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        const char *device, *words, *group;
        uint32_t access;
        char *rest = copy;

        if (!copy)
                return log_oom();
        device = strsep(&rest, " \t");
        words = rest ? rest + strspn(rest, " \t") : "";
        if (parse_access(words, &access) < 0)
                return log_error_errno(-EINVAL, "--property=DeviceAllow=%s: \"%s\" is not made of r, w and m", value,
                                       words);
        group = startswith(device, "char-");
        if (group)
                return add_group(rules, DEVICE_CHAR, group, access);
        group = startswith(device, "block-");
        if (group)
                return add_group(rules, DEVICE_BLOCK, group, access);
        return add_node(rules, device, access);
}

int devices_collect(const MachineConfig *config, DeviceRule **ret, size_t *ret_n) {
        Rules rules = {};
        int r = 0;

        for (size_t i = 0; i < config->mounts.n_items && r >= 0; i++) {
                const CustomMount *m = &config->mounts.items[i];

                if (m->kind == MOUNT_BIND && !m->source_in_guest[0])
                        r = add_node(&rules, m->sources[0], m->read_only ? DEVICE_READ : DEVICE_RW);
        }
        for (size_t i = 0; i < config->oci.n_device_rules && r >= 0; i++) {
                const OciDeviceRule *rule = &config->oci.device_rules[i];

                r = add_rule(&rules, rule->block ? DEVICE_BLOCK : DEVICE_CHAR, rule->major, rule->minor,
                             (rule->read ? DEVICE_READ : 0) | (rule->write ? DEVICE_WRITE : 0) |
                                     (rule->make ? DEVICE_MKNOD : 0));
        }
        STRV_FOREACH(p, config->unit.properties) {
                const char *value = startswith(*p, "DeviceAllow=");

                if (r >= 0 && !isempty(value))
                        r = add_allowed(&rules, value);
        }
        if (r < 0) {
                free(rules.items);
                return r;
        }
        *ret = rules.items;
        *ret_n = rules.n_items;
        return 0;
}
