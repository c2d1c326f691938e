/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: both strings are read side by side. What is neither letter, digit nor one of -.~^
 * only separates. Then, in this order: "~" makes a version older than one that ends or goes on otherwise;
 * the end is older than anything else; "-", "^" and "." are older than what lacks them there; numbers are
 * compared by value, no number being zero; letters with the capitals first. */

#include "version-order.h"

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *skip_separators(const char *s) {
        while (*s && !is_digit(*s) && !is_letter(*s) && !strchr("-.~^", *s))
                s++;
        return s;
}

/* Numbers of any length: without leading zeros, the longer one is greater. */
static int compare_numbers(const char **a, const char **b) {
        size_t n, m;
        int r;

        *a += strspn(*a, "0");
        *b += strspn(*b, "0");
        n = strspn(*a, "0123456789");
        m = strspn(*b, "0123456789");
        r = n != m ? (n < m ? -1 : 1) : memcmp(*a, *b, n);
        *a += n;
        *b += m;
        return r;
}

static int compare_letters(const char **a, const char **b) {
        for (; is_letter(**a) && **a == **b; ++*a, ++*b)
                ;
        if (!is_letter(**a) || !is_letter(**b))
                return (int) is_letter(**a) - (int) is_letter(**b);
        return **a < **b ? -1 : 1; /* ASCII has the capitals first */
}

int version_compare(const char *a, const char *b) {
        for (;;) {
                int r;

                a = skip_separators(a);
                b = skip_separators(b);

                if (*a == '~' || *b == '~') {
                        if (*a != *b)
                                return *a == '~' ? -1 : 1;
                        a++, b++;
                        continue;
                }
                if (!*a || !*b)
                        return (*a != 0) - (*b != 0);

                for (const char *c = "-^."; *c; c++)
                        if ((*a == *c) != (*b == *c))
                                return *a == *c ? -1 : 1;
                if (strchr("-^.", *a)) {
                        a++, b++;
                        continue;
                }

                r = is_digit(*a) || is_digit(*b) ? compare_numbers(&a, &b) : compare_letters(&a, &b);
                if (r != 0)
                        return r;
        }
}
