/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage. The ID goes to the payload (container_uuid), to machined and
 * into the journal's link. Whatever the tree has there that is not a machine ID counts as none. */

#include "guest/identity.h"

#include "log.h"
#include "path-in-root.h"

/* machine-id(5): 32 hexadecimal digits and a newline; "uninitialized" or nothing before the first boot. */
static sd_id128_t read_machine_id(int root_fd) {
        _cleanup_free_ char *text = NULL;
        sd_id128_t id;

        if (root_read_file(root_fd, "/etc/machine-id", 64, &text, NULL) < 0)
                return SD_ID128_NULL;
        text[strcspn(text, "\n")] = 0;
        return strlen(text) == 32 && sd_id128_from_string(text, &id) >= 0 ? id : SD_ID128_NULL;
}

int identity_read(StageContext *context) {
        int r;

        context->uuid = context->config->identity.uuid;
        if (sd_id128_is_null(context->uuid))
                context->uuid = read_machine_id(context->root_fd);
        if (!sd_id128_is_null(context->uuid))
                return 0;
        r = sd_id128_randomize(&context->uuid);
        return r < 0 ? log_error_errno(r, "cannot make a machine ID: %m") : 0;
}
