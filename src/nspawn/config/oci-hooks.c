/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: hooks are programs of the host that the bundle's author wants to be run at certain times;
 * what they are told of the machine is put together here as far as it is known, while the JSON library is at hand.
 * Two of the times lie within the machine's start, in its namespaces: nothing is run there. */

#include <stdio.h>

#include "config/oci-reader.h"
#include "log.h"
#include "parse.h"
#include "strv.h"

#define TIMEOUT_MAX_SEC 86400u

void oci_hook_done(OciHook *hook) {
        free(hook->path);
        strv_free(hook->argv);
        strv_free(hook->environment);
        *hook = (OciHook){};
}

static int apply_argument(OciReader *r, const JsonValue *value) {
        return strv_append(&r->hook.hook.argv, json_value_string(value)) < 0 ? log_oom() : 0;
}

static int apply_variable(OciReader *r, const JsonValue *value) {
        const char *text = json_value_string(value);
        size_t name = strcspn(text, "=");

        if (name == 0 || !text[name])
                return oci_refuse(r, -EINVAL, "\"%s\" is not an assignment NAME=VALUE", text);
        return strv_env_set(&r->hook.hook.environment, text) < 0 ? log_oom() : 0;
}

static int add_hook(OciReader *r, OciHookTime when) {
        OciHooks *hooks = &r->settings->value.oci.hooks[when];
        OciHook *bigger;

        if (isempty(r->hook.path) || *r->hook.path != '/')
                return oci_refuse(r, -EINVAL, "path must be absolute");
        if (r->hook.timeout.set && r->hook.timeout.value == 0)
                return oci_refuse(r, -EINVAL, "timeout must be more than 0");
        r->hook.hook.path = strdup(r->hook.path);
        r->hook.hook.timeout_usec = r->hook.timeout.value * USEC_PER_SEC;
        bigger = reallocarray(hooks->items, hooks->n_items + 1, sizeof(OciHook));
        if (!bigger || !r->hook.hook.path) {
                hooks->items = bigger ?: hooks->items;
                return log_oom();
        }
        hooks->items = bigger;
        hooks->items[hooks->n_items++] = TAKE(r->hook.hook, (OciHook){});
        r->hook.path = NULL;
        r->hook.timeout = (OciNumber){};
        return 0;
}

#define DEFINE_TIME(name, when)                                                                                       \
        static int apply_##name(OciReader *r, const JsonValue *value) {                                               \
                (void) value;                                                                                         \
                return add_hook(r, when);                                                                             \
        }

DEFINE_TIME(prestart, OCI_HOOK_PRESTART)
DEFINE_TIME(createRuntime, OCI_HOOK_CREATE_RUNTIME)
DEFINE_TIME(poststart, OCI_HOOK_POSTSTART)
DEFINE_TIME(poststop, OCI_HOOK_POSTSTOP)

static int apply_annotations(OciReader *r, const JsonValue *value) {
        free(r->annotations);
        r->annotations = json_value_text(value);
        return r->annotations ? 0 : log_oom();
}

int oci_hooks_finish(OciReader *r) {
        OciConfig *oci = &r->settings->value.oci;
        _cleanup_free_ char *bundle = NULL;
        bool any = false;

        for (size_t i = 0; i < _OCI_HOOK_TIME_MAX; i++)
                any = any || oci->hooks[i].n_items > 0;
        if (!any)
                return 0;
        bundle = json_string_text(oci->bundle);
        if (!bundle ||
            asprintf(&oci->state, "\"ociVersion\":\"1.0.2\",\"bundle\":%s,\"annotations\":%s", bundle,
                     r->annotations ?: "{}") < 0)
                return log_oom();
        return 0;
}

#define HOOKS(name)                                                                                                   \
        OCI_CONTAINER("hooks." #name, OCI_ARRAY),                                                                     \
                { .path = "hooks." #name "[]", .kind = OCI_OBJECT, .apply = apply_##name },                           \
                { .path = "hooks." #name "[].path", .kind = OCI_STRING, .offset = OCI_FIELD(hook.path) },             \
                OCI_CONTAINER("hooks." #name "[].args", OCI_ARRAY),                                                   \
                { .path = "hooks." #name "[].args[]", .kind = OCI_STRING, .apply = apply_argument },                  \
                OCI_CONTAINER("hooks." #name "[].env", OCI_ARRAY),                                                    \
                { .path = "hooks." #name "[].env[]", .kind = OCI_STRING, .apply = apply_variable }, {                 \
                .path = "hooks." #name "[].timeout", .kind = OCI_UNSIGNED, .offset = OCI_FIELD(hook.timeout),         \
                .max = TIMEOUT_MAX_SEC                                                                                \
        }

static const OciRow rows[] = {
        OCI_CONTAINER("hooks", OCI_OBJECT),
        HOOKS(prestart),
        HOOKS(createRuntime),
        HOOKS(poststart),
        HOOKS(poststop),
        OCI_REFUSED("hooks.createContainer", "nothing is run in the machine's namespaces before its command"),
        OCI_REFUSED("hooks.startContainer", "nothing is run in the machine before its command"),
        { .path = "annotations", .kind = OCI_ANY, .apply = apply_annotations },
};

const OciRows oci_hooks_rows = { rows, ELEMENTSOF(rows) };
