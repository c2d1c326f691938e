/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is a command line, its arguments ended by NUL or newline. */

#include <stdint.h>

#include "config/command-line.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_settings_ Settings s = {}, more = {};
        _cleanup_free_ char *text = malloc(size + 1);
        char *argv[66] = { (char *) "nspawn" };
        int argc = 1;

        if (!text)
                return 0;
        log_set_max_level(LOG_EMERG);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;

        for (size_t i = 0; i < size && argc < 65; i += strlen(text + i) + 1) {
                text[i + strcspn(text + i, "\n")] = 0;
                argv[argc++] = text + i;
        }

        /* A merge of it with itself must move everything and free nothing twice. */
        if (command_line_parse(argc, argv, &s) > 0 && command_line_parse(argc, argv, &more) > 0)
                settings_merge(&s, &more);
        return 0;
}
