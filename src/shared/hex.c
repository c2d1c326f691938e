/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure; every character is looked at once, and what is not expected is refused. */

#include "hex.h"

#include <limits.h>

int hex_value(char c) {
        return c >= '0' && c <= '9'    ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
}

int hex_decode(const char *text, size_t n, uint8_t *ret, size_t size) {
        if (n % 2 != 0 || n / 2 > MIN(size, (size_t) INT_MAX))
                return -EINVAL;
        for (size_t i = 0; i < n; i += 2) {
                int high = hex_value(text[i]), low = hex_value(text[i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                ret[i / 2] = (uint8_t) (high << 4 | low);
        }
        return (int) (n / 2);
}

static int base64_value(char c) {
        return c >= 'A' && c <= 'Z'    ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '+'             ? 62
                : c == '/'             ? 63
                                       : -1;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What follows the first "=": padding, and nothing else. */
static bool is_padding(const char *text, size_t n) {
        size_t signs = 0;

        for (size_t i = 0; i < n; i++)
                if (text[i] == '=')
                        signs++;
                else if (!is_space(text[i]))
                        return false;
        return signs <= 2;
}

int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *bytes = malloc(n / 4 * 3 + 3);
        unsigned collected = 0, bits = 0;
        size_t size = 0;

        if (!bytes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int value = base64_value(text[i]);

                if (is_space(text[i]))
                        continue;
                if (value < 0 && is_padding(text + i, n - i))
                        break;
                if (value < 0)
                        return -EINVAL;
                collected = (collected << 6 | (unsigned) value) & 0xffff;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        bytes[size++] = (uint8_t) (collected >> bits);
                }
        }
        if (bits >= 6) /* a single character holds no byte */
                return -EINVAL;
        *ret = TAKE_PTR(bytes);
        *ret_size = size;
        return 0;
}
