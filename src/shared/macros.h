/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few idioms every file uses: scope-bound cleanup, hand-over of ownership, array sizes. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_ __attribute__((warn_unused_result))
#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))
#define _fallthrough_ __attribute__((fallthrough))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define CONST_STRLEN(s) (sizeof("" s "") - 1)

#define MIN(a, b)                                                                                                     \
        ({                                                                                                            \
                __typeof__(a) _a = (a);                                                                               \
                __typeof__(b) _b = (b);                                                                               \
                _a < _b ? _a : _b;                                                                                    \
        })
#define MAX(a, b)                                                                                                     \
        ({                                                                                                            \
                __typeof__(a) _a = (a);                                                                               \
                __typeof__(b) _b = (b);                                                                               \
                _a > _b ? _a : _b;                                                                                    \
        })

/* Take the value out of a variable that a cleanup attribute watches, leaving its neutral value. */
#define TAKE(var, neutral)                                                                                            \
        ({                                                                                                            \
                __typeof__(var) _taken = (var);                                                                       \
                (var) = (neutral);                                                                                    \
                _taken;                                                                                               \
        })
#define TAKE_PTR(p) TAKE(p, NULL)
#define TAKE_FD(fd) TAKE(fd, -EBADF)

/* Defines the function that _cleanup_() calls for a pointer type whose destructor accepts NULL. */
#define DEFINE_CLEANUP(type, destructor)                                                                              \
        static inline void destructor##_p(type *p) {                                                                  \
                if (*p)                                                                                               \
                        destructor(*p);                                                                               \
        }

static inline void free_p(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(free_p)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* NULL-tolerant: two NULLs are equal. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s) {
        return !s || !*s;
}

/* If s begins with prefix, the rest of s, else NULL. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);
        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static inline const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && streq(s + n - m, suffix) ? s + n - m : NULL;
}

/* errno as a negative error, never zero even if a library left errno unset. */
static inline int errno_or_eio(void) {
        return errno > 0 ? -errno : -EIO;
}

/* Keeps errno over a scope in which cleanup calls run. */
static inline void restore_errno(const int *saved) {
        errno = *saved;
}
#define PROTECT_ERRNO _cleanup_(restore_errno) _unused_ const int _saved_errno = errno
