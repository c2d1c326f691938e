/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: plain data and its printed form. The printed form is what --dry-run shows and what the
 * golden tests compare, so it names everything that the interpreter acts on. */

#include "plan/operation.h"

#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "escape.h"

int operation_list_append(OperationList *list, const Operation *items, size_t n) {
        Operation *bigger = reallocarray(list->items, list->n_items + n, sizeof(Operation));

        if (!bigger)
                return -ENOMEM;
        memcpy(bigger + list->n_items, items, n * sizeof(Operation));
        list->items = bigger;
        list->n_items += n;
        return 0;
}

static const char *const kind_names[] = {
        [OPERATION_DIRECTORY] = "mkdir",  [OPERATION_MOUNT] = "mount",     [OPERATION_BIND_HOST] = "bind",
        [OPERATION_BIND_SELF] = "rebind", [OPERATION_SYSFS] = "sysfs",     [OPERATION_MASK] = "mask",
        [OPERATION_REMOUNT] = "remount",  [OPERATION_NODE] = "mknod",      [OPERATION_SYMLINK] = "symlink",
        [OPERATION_FILE] = "file",        [OPERATION_OVERLAY] = "overlay",
};

static void print_attributes(uint64_t attributes, const char *sign, FILE *f) {
        static const struct {
                uint64_t bit;
                const char *name;
        } names[] = {
                { MOUNT_ATTR_RDONLY, "ro" },
                { MOUNT_ATTR_NOSUID, "nosuid" },
                { MOUNT_ATTR_NODEV, "nodev" },
                { MOUNT_ATTR_NOEXEC, "noexec" },
                { MOUNT_ATTR_NOATIME, "noatime" },
                { MOUNT_ATTR_STRICTATIME, "strictatime" },
                { MOUNT_ATTR_NODIRATIME, "nodiratime" },
                { MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (attributes & names[i].bit)
                        fprintf(f, " %s%s", sign, names[i].name);
}

static void print_layers(const CustomMount *m, FILE *f) {
        fputs(" <-", f);
        for (size_t i = 0; m->sources[i]; i++)
                fprintf(f, " %s%s", m->source_in_guest[i] ? "+" : "", m->sources[i]);
        if (m->upper)
                fprintf(f, " upper %s%s", m->upper_in_guest ? "+" : "", *m->upper ? m->upper : "(temporary)");
}

void operation_print(const Operation *o, FILE *f) {
        char what[256];
        static const char *const idmaps[] = {
                [BIND_IDMAP_NONE] = "",           [BIND_IDMAP_MAP] = " idmap",
                [BIND_IDMAP_ROOT] = " rootidmap", [BIND_IDMAP_OWNER] = " owneridmap",
                [BIND_IDMAP_USER] = " map ",
        };

        fprintf(f, "%-8s%s", kind_names[o->kind], o->where);
        if (o->what) {
                escape_control(o->what, what, sizeof(what));
                fprintf(f, " <- %s", what);
        }
        if (o->kind == OPERATION_OVERLAY)
                print_layers(o->custom, f);
        if (o->options)
                fprintf(f, " (%s)", o->options);
        if (o->mode)
                fprintf(f, " %07o", o->mode);
        if (S_ISCHR(o->mode) || S_ISBLK(o->mode))
                fprintf(f, " %u:%u", major(o->device), minor(o->device));
        if (o->uid > 0 || o->gid > 0)
                fprintf(f, " of %u/%u", o->uid, o->gid);
        print_attributes(o->attributes, "+", f);
        print_attributes(o->clear, "-", f);
        fputs(idmaps[o->idmap], f);
        if (o->idmap == BIND_IDMAP_USER)
                fprintf(f, "%u/%u:%u/%u", o->owner.host_uid, o->owner.host_gid, o->owner.guest_uid,
                        o->owner.guest_gid);
        if (o->flags & OPERATION_RECURSIVE)
                fputs(" recursive", f);
        if ((o->flags & OPERATION_EXISTING) && o->kind != OPERATION_BIND_SELF) /* of these all are */
                fputs(" existing", f);
        if (o->flags & OPERATION_PRIVATE)
                fputs(" private", f);
        if (o->flags & OPERATION_OPTIONAL)
                fputs(" optional", f);
        fputc('\n', f);
}
