/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "memory.h"

#include <sys/mman.h>

#include "test.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* The C library's code: where it is, and how much of it is mapped, in kB. */
static unsigned library_code(void **ret_begin, size_t *ret_size) {
        FILE *f = fopen("/proc/self/smaps", "re");
        unsigned long begin, end;
        unsigned kb = 0;
        bool found = false;
        char line[512];

        ASSERT_TRUE(f);
        while (kb == 0 && fgets(line, sizeof(line), f)) {
                if (strstr(line, " r-xp ") || strstr(line, "/libc.so")) {
                        found = strstr(line, " r-xp ") && strstr(line, "/libc.so") &&
                                sscanf(line, "%lx-%lx", &begin, &end) == 2;
                        continue;
                }
                if (found)
                        (void) sscanf(line, "Rss: %u kB", &kb);
        }
        (void) fclose(f);
        ASSERT_TRUE(kb > 0);
        *ret_begin = (void *) begin;
        *ret_size = end - begin;
        return kb;
}

TEST(code_goes_and_comes_back) {
        static unsigned counter = 1;
        char *kept = strdup("kept");
        unsigned before, after;
        void *begin;
        size_t size;

        (void) library_code(&begin, &size);
        ASSERT_OK(madvise(begin, size, MADV_POPULATE_READ));
        before = library_code(&begin, &size);
        ASSERT_TRUE(before > size / 1024 / 2);
        counter++;
        memory_give_back();
        after = library_code(&begin, &size);
        ASSERT_TRUE(after < before);
        ASSERT_STREQ(kept, "kept");
        ASSERT_EQ(counter, 2u);
        free(kept);
}

TEST_MAIN
