/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is a bundle's config.json. What is accepted is complete: there is a program to run and a root to run it in,
 * and no path in the machine leaves it. */

#include <stdint.h>

#include "config/oci-bundle.h"
#include "log.h"
#include "strv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path) {
        if (*path != '/' || strstr(path, "/../") || endswith(path, "/.."))
                abort();
}

static void check(const MachineConfig *c) {
        if (!c->oci.bundle || !c->source.directory || !c->payload.argv || !*c->payload.argv[0])
                abort();
        if (c->oci.capabilities.ambient & ~(c->oci.capabilities.inheritable & c->oci.capabilities.permitted))
                abort();
        for (size_t i = 0; i < c->oci.mounts.n_items; i++) {
                check_path(c->oci.mounts.items[i].destination);
                if (!c->oci.mounts.items[i].type == !c->oci.mounts.items[i].sources)
                        abort();
        }
        STRV_FOREACH(path, c->oci.masked)
        check_path(*path);
        STRV_FOREACH(path, c->oci.read_only)
        check_path(*path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_settings_ Settings s = {};
        _cleanup_free_ char *text = malloc(size + 1);

        if (!text)
                return 0;
        log_set_max_level(LOG_EMERG);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        if (oci_config_parse("/bundle", text, size, &s) >= 0)
                check(&s.value);
        return 0;
}
