/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a name is looked up in a table of prefixes; what follows the prefix, less ".raw" of an image,
 * is the key. Places of binds are escaped as in the names of mount units: "-" is a slash and "\xNN" a byte. A stack is
 * made by the administrator of the host, but often by a program, so what cannot be meant is named rather than guessed
 * at. */

#include "plan/mstack.h"

#include <stdio.h>
#include <sys/stat.h>

#include "log.h"
#include "version-order.h"

static const struct {
        const char *prefix;
        StackKind kind;
        bool has_key, read_only;
} prefixes[] = {
        { "layer@", STACK_LAYER, true, true }, { "rw", STACK_RW, false, false },
        { "root", STACK_ROOT, false, false },  { "bind@", STACK_BIND, true, false },
        { "robind@", STACK_BIND, true, true },
};

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of an escaped path, and where the next one begins. 0 for what is none. */
static char unescape_one(const char **s) {
        int high, low;

        if (**s == '-') {
                *s += 1;
                return '/';
        }
        if (**s != '\\')
                return *(*s)++;
        high = (*s)[1] == 'x' ? hex_digit((*s)[2]) : -1;
        low = high >= 0 ? hex_digit((*s)[3]) : -1;
        if (low < 0)
                return 0;
        *s += CONST_STRLEN("\\xNN");
        return (char) (high << 4 | low);
}

static bool is_plain_path(const char *path) {
        for (const char *p = path; *p; p += strcspn(p, "/")) {
                size_t n = strcspn(++p, "/");

                if (n == 0 || (n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
        }
        return true;
}

/* "-" alone is the root. */
static int unescape_place(const char *escaped, char **ret) {
        _cleanup_free_ char *path = malloc(strlen(escaped) + 2);
        size_t n = 0;

        if (!path)
                return -ENOMEM;
        path[n++] = '/';
        if (!streq(escaped, "-"))
                for (const char *s = escaped; *s; n++) {
                        path[n] = unescape_one(&s);
                        if (path[n] == 0)
                                return -EINVAL;
                }
        path[n] = 0;
        if (n > 1 && !is_plain_path(path))
                return -EINVAL;
        *ret = TAKE_PTR(path);
        return 0;
}

static int fill_item(StackItem *item, const char *key) {
        _cleanup_free_ char *plain = strdup(key);
        const char *suffix = item->image && plain ? endswith(plain, ".raw") : NULL;
        int r;

        if (!plain)
                return -ENOMEM;
        if (suffix)
                plain[suffix - plain] = 0;
        if (isempty(plain))
                return -EINVAL;
        if (item->kind != STACK_BIND) {
                item->key = TAKE_PTR(plain);
                return 0;
        }
        r = unescape_place(plain, &item->key);
        if (r >= 0 && streq(item->key, "/"))
                item->kind = STACK_ROOT;
        return r;
}

static int push_item(StackPlan *plan, StackItem *item) {
        StackItem *bigger = reallocarray(plan->items, plan->n_items + 1, sizeof(StackItem));

        if (!bigger)
                return -ENOMEM;
        plan->items = bigger;
        plan->items[plan->n_items++] = TAKE(*item, (StackItem){});
        return 1;
}

static void item_done(StackItem *item) {
        free(TAKE_PTR(item->name));
        free(TAKE_PTR(item->key));
}

/* The row of prefixes, or its size: none of them. An image is a file whose name says so. */
static size_t find_prefix(const char *name, bool image) {
        size_t i;

        for (i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = startswith(name, prefixes[i].prefix);

                if (rest && (prefixes[i].has_key || !*rest || (image && streq(rest, ".raw"))))
                        break;
        }
        return i;
}

int stack_plan_add(StackPlan *plan, const char *stack, const char *name, mode_t mode) {
        bool image = S_ISREG(mode) || S_ISBLK(mode);
        size_t i = find_prefix(name, image);
        StackItem item = { .image = image };
        int r;

        if (i == ELEMENTSOF(prefixes)) {
                if (name[0] != '.')
                        log_warning("%s: \"%s\" means nothing in a mount stack and is left out", stack, name);
                return 0;
        }
        if (!image && !S_ISDIR(mode))
                return log_error_errno(-EINVAL, "%s/%s is neither a directory nor a disk image", stack, name);
        if (endswith(name, ".v"))
                return log_error_errno(-EOPNOTSUPP, "%s/%s: directories of versions are not available yet", stack,
                                       name);
        if (image && (!endswith(name, ".raw") || prefixes[i].kind == STACK_RW))
                return log_error_errno(-EINVAL, "%s/%s is a file, and this entry of a mount stack a directory%s",
                                       stack, name, prefixes[i].kind == STACK_RW ? "" : " or ends in .raw");
        item.kind = prefixes[i].kind;
        item.read_only = prefixes[i].read_only;
        item.name = strdup(name);
        r = item.name ? fill_item(&item, name + (prefixes[i].has_key ? strlen(prefixes[i].prefix) : 0)) : -ENOMEM;
        if (r >= 0)
                r = push_item(plan, &item);
        item_done(&item);
        if (r == -EINVAL)
                return log_error_errno(r, "%s/%s: what follows the @ is no %s", stack, name,
                                       prefixes[i].kind == STACK_BIND
                                               ? "path that is escaped as in a mount unit's name"
                                               : "name of a layer");
        return r == -ENOMEM ? log_oom() : r;
}

static size_t depth(const char *path) {
        size_t n = 0;

        for (; *path; path++)
                n += *path == '/';
        return n;
}

static int compare_items(const void *a, const void *b) {
        const StackItem *x = a, *y = b;
        int r = 0;

        if (x->kind != y->kind)
                return x->kind < y->kind ? -1 : 1;
        if (x->kind == STACK_LAYER)
                r = version_compare(x->key, y->key);
        else if (depth(x->key) != depth(y->key))
                r = depth(x->key) < depth(y->key) ? -1 : 1;
        return r != 0 ? r : strcmp(x->key, y->key);
}

/* Sorted, so equal ones are neighbours. */
static int check_twins(const StackPlan *plan, const char *stack) {
        for (size_t i = 1; i < plan->n_items; i++) {
                const StackItem *a = &plan->items[i - 1], *b = &plan->items[i];

                if (a->kind == b->kind && (a->kind == STACK_ROOT || a->kind == STACK_RW || streq(a->key, b->key)))
                        return log_error_errno(-ENOTUNIQ, "%s: %s and %s mean the same place", stack, a->name,
                                               b->name);
        }
        return 0;
}

int stack_plan_finish(StackPlan *plan, const char *stack) {
        if (plan->n_items > 0)
                qsort(plan->items, plan->n_items, sizeof(StackItem), compare_items);
        for (plan->n_layers = 0; plan->n_layers < plan->n_items; plan->n_layers++)
                if (plan->items[plan->n_layers].kind != STACK_LAYER)
                        break;
        if (plan->n_layers == 0 && stack_plan_find(plan, STACK_RW))
                return log_error_errno(-EINVAL, "%s: there is a rw in it, but no layer@ID below that", stack);
        if (plan->n_layers == 0 && !stack_plan_find(plan, STACK_ROOT))
                return log_error_errno(-ENOENT, "%s: no mount stack: there is neither a layer@ID nor a root in it",
                                       stack);
        return check_twins(plan, stack);
}

const StackItem *stack_plan_find(const StackPlan *plan, StackKind kind) {
        for (size_t i = 0; i < plan->n_items; i++)
                if (plan->items[i].kind == kind)
                        return &plan->items[i];
        return NULL;
}

void stack_plan_done(StackPlan *plan) {
        for (size_t i = 0; i < plan->n_items; i++)
                item_done(&plan->items[i]);
        free(TAKE_PTR(plan->items));
        plan->n_items = plan->n_layers = 0;
}
