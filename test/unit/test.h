/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A unit test file is a list of TEST(name) { … } and one TEST_MAIN. Each test registers itself; the program
 * prints TAP, so meson counts the tests one by one. A failed assertion ends the program. A test that cannot be done
 * says so by TEST_NEEDS_ROOT; it never returns as if it had been done. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "macros.h"

typedef struct TestCase {
        const char *name;
        void (*run)(void);
} TestCase;

extern TestCase test_cases[256];
extern size_t test_n_cases;
extern const char *test_skipped; /* why, once a test has found out that it cannot be done */

#define TEST(test_name)                                                                                               \
        static void test_##test_name(void);                                                                           \
        __attribute__((constructor)) static void test_register_##test_name(void) {                                    \
                test_cases[test_n_cases++] = (TestCase){ #test_name, test_##test_name };                              \
        }                                                                                                             \
        static void test_##test_name(void)

#define TEST_MAIN TEST_MAIN_IF(true)

/* Every one of the tests takes root. */
#define TEST_MAIN_FOR_ROOT TEST_MAIN_IF(geteuid() == 0)

#define TEST_MAIN_IF(possible)                                                                                        \
        TestCase test_cases[256];                                                                                     \
        size_t test_n_cases;                                                                                          \
        const char *test_skipped;                                                                                     \
        int main(void) {                                                                                              \
                printf("1..%zu\n", test_n_cases);                                                                     \
                for (size_t i = 0; i < test_n_cases; i++) {                                                           \
                        test_skipped = possible ? NULL : "takes root";                                                \
                        if (!test_skipped)                                                                            \
                                test_cases[i].run();                                                                  \
                        printf("ok %zu - %s%s%s\n", i + 1, test_cases[i].name, test_skipped ? " # SKIP " : "",        \
                               test_skipped ?: "");                                                                   \
                        (void) fflush(stdout);                                                                        \
                }                                                                                                     \
                return test_n_cases > 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                                \
        }

/* The rest of this test takes root; for anybody else it is skipped, and counted as that. */
#define TEST_NEEDS_ROOT                                                                                               \
        do {                                                                                                          \
                if (geteuid() != 0) {                                                                                 \
                        test_skipped = "takes root";                                                                  \
                        return;                                                                                       \
                }                                                                                                     \
        } while (false)

#define TEST_FAIL(...)                                                                                                \
        ({                                                                                                            \
                fprintf(stderr, "%s:%i: ", __FILE__, __LINE__);                                                       \
                fprintf(stderr, __VA_ARGS__);                                                                         \
                fputc('\n', stderr);                                                                                  \
                exit(EXIT_FAILURE);                                                                                   \
        })

#define ASSERT_TRUE(expr)                                                                                             \
        ({                                                                                                            \
                if (!(expr))                                                                                          \
                        TEST_FAIL("not true: %s", #expr);                                                             \
        })

/* Succeeds when the negative-errno expression is >= 0. */
#define ASSERT_OK(expr)                                                                                               \
        ({                                                                                                            \
                long long _r = (expr);                                                                                \
                if (_r < 0)                                                                                           \
                        TEST_FAIL("%s: %s", #expr, strerror((int) -_r));                                              \
        })

#define ASSERT_EQ(a, b)                                                                                               \
        ({                                                                                                            \
                long long _a = (long long) (a), _b = (long long) (b);                                                 \
                if (_a != _b)                                                                                         \
                        TEST_FAIL("%s is %lli, expected %s = %lli", #a, _a, #b, _b);                                  \
        })

#define ASSERT_ERR(expr, error) ASSERT_EQ(expr, error)

#define ASSERT_STREQ(a, b)                                                                                            \
        ({                                                                                                            \
                const char *_a = (a), *_b = (b);                                                                      \
                if (!streq_ptr(_a, _b))                                                                               \
                        TEST_FAIL("%s is \"%s\", expected \"%s\"", #a, _a ?: "(null)", _b ?: "(null)");               \
        })
