/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whom the host's journal directories belong to. */

#include "guest/journal-claim.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"
#include "test.h"

TEST_MAIN

static char place[] = "/var/tmp/nspawn-test.XXXXXX"; /* /tmp may be a file system without attributes */
static char path[128];

static void begin(void) {
        (void) snprintf(strrchr(place, '.'), 8, ".XXXXXX");
        ASSERT_TRUE(mkdtemp(place));
        (void) snprintf(path, sizeof(path), "%s/id", place);
}

static void end(void) {
        ASSERT_OK(remove_tree_at(AT_FDCWD, place));
}

static JournalClaim claim_of(const char *machine, bool vouched) {
        return (JournalClaim){ .path = path, .machine = machine, .target = "/trees/a/log", .vouched = vouched };
}

static int claim(const char *machine, bool vouched) {
        JournalClaim c = claim_of(machine, vouched);

        return journal_claim_directory(&c);
}

static void make_file(void) {
        char file[160];

        (void) snprintf(file, sizeof(file), "%s/system.journal", path);
        ASSERT_OK(write_new_file_at(AT_FDCWD, file, "x", 1, 0640));
}

TEST(a_new_directory_is_its_first_machines) {
        JournalClaim c = claim_of("b", false);

        begin();
        ASSERT_ERR(claim("a", false), -ENOENT);
        ASSERT_TRUE(mkdir(path, 0755) >= 0);
        ASSERT_OK(claim("a", false));
        make_file();
        ASSERT_OK(claim("a", false));
        ASSERT_ERR(journal_claim_directory(&c), -EPERM);
        ASSERT_TRUE(strstr(c.why, "the journal of the machine a"));
        ASSERT_ERR(claim("", false), -EPERM);
        ASSERT_ERR(claim("ab", false), -EPERM);
        ASSERT_OK(claim("a", false));
        end();
}

TEST(an_old_directory_is_nobodys) {
        JournalClaim c = claim_of("a", false);

        begin();
        ASSERT_TRUE(mkdir(path, 0755) >= 0);
        make_file();
        ASSERT_ERR(journal_claim_directory(&c), -EPERM);
        ASSERT_TRUE(strstr(c.why, "setfattr -n user.nspawn.machine -v a "));
        ASSERT_TRUE(setxattr(path, JOURNAL_OWNER_ATTRIBUTE, "a", 1, 0) >= 0);
        ASSERT_OK(claim("a", false));
        end();
}

TEST(the_users_word_counts) {
        begin();
        ASSERT_TRUE(mkdir(path, 0755) >= 0);
        make_file();
        ASSERT_OK(claim("a", true));
        ASSERT_OK(claim("a", false));
        ASSERT_OK(claim("b", true));
        ASSERT_ERR(claim("a", false), -EPERM);
        end();
}

TEST(others) {
        begin();
        ASSERT_TRUE(symlink(place, path) >= 0);
        ASSERT_ERR(claim("a", true), -ENOTDIR);
        ASSERT_TRUE(unlink(path) >= 0);
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x", 1, 0640));
        ASSERT_ERR(claim("a", true), -ENOTDIR);
        end();
}

TEST(links) {
        JournalClaim c = claim_of("a", false);

        begin();
        ASSERT_TRUE(symlink("/trees/b/log", path) >= 0);
        ASSERT_OK(journal_claim_link(&c, "/trees/a/log"));
        ASSERT_OK(journal_claim_link(&c, "/trees/b/log")); /* leads nowhere */
        ASSERT_TRUE(unlink(path) >= 0 && symlink(place, path) >= 0);
        ASSERT_ERR(journal_claim_link(&c, place), -EPERM);
        ASSERT_TRUE(strstr(c.why, place));
        c = claim_of("a", true);
        ASSERT_OK(journal_claim_link(&c, place));
        c = claim_of("a", false);
        c.target = NULL;
        ASSERT_ERR(journal_claim_link(&c, place), -EPERM);
        end();
}
