/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure functions over strings that the user or a settings file gave us. Nothing here
 * depends on the locale, and nothing is skipped quietly: text left over after a number is an error. */

#include "parse.h"

#include <signal.h>
#include <stdio.h>
#include <strings.h>

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int parse_bool(const char *s) {
        static const char *const words[][5] = {
                { "0", "no", "n", "false", "f" },
                { "1", "yes", "y", "true", "t" },
        };

        for (int value = 0; value < 2; value++) {
                for (size_t i = 0; i < ELEMENTSOF(words[value]); i++)
                        if (strcasecmp(s, words[value][i]) == 0)
                                return value;
                if (strcasecmp(s, value ? "on" : "off") == 0)
                        return value;
        }
        return -EINVAL;
}

/* Reads digits off *s; at least one is needed. */
static int take_number(const char **s, uint64_t *ret) {
        const char *p = *s;
        uint64_t n = 0;

        if (!is_digit(*p))
                return -EINVAL;
        for (; is_digit(*p); p++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t) (*p - '0'), &n))
                        return -ERANGE;
        *s = p;
        *ret = n;
        return 0;
}

int parse_unsigned(const char *s, uint64_t max, uint64_t *ret) {
        uint64_t n;
        int r;

        r = take_number(&s, &n);
        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;
        if (n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

int parse_int(const char *s, int min, int max, int *ret) {
        bool negative = *s == '-';
        uint64_t n;
        int64_t value;
        int r;

        r = parse_unsigned(negative || *s == '+' ? s + 1 : s, INT32_MAX, &n);
        if (r < 0)
                return r;
        value = negative ? -(int64_t) n : (int64_t) n;
        if (value < min || value > max)
                return -ERANGE;
        *ret = (int) value;
        return 0;
}

/* A number with a fraction, fraction / scale of one. */
typedef struct Decimal {
        uint64_t whole, fraction, scale;
} Decimal;

#define SCALE_MAX 1000000u /* further digits are below what is kept */

static int take_decimal(const char **s, Decimal *ret) {
        Decimal d = { .scale = 1 };
        int r;

        r = take_number(s, &d.whole);
        if (r < 0)
                return r;
        if (**s == '.') {
                if (!is_digit(*++*s))
                        return -EINVAL;
                for (; is_digit(**s); ++*s)
                        if (d.scale < SCALE_MAX)
                                d.fraction = d.fraction * 10 + (uint64_t) (**s - '0'), d.scale *= 10;
        }
        *ret = d;
        return 0;
}

static int multiply(const Decimal *d, uint64_t unit, uint64_t *ret) {
        /* fraction * unit / scale, without fraction * unit */
        uint64_t part = unit / d->scale * d->fraction + unit % d->scale * d->fraction / d->scale, n;

        if (__builtin_mul_overflow(d->whole, unit, &n) || __builtin_add_overflow(n, part, &n))
                return -ERANGE;
        *ret = n;
        return 0;
}

int parse_size(const char *s, unsigned base, uint64_t *ret) {
        static const char suffixes[] = "KMGTPE";
        uint64_t unit = 1;
        Decimal d;
        int r;

        r = take_decimal(&s, &d);
        if (r < 0)
                return r;
        if (*s && *s != 'B') {
                const char *suffix = strchr(suffixes, *s++);

                if (!suffix)
                        return -EINVAL;
                for (const char *p = suffixes; p <= suffix; p++)
                        unit *= base;
        }
        if (*s && !streq(s, "B"))
                return -EINVAL;
        return multiply(&d, unit, ret);
}

int parse_percentage(const char *s, uint64_t *ret) {
        Decimal d;
        int r;

        r = take_decimal(&s, &d);
        if (r < 0)
                return r;
        return streq(s, "%") ? multiply(&d, 100, ret) : -EINVAL;
}

static uint64_t time_unit(const char *name, size_t length) {
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },
                { "usec", 1 },
                { "ms", 1000 },
                { "msec", 1000 },
                { "s", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "second", USEC_PER_SEC },
                { "seconds", USEC_PER_SEC },
                { "m", 60 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "minute", 60 * USEC_PER_SEC },
                { "minutes", 60 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "hr", 3600 * USEC_PER_SEC },
                { "hour", 3600 * USEC_PER_SEC },
                { "hours", 3600 * USEC_PER_SEC },
                { "d", 86400 * USEC_PER_SEC },
                { "day", 86400 * USEC_PER_SEC },
                { "days", 86400 * USEC_PER_SEC },
                { "w", 604800 * USEC_PER_SEC },
                { "week", 604800 * USEC_PER_SEC },
                { "weeks", 604800 * USEC_PER_SEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0)
                        return units[i].usec;
        return 0;
}

/* One "1.5h" of a time span. */
static int take_timespan(const char **s, uint64_t default_unit_usec, uint64_t *ret) {
        uint64_t unit = default_unit_usec;
        size_t length = 0;
        Decimal d;
        int r;

        r = take_decimal(s, &d);
        if (r < 0)
                return r;
        *s += strspn(*s, " \t");
        while (is_letter((*s)[length]))
                length++;
        if (length > 0) {
                unit = time_unit(*s, length);
                *s += length;
        }
        return unit > 0 ? multiply(&d, unit, ret) : -EINVAL;
}

int parse_timespan(const char *s, uint64_t default_unit_usec, uint64_t *ret_usec) {
        uint64_t sum = 0;

        if (streq(s, "infinity")) {
                *ret_usec = USEC_INFINITY;
                return 0;
        }

        s += strspn(s, " \t");
        do {
                uint64_t n;
                int r;

                r = take_timespan(&s, default_unit_usec, &n);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(sum, n, &sum) || sum == USEC_INFINITY)
                        return -ERANGE;
                s += strspn(s, " \t");
        } while (*s);

        *ret_usec = sum;
        return 0;
}

int parse_signal(const char *s) {
        const char *offset;
        uint64_t n;

        if (is_digit(*s))
                return parse_unsigned(s, (uint64_t) SIGRTMAX, &n) < 0 || n == 0 ? -EINVAL : (int) n;

        s = startswith(s, "SIG") ?: s;
        for (int i = 1; i < NSIG; i++)
                if (streq_ptr(sigabbrev_np(i), s))
                        return i;

        if (streq(s, "RTMIN"))
                return SIGRTMIN;
        if (streq(s, "RTMAX"))
                return SIGRTMAX;
        offset = startswith(s, "RTMIN+") ?: startswith(s, "RTMAX-");
        if (!offset || parse_unsigned(offset, (uint64_t) (SIGRTMAX - SIGRTMIN), &n) < 0)
                return -EINVAL;
        return s[5] == '+' ? SIGRTMIN + (int) n : SIGRTMAX - (int) n;
}

int split_word(const char **s, const char *separators, char **ret) {
        _cleanup_free_ char *word = NULL;
        const char *p = *s + strspn(*s, separators);
        size_t n = 0;
        int quote = 0;

        if (!*p) {
                *s = p;
                return 0;
        }
        word = malloc(strlen(p) + 1);
        if (!word)
                return -ENOMEM;

        for (; *p && (quote || !strchr(separators, *p)); p++)
                if (quote ? *p == quote : *p == '\'' || *p == '"')
                        quote = quote ? 0 : *p;
                else if (*p == '\\' && quote != '\'') {
                        if (!*++p)
                                return -EINVAL;
                        word[n++] = *p;
                } else
                        word[n++] = *p;
        if (quote)
                return -EINVAL;

        word[n] = 0;
        *s = p;
        *ret = TAKE_PTR(word);
        return 1;
}

int split_field(const char **s, char separator, char **ret) {
        _cleanup_free_ char *field = NULL;
        const char *p = *s;
        size_t n = 0;

        if (!p)
                return 0;
        field = malloc(strlen(p) + 1);
        if (!field)
                return -ENOMEM;

        for (; *p && *p != separator; p++) {
                if (*p == '\\' && !*++p)
                        return -EINVAL;
                field[n++] = *p;
        }

        field[n] = 0;
        *s = *p ? p + 1 : NULL;
        *ret = TAKE_PTR(field);
        return 1;
}

/* Reads exactly n digits of a base. Stops before the terminator because that is no digit. */
static int take_digits(const char *s, size_t n, unsigned base, uint32_t *ret) {
        uint32_t value = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned digit = is_digit(s[i]) ? (unsigned) (s[i] - '0')
                        : is_letter(s[i])       ? (unsigned) ((s[i] | 0x20) - 'a') + 10
                                                : base;
                if (digit >= base)
                        return -EINVAL;
                value = value * base + digit;
        }
        *ret = value;
        return (int) n;
}

static size_t encode_utf8(uint32_t c, char *out) {
        if (c < 0x80) {
                out[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[1] = (char) (0x80 | (c >> 6 & 0x3f));
                out[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char) (0xf0 | c >> 18);
        out[1] = (char) (0x80 | (c >> 12 & 0x3f));
        out[2] = (char) (0x80 | (c >> 6 & 0x3f));
        out[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

/* s is behind the backslash. Returns how many characters of it were used; *n bytes are added to out, never
 * more than the escape took. */
static int take_escape(const char *s, char *out, size_t *n) {
        static const char letters[] = "abfnrtvse\\\"'", bytes[] = "\a\b\f\n\r\t\v \033\\\"'";
        const char *letter = *s ? strchr(letters, *s) : NULL;
        uint32_t c = 0;
        int r;

        if (letter) {
                out[(*n)++] = bytes[letter - letters];
                return 1;
        }
        if (*s == 'u' || *s == 'U') {
                r = take_digits(s + 1, *s == 'u' ? 4 : 8, 16, &c);
                if (r < 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return -EINVAL;
                *n += encode_utf8(c, out + *n);
                return r + 1;
        }
        r = *s == 'x' ? take_digits(s + 1, 2, 16, &c) : take_digits(s, 3, 8, &c);
        if (r < 0 || c > 0xff)
                return -EINVAL;
        out[(*n)++] = (char) c;
        return *s == 'x' ? r + 1 : r;
}

int unescape_c(const char *s, char **ret, size_t *ret_size) {
        _cleanup_free_ char *out = malloc(strlen(s) + 1);
        size_t n = 0;

        if (!out)
                return -ENOMEM;
        while (*s) {
                int used;

                if (*s != '\\') {
                        out[n++] = *s++;
                        continue;
                }
                used = take_escape(s + 1, out, &n);
                if (used < 0)
                        return used;
                s += used + 1;
        }
        out[n] = 0;
        *ret = TAKE_PTR(out);
        *ret_size = n;
        return 0;
}
