/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is an os-release file. What is handed on must be what the format can hold: a name of the right
 * form and a value of one line, both inside the text. */

#include <stdint.h>

#include "os-release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Bounds {
        const char *begin, *end;
        size_t n;
} Bounds;

static int check(const char *key, const char *value, void *userdata) {
        Bounds *b = userdata;

        if (key < b->begin || value <= key || value + strlen(value) > b->end || !*key || strpbrk(key, " \t=\"'\\\n") ||
            strpbrk(value, "\n\r"))
                abort();
        return ++b->n > 1000 ? -EFBIG : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);
        Bounds bounds = { .begin = text, .end = text + size };

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        (void) os_release_parse(text, check, &bounds);
        return 0;
}
