/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the little languages of --bind=, --tmpfs=, --overlay=, --inaccessible= and --pivot-root=. All
 * fields are separated by colons; a backslash takes the next character as it is. Each mount becomes one CustomMount at
 * the end of the list, in the order given, which is the order they will be mounted in. */

#include "config/value-types.h"
#include "parse.h"
#include "strv.h"

void value_destroy_mount(CustomMount *m) {
        strv_free(m->sources);
        free(m->source_in_guest);
        free(m->upper);
        free(m->destination);
        free(m->type);
        free(m->options);
        free(m->map.user);
        free(m->map.group);
}

void value_destroy_mounts(void *field) {
        MountsConfig *mounts = field;

        for (size_t i = 0; i < mounts->n_items; i++)
                value_destroy_mount(&mounts->items[i]);
        free(mounts->items);
}

int value_add_mount(MountsConfig *mounts, CustomMount *m) {
        CustomMount *bigger = reallocarray(mounts->items, mounts->n_items + 1, sizeof(CustomMount));

        if (!bigger)
                return -ENOMEM;
        mounts->items = bigger;
        mounts->items[mounts->n_items++] = TAKE(*m, (CustomMount){});
        return 0;
}

static int split_spec(const char *text, char ***ret) {
        _cleanup_strv_ char **fields = NULL;
        int r;

        for (;;) {
                char *field;

                r = split_field(&text, ':', &field);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                r = strv_push(&fields, field);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(fields);
        return 0;
}

/* "", "/path", "path" or "+/path" into a source that is kept as is if it is empty. */
static int make_source(const char *text, char **ret, bool *ret_in_guest) {
        bool in_guest = *text == '+';
        int r = 0;

        if (in_guest)
                r = value_make_guest_path(text + 1, ret);
        else if (*text)
                r = value_make_host_path(text, ret);
        else {
                *ret = strdup("");
                if (!*ret)
                        r = -ENOMEM;
        }
        if (r >= 0)
                *ret_in_guest = in_guest;
        return r;
}

static int add_source(CustomMount *m, const char *text) {
        size_t n = strv_length(m->sources);
        bool *bigger = reallocarray(m->source_in_guest, n + 1, sizeof(bool));
        char *source;
        int r;

        if (!bigger)
                return -ENOMEM;
        m->source_in_guest = bigger;
        r = make_source(text, &source, &bigger[n]);
        if (r < 0)
                return r;
        return strv_push(&m->sources, source);
}

/* — bind — */

/* USER[/GROUP] in two strings. */
static int split_user(const char *text, size_t length, char **ret_user, char **ret_group) {
        const char *slash = memchr(text, '/', length);
        size_t n = slash ? (size_t) (slash - text) : length;
        _cleanup_free_ char *user = NULL, *group = NULL;

        if (n == 0 || n + 1 == length)
                return -EINVAL;
        user = strndup(text, n);
        group = slash ? strndup(slash + 1, length - n - 1) : NULL;
        if (!user || (slash && !group))
                return -ENOMEM;
        *ret_user = TAKE_PTR(user);
        *ret_group = TAKE_PTR(group);
        return 0;
}

/* HOST[/GROUP]:GUEST[/GROUP] */
static int parse_map(const char *text, BindMap *map) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *user = NULL, *group = NULL, *guest_user = NULL, *guest_group = NULL;
        uint64_t uid, gid;
        int r;

        if (!colon)
                return -EINVAL;
        r = split_user(text, (size_t) (colon - text), &user, &group);
        if (r >= 0)
                r = split_user(colon + 1, strlen(colon + 1), &guest_user, &guest_group);
        if (r >= 0)
                r = parse_unsigned(guest_user, UINT32_MAX - 1, &uid);
        if (r >= 0)
                r = parse_unsigned(guest_group ?: guest_user, UINT32_MAX - 1, &gid);
        if (r < 0)
                return r;
        free(map->user);
        free(map->group);
        *map = (BindMap){
                .user = TAKE_PTR(user),
                .group = TAKE_PTR(group),
                .guest_uid = (uid_t) uid,
                .guest_gid = (gid_t) gid,
        };
        return 0;
}

static int parse_bind_option(const char *option, CustomMount *m) {
        static const struct {
                const char *name;
                BindIdmap idmap;
        } idmaps[] = {
                { "noidmap", BIND_IDMAP_NONE },
                { "idmap", BIND_IDMAP_MAP },
                { "rootidmap", BIND_IDMAP_ROOT },
                { "owneridmap", BIND_IDMAP_OWNER },
        };
        const char *map = startswith(option, "map=");

        if (streq(option, "rbind") || streq(option, "norbind")) {
                m->recursive = *option == 'r';
                return 0;
        }
        if (map) {
                m->idmap = BIND_IDMAP_USER;
                return parse_map(map, &m->map);
        }
        for (size_t i = 0; i < ELEMENTSOF(idmaps); i++)
                if (streq(option, idmaps[i].name)) {
                        m->idmap = idmaps[i].idmap;
                        return 0;
                }
        return -EINVAL;
}

static int parse_bind_options(char *options, CustomMount *m) {
        char *option;
        int r = 0;

        while (r >= 0 && (option = strsep(&options, ",")))
                r = parse_bind_option(option, m);
        return r;
}

/* [-][+][SOURCE][:DESTINATION[:OPTIONS]] */
static int fill_bind(const char *text, CustomMount *m) {
        _cleanup_free_ char *source = NULL, *destination = NULL, *options = NULL;
        int r;

        if (*text == '-') {
                m->optional = true;
                text++;
        }
        r = split_field(&text, ':', &source);
        if (r > 0)
                r = split_field(&text, ':', &destination);
        if (r < 0)
                return r;
        if (!source || (!destination && !*source))
                return -EINVAL;
        r = add_source(m, source);
        if (r < 0)
                return r;
        r = value_make_guest_path(destination ?: source + (*source == '+'), &m->destination);
        if (r < 0 || !text)
                return r;
        options = strdup(text); /* as they are: "map" has a colon */
        return options ? parse_bind_options(options, m) : -ENOMEM;
}

static int add_bind(const char *text, bool read_only, MountsConfig *mounts) {
        CustomMount m = { .kind = MOUNT_BIND, .read_only = read_only, .recursive = true };
        int r;

        r = fill_bind(text, &m);
        if (r >= 0)
                r = value_add_mount(mounts, &m);
        value_destroy_mount(&m);
        return r;
}

static int parse_bind(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        (void) origin;
        return add_bind(text, type == &value_bind_read_only, field);
}

/* — tmpfs — */

static int parse_tmpfs(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        _cleanup_free_ char *path = NULL;
        CustomMount m = { .kind = MOUNT_TMPFS };
        int r;

        r = split_field(&text, ':', &path);
        if (r < 0)
                return r;
        r = value_make_guest_path(path, &m.destination);
        if (r < 0)
                return r;
        m.options = strdup(isempty(text) ? "mode=0755" : text);
        r = m.options ? value_add_mount(field, &m) : -ENOMEM;
        value_destroy_mount(&m);
        return r;
}

/* — overlay — */

/* LOWER[:LOWER…]:[UPPER:]DESTINATION. With two paths the second is both upper and destination. */
static int fill_overlay(const char *text, CustomMount *m) {
        _cleanup_strv_ char **fields = NULL;
        const char *destination;
        size_t n, n_lower;
        int r;

        r = split_spec(text, &fields);
        if (r < 0)
                return r;
        n = strv_length(fields);
        if (n < 2)
                return -EINVAL;
        destination = fields[n - 1];
        r = value_make_guest_path(destination + (n == 2 && *destination == '+'), &m->destination);
        if (r < 0)
                return r;

        n_lower = MAX(n - 2, (size_t) 1);
        for (size_t i = 0; i < n_lower; i++) {
                r = *fields[i] ? add_source(m, fields[i]) : -EINVAL;
                if (r < 0)
                        return r;
        }
        if (m->read_only)
                return add_source(m, fields[n_lower]);
        return make_source(fields[n_lower], &m->upper, &m->upper_in_guest);
}

static int parse_overlay(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        CustomMount m = { .kind = MOUNT_OVERLAY, .read_only = type == &value_overlay_read_only };
        int r;

        (void) origin;
        r = fill_overlay(text, &m);
        if (r >= 0)
                r = value_add_mount(field, &m);
        value_destroy_mount(&m);
        return r;
}

/* — inaccessible — */

static int parse_inaccessible(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        CustomMount m = { .kind = MOUNT_INACCESSIBLE };
        int r;

        r = value_make_guest_path(text, &m.destination);
        if (r >= 0)
                r = streq(m.destination, "/") ? -EINVAL : value_add_mount(field, &m);
        value_destroy_mount(&m);
        return r;
}

/* — pivot — */

static void destroy_pivot(void *field) {
        PivotConfig *pivot = field;

        free(pivot->root);
        free(pivot->former);
}

static int fill_pivot(const char *text, PivotConfig *pivot) {
        _cleanup_strv_ char **fields = NULL;
        size_t n;
        int r;

        r = split_spec(text, &fields);
        if (r < 0)
                return r;
        n = strv_length(fields);
        if (n < 1 || n > 2)
                return -EINVAL;
        r = value_make_guest_path(fields[0], &pivot->root);
        if (r >= 0 && n > 1)
                r = value_make_guest_path(fields[1], &pivot->former);
        if (r < 0)
                return r;
        return streq(pivot->root, "/") || streq_ptr(pivot->former, "/") ? -EINVAL : 0;
}

static int parse_pivot(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        PivotConfig pivot = {}, *old = field;
        int r = fill_pivot(text, &pivot);

        if (r < 0) {
                destroy_pivot(&pivot);
                return r;
        }
        destroy_pivot(old);
        *old = pivot;
        return 0;
}

/* — the types — */

#define DEFINE_MOUNT(id, function, text, ...)                                                                         \
        const ValueType value_##id = { .size = sizeof(MountsConfig),                                                  \
                                       .parse = function,                                                             \
                                       .destroy = value_destroy_mounts,                                               \
                                       .expects = text,                                                               \
                                       __VA_ARGS__ }

#define BIND_EXPECTS                                                                                                  \
        "a bind mount SOURCE[:DESTINATION[:OPTIONS]], the destination absolute, options of rbind, norbind, "          \
        "idmap, noidmap, rootidmap, owneridmap, map=USER[/GROUP]:NUMBER[/NUMBER]"

DEFINE_MOUNT(bind, parse_bind, BIND_EXPECTS, .completion = COMPLETE_FILE);
DEFINE_MOUNT(bind_read_only, parse_bind, BIND_EXPECTS, .completion = COMPLETE_FILE);
DEFINE_MOUNT(tmpfs, parse_tmpfs, "an absolute path in the machine, with options after a colon");
DEFINE_MOUNT(overlay, parse_overlay, "an overlay LOWER[:LOWER...]:[UPPER:]DESTINATION, the destination absolute",
             .completion = COMPLETE_DIRECTORY);
DEFINE_MOUNT(overlay_read_only, parse_overlay, "an overlay LOWER[:LOWER...]:DESTINATION, the destination absolute",
             .completion = COMPLETE_DIRECTORY);
DEFINE_MOUNT(inaccessible, parse_inaccessible, "an absolute path in the machine, other than /");

const ValueType value_pivot = {
        .size = sizeof(PivotConfig),
        .parse = parse_pivot,
        .destroy = destroy_pivot,
        .expects = "an absolute path in the machine, with another one after a colon or without, neither of them /",
};
