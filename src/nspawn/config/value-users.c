/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the words of --private-users= come before its numbers, so "0" and "1" are booleans, as they
 * are with systemd-nspawn. A range must leave out the last user number, which means "nobody at all" to the kernel. */

#include "config/names.h"
#include "config/value-types.h"
#include "parse.h"
#include "strv.h"

#define DEFAULT_COUNT 65536u
#define DELEGATE_MAX 16

static const struct {
        const char *name;
        UsersMode mode;
} users_modes[] = {
        { "identity", USERS_IDENTITY },
        { "pick", USERS_PICK },
};

/* BASE[:COUNT] */
static int parse_range(const char *text, UsersRange *range) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *first = colon ? strndup(text, (size_t) (colon - text)) : NULL;
        uint64_t base, count = DEFAULT_COUNT;

        if (colon && !first)
                return -ENOMEM;
        if (parse_unsigned(first ?: text, UINT32_MAX, &base) < 0 ||
            (colon && parse_unsigned(colon + 1, UINT32_MAX, &count) < 0))
                return -EINVAL;
        if (count == 0 || base + count > UINT32_MAX)
                return -EINVAL;
        *range = (UsersRange){ .mode = USERS_FIXED, .base = (uid_t) base, .count = (uint32_t) count };
        return 0;
}

static int parse_private_users(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        UsersRange *range = field;
        int r;

        r = parse_bool(text);
        if (r >= 0) {
                *range = (UsersRange){ .mode = r > 0 ? USERS_YES : USERS_NO };
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(users_modes); i++)
                if (streq(text, users_modes[i].name)) {
                        *range = (UsersRange){ .mode = users_modes[i].mode };
                        return 0;
                }
        return streq(text, "managed") ? -EOPNOTSUPP : parse_range(text, range);
}

static int parse_if_supported(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        UsersRange *range = field;
        int r;

        r = parse_private_users(type, origin, text, field);
        if (r >= 0)
                range->if_supported = true;
        return r;
}

static const char *const ownership_names[] = { "", "off", "map", "foreign", "chown", "auto" };

static int parse_ownership(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        for (size_t i = 1; i < ELEMENTSOF(ownership_names); i++)
                if (streq(text, ownership_names[i])) {
                        *(UsersOwnership *) field = (UsersOwnership) i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_chown(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        int r = parse_bool(text);

        if (r < 0)
                return r;
        *(UsersOwnership *) field = r > 0 ? OWNERSHIP_CHOWN : OWNERSHIP_OFF;
        return 0;
}

static int parse_delegate(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        uint64_t n;

        if (parse_unsigned(text, DELEGATE_MAX, &n) < 0)
                return -EINVAL;
        *(unsigned *) field = 0;
        return n > 0 ? -EOPNOTSUPP : 0;
}

const ValueType value_private_users_delegate = {
        .size = sizeof(unsigned),
        .parse = parse_delegate,
        .expects = "a number from 0 to 16",
        .unavailable = "needs --private-users=managed, which this program cannot do; --nesting lets the machine run "
                       "machines with its own users",
};

#define USERS_TYPE(id, function)                                                                                      \
        const ValueType value_##id = {                                                                                \
                .size = sizeof(UsersRange),                                                                           \
                .parse = function,                                                                                    \
                .expects = "no, yes, identity, pick or a range BASE[:COUNT]",                                         \
                .unavailable = "takes users from systemd-nsresourced, which needs a kernel with BPF-LSM; this "       \
                               "program cannot do that: use pick",                                                    \
                .names = (const char *const[]){ "no", "yes", "identity", "pick" },                                    \
                .n_names = 4,                                                                                         \
        }

USERS_TYPE(private_users, parse_private_users);
USERS_TYPE(private_users_if_supported, parse_if_supported);

const ValueType value_private_users_ownership = {
        .size = sizeof(UsersOwnership),
        .parse = parse_ownership,
        .expects = "one of off, map, foreign, chown or auto",
        .names = ownership_names,
        .n_names = ELEMENTSOF(ownership_names),
};

const ValueType value_private_users_chown = {
        .size = sizeof(UsersOwnership),
        .parse = parse_chown,
        .expects = "yes or no",
        .names = (const char *const[]){ "yes", "no" },
        .n_names = 2,
};

/* — users of the host — */

static void destroy_names(void *field) {
        strv_free(*(char ***) field);
}

static int parse_account(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        char ***names = field;

        if (!account_name_is_valid(text))
                return -EINVAL;
        return strv_find(*names, text) ? -EEXIST : strv_append(names, text);
}

/* These are the same on every system and need no binding. */
static int parse_bind_user(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        return streq(text, "root") || streq(text, "nobody") ? -EINVAL : parse_account(type, origin, text, field);
}

static int parse_bind_user_shell(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        char *path = NULL;
        int r;

        r = parse_bool(text);
        if (r > 0)
                path = strdup("");
        else if (r < 0)
                r = value_make_guest_path(text, &path);
        if (r == 0 && !path) {
                free(*(char **) field);
                *(char **) field = NULL;
                return 0;
        }
        return r < 0 ? r : value_replace_string(field, path);
}

const ValueType value_bind_users = {
        .size = sizeof(char **),
        .parse = parse_bind_user,
        .destroy = destroy_names,
        .expects =
                "the name of a user, other than root and nobody (letters, digits, inner dots and hyphens, at most 31)",
};

const ValueType value_bind_user_groups = {
        .size = sizeof(char **),
        .parse = parse_account,
        .destroy = destroy_names,
        .expects = "the name of a group (letters, digits, inner dots and hyphens, at most 31)",
};

const ValueType value_bind_user_shell = {
        .size = sizeof(char *),
        .parse = parse_bind_user_shell,
        .destroy = value_destroy_string,
        .expects = "yes, no or an absolute path in the machine",
};
