/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/journal-target.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fd.h"
#include "test.h"

TEST_MAIN

TEST(names) {
        static const struct {
                const char *name;
                bool belongs;
        } cases[] = {
                { "a.journal", true },
                { "a@1.journal", true },
                { "a@1.journal~", true },
                { "a@1", false },
                { "a@1.journal.bak", false },
                { "ab.journal", false },
                { "ab@1.journal", false },
                { "a", false },
                { "", false },
                { ".#a.journal.0123", false },
                { "a.journal~", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (journal_name_belongs_to(cases[i].name, "a.journal") != cases[i].belongs)
                        TEST_FAIL("%s is judged wrongly", cases[i].name);
}

TEST(budget) {
        const uint64_t m = UINT64_C(1) << 20;
        ForwardJournalConfig c = {};

        ASSERT_TRUE(journal_budget(&c, 5 * m, 100 * m) == UINT64_MAX);
        c.max_use = (AmountLimit){ true, 30 * m };
        ASSERT_EQ(journal_budget(&c, 50 * m, 0), 30 * m);
        c.keep_free = (AmountLimit){ true, 90 * m };
        ASSERT_EQ(journal_budget(&c, 5 * m, 100 * m), 15 * m);
        ASSERT_EQ(journal_budget(&c, 5 * m, 200 * m), 30 * m);
        ASSERT_EQ(journal_budget(&c, 5 * m, 10 * m), 1 * m);
        c.max_use.set = false;
        ASSERT_EQ(journal_budget(&c, 5 * m, 200 * m), 115 * m);
        c.keep_free.value = 0;
        ASSERT_EQ(journal_budget(&c, 5 * m, 200 * m), 205 * m);
}

/* — what happens to a file — */

static char directory[] = "/tmp/nspawn-test.XXXXXX";

static void make_file(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

        ASSERT_TRUE(fd >= 0);
}

static bool same(int a_fd, const char *a, int b_fd, const char *b) {
        struct stat x, y;

        return fstatat(a_fd, a, &x, AT_SYMLINK_NOFOLLOW) >= 0 && fstatat(b_fd, b, &y, AT_SYMLINK_NOFOLLOW) >= 0 &&
                x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static bool exists(int dir_fd, const char *name) {
        return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

TEST(publish) {
        JournalTarget t = JOURNAL_TARGET_NONE;
        UndoLog undo = {};
        Temporaries temporaries = { .undo = &undo };
        _cleanup_free_ char *path = NULL;
        int own, outside;

        TEST_NEEDS_ROOT;
        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_TRUE(asprintf(&path, "%s/a.journal", directory) > 0);
        temporaries.runtime_fd = outside = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        make_file(outside, "a.journal");
        make_file(outside, "a@1.journal");
        make_file(outside, "b@1.journal");
        ASSERT_TRUE(symlinkat("/etc/passwd", outside, "a@link.journal") >= 0);

        ASSERT_OK(journal_target_open(&undo, &temporaries, path, &t));
        own = t.directory_fd;
        ASSERT_STREQ(t.file, "a.journal");
        ASSERT_TRUE(same(own, "a.journal", outside, "a.journal") && same(own, "a@1.journal", outside, "a@1.journal"));
        ASSERT_TRUE(!exists(own, "b@1.journal") && !exists(own, "a@link.journal"));

        /* It is full, and the oldest goes. */
        ASSERT_TRUE(renameat(own, "a.journal", own, "a@2.journal") >= 0 && unlinkat(own, "a@1.journal", 0) >= 0);
        ASSERT_OK(journal_target_publish(&t));
        ASSERT_TRUE(exists(outside, "a.journal") && same(own, "a@2.journal", outside, "a@2.journal"));
        make_file(own, "a.journal");
        ASSERT_OK(journal_target_publish(&t));
        ASSERT_TRUE(same(own, "a.journal", outside, "a.journal") && !exists(outside, "a@1.journal"));
        ASSERT_TRUE(exists(outside, "b@1.journal") && exists(outside, "a@link.journal"));

        /* It has been taken over. */
        ASSERT_TRUE(unlinkat(own, "a.journal", 0) >= 0 && symlinkat("/etc/shadow", own, "a.journal") >= 0);
        ASSERT_TRUE(symlinkat("/etc/shadow", own, "a@3.journal") >= 0 && mkdirat(own, "a@4.journal", 0755) >= 0);
        make_file(own, "b.journal");
        ASSERT_TRUE(linkat(own, "a@2.journal", own, "b@1.journal", 0) >= 0);
        ASSERT_OK(journal_target_publish(&t));
        ASSERT_TRUE(!exists(outside, "a@3.journal") && !exists(outside, "a@4.journal"));
        ASSERT_TRUE(!exists(outside, "b.journal"));
        ASSERT_TRUE(!same(own, "b@1.journal", outside, "b@1.journal") &&
                    !same(own, "a.journal", outside, "a.journal"));

        journal_target_close(&t);
        undo_run(&undo);
        ASSERT_TRUE(exists(outside, "a.journal") && exists(outside, "a@2.journal"));
        (void) safe_close(outside);
        ASSERT_OK(remove_tree_at(AT_FDCWD, directory));
}

TEST(directories) {
        static char place[] = "/tmp/nspawn-test.XXXXXX";
        JournalTarget t = JOURNAL_TARGET_NONE;
        _cleanup_free_ char *path = NULL;
        UndoLog undo = {};
        Temporaries temporaries = { .undo = &undo, .runtime_fd = -EBADF };

        TEST_NEEDS_ROOT;
        ASSERT_TRUE(mkdtemp(place));
        ASSERT_TRUE(asprintf(&path, "%s/journals", place) > 0);
        ASSERT_OK(journal_target_open(&undo, &temporaries, path, &t));
        ASSERT_TRUE(!t.file && t.holder_fd < 0);
        ASSERT_OK(journal_target_publish(&t));
        journal_target_close(&t);
        undo_run(&undo);
        ASSERT_ERR(access(path, F_OK) < 0 ? -errno : 0, -ENOENT);

        ASSERT_OK(journal_target_open(&undo, &temporaries, path, &t));
        make_file(t.directory_fd, "remote-a.journal");
        journal_target_close(&t);
        undo_run(&undo);
        ASSERT_OK(access(path, F_OK) < 0 ? -errno : 0);
        ASSERT_OK(remove_tree_at(AT_FDCWD, place));
}
