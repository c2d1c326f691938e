/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the types whose values add up. A failed parse appends nothing. Credentials that are to
 * be loaded are only named here; their data is read when everything else is known to be valid. */

#include "config/address-family.h"
#include "config/capability.h"
#include "config/names.h"
#include "config/value-types.h"
#include "parse.h"
#include "strv.h"

static void destroy_strv(void *field) {
        strv_free(*(char ***) field);
}

static int parse_argument(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return strv_append(field, text);
}

/* NAME=VALUE, or NAME on our command line for the value it has in our environment; nothing if it has none. */
static int parse_environment(_unused_ const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        _cleanup_free_ char *assignment = NULL;
        size_t name = strcspn(text, "=");
        const char *value;

        if (!variable_name_is_valid(text, name))
                return -EINVAL;
        if (text[name] == '=')
                return strv_env_set(field, text);

        if (origin != ORIGIN_COMMAND_LINE)
                return -EINVAL;
        value = getenv(text);
        if (!value)
                return 0;
        if (asprintf(&assignment, "%s=%s", text, value) < 0)
                return -ENOMEM;
        return strv_env_set(field, assignment);
}

static int parse_property(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        size_t name = strcspn(text, "=");

        if (text[name] != '=' || !variable_name_is_valid(text, name))
                return -EINVAL;
        return strv_append(field, text);
}

/* — capabilities — */

static int parse_capabilities(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        uint64_t set = 0;
        int r;

        for (;;) {
                _cleanup_free_ char *word = NULL;

                r = split_word(&text, " \t,", &word);
                if (r <= 0)
                        break;
                if (streq(word, "all"))
                        set = CAPABILITY_ALL;
                else {
                        int n = capability_from_name(word);
                        if (n < 0)
                                return n;
                        set |= UINT64_C(1) << n;
                }
        }
        if (r < 0 || set == 0)
                return r < 0 ? r : -EINVAL;
        *(uint64_t *) field |= set;
        return 0;
}

static int parse_ambient_capabilities(const ValueType *type, ValueOrigin origin, const char *text, void *field) {
        uint64_t set = 0;
        int r;

        r = parse_capabilities(type, origin, text, &set);
        if (r < 0)
                return r;
        if (set == CAPABILITY_ALL)
                return -EINVAL;
        *(uint64_t *) field |= set;
        return 0;
}

static void list_capabilities(FILE *f) {
        for (unsigned i = 0; capability_name(i); i++)
                fprintf(f, "%s\n", capability_name(i));
}

/* — system calls — */

typedef struct SyscallFilter {
        char **allow, **deny;
} SyscallFilter;
_Static_assert(offsetof(SecurityConfig, syscall_deny) ==
                       offsetof(SecurityConfig, syscall_allow) + offsetof(SyscallFilter, deny),
               "SyscallFilter does not match config.h");

static void destroy_syscall_filter(void *field) {
        SyscallFilter *filter = field;

        strv_free(filter->allow);
        strv_free(filter->deny);
}

static bool syscall_name_is_valid(const char *s) {
        s += *s == '@';
        return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == 0;
}

static int parse_syscall_filter(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        SyscallFilter *filter = field;
        char ***list = *text == '~' ? &filter->deny : &filter->allow;
        _cleanup_strv_ char **names = NULL;
        int r;

        text += *text == '~';
        for (;;) {
                char *name;

                r = split_word(&text, " \t", &name);
                if (r <= 0)
                        break;
                r = strv_push(&names, name);
                if (r < 0)
                        return r;
                if (!syscall_name_is_valid(name))
                        return -EINVAL;
        }
        if (r < 0 || !names)
                return r < 0 ? r : -EINVAL;
        STRV_FOREACH(name, names)
        if (!strv_find(*list, *name)) {
                r = strv_append(list, *name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Taking system calls away needs no trust. */
static bool syscall_filter_is_privileged(const char *text) {
        return *text != '~';
}

/* — address families — */

static int parse_family_names(const char *text, uint64_t *ret) {
        uint64_t set = 0;
        int r;

        for (;;) {
                _cleanup_free_ char *name = NULL;
                int family;

                r = split_word(&text, " \t", &name);
                if (r <= 0)
                        break;
                family = address_family_from_name(name);
                if (family < 0)
                        return family;
                set |= UINT64_C(1) << family;
        }
        if (r < 0 || set == 0)
                return r < 0 ? r : -EINVAL;
        *ret = set;
        return 0;
}

/* The first list decides which kind it is; later ones add to it, or with the other sign take away from it. An empty
 * value ends every restriction so far, and says that none is wanted. */
static int parse_address_families(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        AddressFamilies *families = field;
        bool allow = *text != '~';
        uint64_t set;
        int r;

        if (!*text || streq(text, "none")) {
                *families = (AddressFamilies){ .restricted = *text, .allow_list = *text };
                return 0;
        }
        r = parse_family_names(text + !allow, &set);
        if (r < 0)
                return r;
        if (!families->restricted)
                *families = (AddressFamilies){ .restricted = true, .allow_list = allow };
        families->listed = allow == families->allow_list ? families->listed | set : families->listed & ~set;
        return 0;
}

static void list_address_families(FILE *f) {
        for (size_t i = 0; i < n_address_families; i++)
                fprintf(f, "%s\n", address_families[i].name);
        fputs("none\n", f);
}

/* — interfaces — */

typedef struct PairList {
        InterfacePair *items;
        size_t n_items;
} PairList;
_Static_assert(offsetof(NetworkConfig, n_veth_extra) ==
                       offsetof(NetworkConfig, veth_extra) + offsetof(PairList, n_items),
               "PairList does not match config.h");

static void destroy_pairs(void *field) {
        PairList *list = field;

        for (size_t i = 0; i < list->n_items; i++) {
                free(list->items[i].host);
                free(list->items[i].guest);
        }
        free(list->items);
}

static int add_pair(PairList *list, const char *text, bool guest_like_host) {
        _cleanup_free_ char *host = NULL, *guest = NULL;
        InterfacePair *bigger;

        if (split_field(&text, ':', &host) < 0 || !interface_name_is_valid(host))
                return -EINVAL;
        if (text && !interface_name_is_valid(text))
                return -EINVAL;
        if (text || guest_like_host) {
                guest = strdup(text ?: host);
                if (!guest)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < list->n_items; i++)
                if (streq(list->items[i].host, host))
                        return -EEXIST;

        bigger = reallocarray(list->items, list->n_items + 1, sizeof(InterfacePair));
        if (!bigger)
                return -ENOMEM;
        list->items = bigger;
        list->items[list->n_items++] = (InterfacePair){ TAKE_PTR(host), TAKE_PTR(guest) };
        return 0;
}

static int parse_pair(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return add_pair(field, text, true);
}

static int parse_child_pair(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        return add_pair(field, text, false);
}

/* — credentials — */

static void destroy_credentials(void *field) {
        CredentialsConfig *c = field;

        for (size_t i = 0; i < c->n_items; i++) {
                free(c->items[i].id);
                free(c->items[i].path);
                if (c->items[i].data)
                        explicit_bzero(c->items[i].data, c->items[i].size);
                free(c->items[i].data);
        }
        free(c->items);
}

/* Takes ID off text and makes an item of it that has nothing else yet. */
static int add_credential(CredentialsConfig *c, const char **text, Credential **ret) {
        _cleanup_free_ char *id = NULL;
        Credential *bigger;

        if (split_field(text, ':', &id) < 0 || !*text || !file_name_is_valid(id))
                return -EINVAL;
        for (size_t i = 0; i < c->n_items; i++)
                if (streq(c->items[i].id, id))
                        return -EEXIST;

        bigger = reallocarray(c->items, c->n_items + 1, sizeof(Credential));
        if (!bigger)
                return -ENOMEM;
        c->items = bigger;
        *ret = &c->items[c->n_items];
        **ret = (Credential){ .id = TAKE_PTR(id) };
        return 0;
}

static int parse_literal_credential(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        CredentialsConfig *c = field;
        Credential *item;
        char *data;
        int r;

        r = add_credential(c, &text, &item);
        if (r < 0)
                return r;
        r = unescape_c(text, &data, &item->size);
        if (r < 0) {
                free(item->id);
                return r;
        }
        item->data = data;
        c->n_items++;
        return 0;
}

/* A name without a slash is one of the credentials that we were given ourselves. */
static int credential_source(const char *text, char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        if (strchr(text, '/'))
                return value_make_host_path(text, ret);
        if (!file_name_is_valid(text))
                return -EINVAL;
        if (!directory)
                return -ENOENT;
        return asprintf(ret, "%s/%s", directory, text) < 0 ? -ENOMEM : 0;
}

static int parse_loaded_credential(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        CredentialsConfig *c = field;
        Credential *item;
        int r;

        r = add_credential(c, &text, &item);
        if (r < 0)
                return r;
        r = credential_source(text, &item->path);
        if (r < 0) {
                free(item->id);
                return r;
        }
        c->n_items++;
        return 0;
}

/* — the types — */

#define DEFINE_LIST(id, type, parse_function, destroy_function, text, ...)                                            \
        const ValueType value_##id = { .size = sizeof(type),                                                          \
                                       .parse = parse_function,                                                       \
                                       .destroy = destroy_function,                                                   \
                                       .expects = text,                                                               \
                                       __VA_ARGS__ }

DEFINE_LIST(arguments, char **, parse_argument, destroy_strv, "an argument");
DEFINE_LIST(environment, char **, parse_environment, destroy_strv, "an assignment NAME=VALUE of a variable");
DEFINE_LIST(properties, char **, parse_property, destroy_strv, "an assignment NAME=VALUE of a unit property");
DEFINE_LIST(capabilities, uint64_t, parse_capabilities, NULL, "a list of capabilities; \"help\" lists them",
            .list = list_capabilities);
DEFINE_LIST(ambient_capabilities, uint64_t, parse_ambient_capabilities, NULL,
            "a list of capabilities other than \"all\"; \"help\" lists them", .list = list_capabilities);
DEFINE_LIST(syscall_filter, SyscallFilter, parse_syscall_filter, destroy_syscall_filter,
            "a list of system calls and @groups", .privileged = syscall_filter_is_privileged);
DEFINE_LIST(address_families, AddressFamilies, parse_address_families, NULL,
            "a list of address families such as \"AF_UNIX AF_INET\", nor \"none\"; \"help\" lists them",
            .list = list_address_families);
DEFINE_LIST(veth_pairs, PairList, parse_pair, destroy_pairs, "a pair of interface names HOST[:GUEST]");
DEFINE_LIST(interface_pairs, PairList, parse_pair, destroy_pairs, "an interface name or a pair HOST[:GUEST]");
DEFINE_LIST(child_interface_pairs, PairList, parse_child_pair, destroy_pairs,
            "an interface name or a pair HOST[:GUEST]");
DEFINE_LIST(literal_credentials, CredentialsConfig, parse_literal_credential, destroy_credentials,
            "a credential ID:VALUE with the escapes of C", .secret = true);
DEFINE_LIST(loaded_credentials, CredentialsConfig, parse_loaded_credential, destroy_credentials,
            "a credential ID:PATH", .completion = COMPLETE_NOTHING);
