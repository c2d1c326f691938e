/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is a .nspawn file; it is read as a trusted and as an untrusted one. */

#include <stdint.h>

#include "config/settings-file.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size, bool trusted, Settings *ret) {
        _cleanup_free_ char *text = malloc(size + 1);

        if (!text)
                return;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        (void) settings_file_parse("fuzz.nspawn", trusted, text, size, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_settings_ Settings trusted = {}, untrusted = {};

        log_set_max_level(LOG_EMERG);
        parse(data, size, true, &trusted);
        parse(data, size, false, &untrusted);
        settings_merge(&trusted, &untrusted);
        return 0;
}
