/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile trees that change while they are looked at. */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clock.h"
#include "hostile-tree.h"

/* A process that does this over and over, until it is killed or we die. */
static pid_t start_attacker(void (*attack)(void)) {
        pid_t parent = getpid(), pid = fork();

        ASSERT_TRUE(pid >= 0);
        if (pid > 0)
                return pid;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent)
                for (unsigned i = 0; i < 64; i++)
                        attack();
        _exit(EXIT_SUCCESS);
}

static void stop_attacker(pid_t pid) {
        ASSERT_TRUE(kill(pid, SIGKILL) >= 0);
        ASSERT_TRUE(waitpid(pid, NULL, 0) == pid);
}

/* Two links to the canary take turns with the directory. */
static void swap_directory(void) {
        (void) renameat2(base_fd, "tree/a", base_fd, "tree/evil", RENAME_EXCHANGE);
        (void) renameat2(base_fd, "tree/a", base_fd, "tree/vile", RENAME_EXCHANGE);
}

TEST(directory_swapped_for_a_link) {
        _cleanup_close_ int root = new_tree();
        uint64_t end = clock_usec() + 1500000;
        unsigned rounds = 0, failed = 0;
        pid_t attacker;

        ASSERT_TRUE(mkdirat(root, "a", 0755) >= 0);
        ASSERT_OK(write_new_file_at(root, "a/secret", "tree\n", 5, 0644));
        link_to_base(root, "evil", "canary");
        ASSERT_TRUE(symlinkat("../canary", root, "vile") >= 0);

        attacker = start_attacker(swap_directory);
        for (; clock_usec() < end; rounds++) {
                char text[101];
                int r = read_into(root, "a/secret", text);

                if (r >= 0)
                        ASSERT_TRUE(!streq(text, SECRET));
                failed += r < 0;
                (void) done(root_open(root, "a/secret", O_WRONLY | O_TRUNC));
                (void) done(root_mkdir(root, "a/x/y/z", 0755));
                (void) done(root_mount_point(root, "a/file", false));
                (void) done(root_mount_point(root, "a/x/w", true));
                r = root_replace_file(root, "a/secret", "pwned\n", 6);
                r = root_replace_symlink(root, "pwned", "a/link");
                r = root_symlink(root, "pwned", "a/l");
                r = remove_tree_at(root, "a/x");
        }
        stop_attacker(attacker);
        printf("# %u rounds, %u met a link\n", rounds, failed);
        ASSERT_TRUE(rounds > 10);
        assert_canary();
}

/* A directory leaves the tree and returns, with us perhaps just in it and about to go up. */
static void move_out_and_in(void) {
        (void) renameat(base_fd, "tree/m/d", base_fd, "canary/d");
        (void) renameat(base_fd, "canary/d", base_fd, "tree/m/d");
}

TEST(directory_moved_out) {
        _cleanup_close_ int root = new_tree();
        uint64_t end = clock_usec() + 1500000;
        unsigned rounds = 0, found = 0;
        pid_t attacker;

        ASSERT_TRUE(mkdirat(root, "m", 0755) >= 0 && mkdirat(root, "m/d", 0755) >= 0);
        ASSERT_OK(write_new_file_at(root, "m/secret", "tree\n", 5, 0644));

        attacker = start_attacker(move_out_and_in);
        for (; clock_usec() < end; rounds++) {
                char text[101];

                if (read_into(root, "m/d/../secret", text) >= 0) {
                        ASSERT_STREQ(text, "tree\n");
                        found++;
                }
                if (read_into(root, "m/d/../../canary/secret", text) >= 0)
                        TEST_FAIL("the canary was read");
        }
        stop_attacker(attacker);
        (void) renameat(base_fd, "canary/d", base_fd, "tree/m/d");
        printf("# %u rounds, %u found what they looked for\n", rounds, found);
        ASSERT_TRUE(rounds > 10);
        assert_canary();
}

/* The last part of the path changes kind: a link to the canary, a FIFO, a directory. */
static void swap_file(void) {
        (void) renameat2(base_fd, "tree/f", base_fd, "tree/link", RENAME_EXCHANGE);
        (void) renameat2(base_fd, "tree/f", base_fd, "tree/fifo", RENAME_EXCHANGE);
        (void) renameat2(base_fd, "tree/f", base_fd, "tree/dir", RENAME_EXCHANGE);
}

TEST(file_swapped) {
        _cleanup_close_ int root = new_tree();
        uint64_t end = clock_usec() + 1500000;
        unsigned rounds = 0;
        pid_t attacker;

        ASSERT_OK(write_new_file_at(root, "f", "tree\n", 5, 0644));
        link_to_base(root, "link", "canary/secret");
        ASSERT_TRUE(mkfifoat(root, "fifo", 0644) >= 0 && mkdirat(root, "dir", 0755) >= 0);

        attacker = start_attacker(swap_file);
        for (; clock_usec() < end; rounds++) {
                char text[101];
                int r;

                if (read_into(root, "f", text) >= 0)
                        ASSERT_TRUE(!streq(text, SECRET));
                (void) done(root_mount_point(root, "f", false));
                (void) done(root_mount_point(root, "f", true));
                (void) done(root_open(root, "f", O_WRONLY | O_TRUNC | O_NONBLOCK));
                (void) root_exists(root, "f");
                r = root_symlink(root, "x", "f");
                ASSERT_TRUE(r < 0);
        }
        stop_attacker(attacker);
        printf("# %u rounds\n", rounds);
        ASSERT_TRUE(rounds > 10);
        assert_canary();
}

TEST_MAIN
