/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a machine runs on, and what it is called after that. */

#include <limits.h>

#include "config-resolve-test.h"
#include "config/names.h"

static int locate_alone(const char *line) {
        _cleanup_settings_ Settings cli = {};

        ASSERT_EQ(parse_line(line, &cli), 1);
        return config_locate(&cli, NULL);
}

TEST(names) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], host[HOST_NAME_MAX + 1];
        _cleanup_free_ char *clean = NULL;

        ASSERT_OK(resolve_line("", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) tree("my_tree-13.1-");
        ASSERT_OK(resolve_line("-M my-name -b", NULL, &c) == -ENOENT ? 0 : -EIO);
        ASSERT_LOGGED("no directory tree \"my-name\"");
        ASSERT_OK(resolve_line("-M tree -b", NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) snprintf(line, sizeof(line), "-D %s", tree("my_tree-13.1-"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "mytree-13.1");

        (void) snprintf(line, sizeof(line), "-D %s", tree("__"));
        ASSERT_TRUE(resolve_line(line, NULL, &c) < 0);
        ASSERT_LOGGED("cannot make a machine name of \"__\", give one with --machine=");

        (void) snprintf(line, sizeof(line), "-xD %s", tree("tree"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_EQ(strlen(c.source.machine), strlen("tree-0123456789abcdef"));
        ASSERT_TRUE(startswith(c.source.machine, "tree-") && machine_name_is_valid(c.source.machine));
        ASSERT_OK(resolve_line("-xM tree", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");

        ASSERT_OK(resolve_line("-xD /", NULL, &c));
        ASSERT_OK(gethostname(host, sizeof(host)));
        if (machine_name_clean(host, &clean) >= 0 && strlen(clean) <= 47)
                ASSERT_TRUE(startswith(c.source.machine, clean));
}

TEST(name_validity) {
        static const char *const bad[] = {
                "",    ".",   "-",        "a.",   ".a",
                "a-",  "-a",  "a..b",     "a.-b", "a-.b",
                "a b", "a_b", "\xc3\xa4", "a/b",  "0123456789012345678901234567890123456789012345678901234567890123X"
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_TRUE(!machine_name_is_valid(bad[i]));
        ASSERT_TRUE(machine_name_is_valid("a--b.C-1"));
        ASSERT_TRUE(machine_name_is_valid("obsbuild.123"));
        ASSERT_TRUE(machine_name_is_valid("0123456789012345678901234567890123456789012345678901234567890123"));
}

TEST(symlinks_name_the_machine) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        (void) tree("tree");
        (void) snprintf(line, sizeof(line), "%s/current", directory);
        ASSERT_OK(symlink("tree", line));
        (void) snprintf(line, sizeof(line), "-D %s/current/", directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "current");
        ASSERT_STREQ(c.source.directory, tree("tree"));

        (void) tree("tree/sub");
        (void) snprintf(line, sizeof(line), "-D %s/tree/sub/..", directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");

        ASSERT_OK(chdir(tree("tree")));
        ASSERT_OK(resolve_line("-D .", NULL, &c));
        ASSERT_STREQ(c.source.machine, "tree");
        ASSERT_OK(chdir("/"));
}

TEST(templates) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], path[128];

        /* What is not there yet: by path, symlinks on the way resolved; by name, in the first place for machines. */
        (void) tree("template");
        (void) tree("place");
        (void) snprintf(path, sizeof(path), "%s/way", directory);
        ASSERT_OK(symlink("place", path));
        (void) snprintf(line, sizeof(line), "-D %s/way/new_1 --template=%s/template", directory, directory);
        ASSERT_OK(resolve_line(line, NULL, &c));
        (void) snprintf(path, sizeof(path), "%s/place/new_1", directory);
        ASSERT_STREQ(c.source.directory, path);
        ASSERT_STREQ(c.source.template, tree("template"));
        ASSERT_STREQ(c.source.machine, "new1");
        ASSERT_OK(resolve_line("-M new --template=t", NULL, &c));
        ASSERT_STREQ(c.source.directory, "/nonexistent/new");
        ASSERT_STREQ(c.source.machine, "new");
        ASSERT_OK(resolve_line("-M tree --template=t", NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("tree"));
        ASSERT_ERR(resolve_line("-D /nonexistent/..", NULL, &c), -ENOENT);

        /* With --ephemeral it is the tree. */
        (void) snprintf(line, sizeof(line), "-x -M a --template=%s", tree("template"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.directory, tree("template"));
        ASSERT_STREQ(c.source.template, NULL);
        ASSERT_STREQ(c.source.machine, "a");

        ASSERT_TRUE(resolve_line("-D /tmp --template=t -x", NULL, &c) < 0);
        ASSERT_LOGGED("--template= cannot be used with --ephemeral");
        ASSERT_TRUE(resolve_line("--template=t", "[Exec]\nEphemeral=yes\n", &c) < 0);
        ASSERT_LOGGED("--template= cannot be used with --ephemeral");
        (void) snprintf(line, sizeof(line), "-i %s/template.raw --template=t", directory);
        (void) snprintf(path, sizeof(path), "%s/template.raw", directory);
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x", 1, 0600));
        ASSERT_TRUE(resolve_line(line, NULL, &c) < 0);
        ASSERT_LOGGED("cannot be used with --image=");
        ASSERT_OK(unlink(path));
        ASSERT_ERR(locate_alone("--template=t"), -EINVAL);
        ASSERT_LOGGED("--template= needs --directory= or --machine=");
}

TEST(images) {
        _cleanup_config_ MachineConfig c = {};
        char line[256], path[128];

        (void) snprintf(path, sizeof(path), "%s/disk_1.raw", directory);
        (void) tree("tree");
        ASSERT_OK(write_new_file_at(AT_FDCWD, path, "x", 1, 0600));
        (void) snprintf(line, sizeof(line), "-i %s", path);
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.image, path);
        ASSERT_STREQ(c.source.directory, NULL);
        ASSERT_STREQ(c.source.machine, "disk1");
        ASSERT_STREQ(source_path(&c.source), path);
        ASSERT_STREQ(c.env.file_systems, "btrfs:erofs:ext4:f2fs:squashfs:vfat:xfs");

        /* By name; a directory of that name comes first. */
        (void) snprintf(line, sizeof(line), "%s/disk-2.raw", directory);
        ASSERT_OK(symlink("disk_1.raw", line));
        ASSERT_OK(resolve_line("-M disk-2", NULL, &c));
        ASSERT_STREQ(c.source.image, path);
        ASSERT_STREQ(c.source.machine, "disk-2");
        (void) tree("disk-2");
        ASSERT_OK(resolve_line("-M disk-2", NULL, &c));
        ASSERT_STREQ(c.source.image, NULL);
        ASSERT_STREQ(c.source.directory, tree("disk-2"));

        (void) snprintf(line, sizeof(line), "-D %s", path);
        ASSERT_ERR(resolve_line(line, NULL, &c), -ENOTDIR);
        ASSERT_LOGGED("disk images go with --image=");
        (void) snprintf(line, sizeof(line), "-i %s", tree("tree"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EISDIR);
        ASSERT_LOGGED("directory trees go with --directory=");
        ASSERT_ERR(resolve_line("-i /dev/null", NULL, &c), -EBADF);
        (void) snprintf(line, sizeof(line), "-i %s -D %s", path, tree("tree"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_LOGGED("--directory=, --image= and --mstack=");
}

TEST(mount_stacks) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        (void) snprintf(line, sizeof(line), "--mstack=%s", tree("st_1.mstack"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st_1.mstack"));
        ASSERT_STREQ(c.source.directory, NULL);
        ASSERT_STREQ(c.source.machine, "st1");
        ASSERT_STREQ(source_path(&c.source), c.source.mstack);

        /* By name; a directory of that name comes first. */
        (void) tree("st-2.mstack");
        ASSERT_OK(resolve_line("-M st-2", NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st-2.mstack"));
        ASSERT_STREQ(c.source.machine, "st-2");
        (void) tree("st-2");
        ASSERT_OK(resolve_line("-M st-2", NULL, &c));
        ASSERT_STREQ(c.source.mstack, NULL);

        /* Versions. */
        (void) tree("st-3.mstack.v");
        (void) tree("st-3.mstack.v/st-3_1.mstack");
        (void) tree("st-3.mstack.v/st-3_2.mstack");
        ASSERT_OK(resolve_line("-M st-3", NULL, &c));
        ASSERT_STREQ(c.source.mstack, tree("st-3.mstack.v/st-3_2.mstack"));
        (void) snprintf(line, sizeof(line), "--mstack=%s", tree("st-3.mstack.v"));
        ASSERT_OK(resolve_line(line, NULL, &c));
        ASSERT_STREQ(c.source.machine, "st-3");

        (void) snprintf(line, sizeof(line), "--mstack=%s -x", tree("st-2.mstack"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_LOGGED("--ephemeral cannot be used with --mstack=");
        (void) snprintf(line, sizeof(line), "--mstack=%s -D /", tree("st-2.mstack"));
        ASSERT_ERR(resolve_line(line, NULL, &c), -EINVAL);
        ASSERT_ERR(resolve_line("--mstack=/dev/null", NULL, &c), -ENOTDIR);
        ASSERT_LOGGED("as mount stack");
}

TEST(missing_tree) {
        _cleanup_config_ MachineConfig c = {};
        char line[256];

        ASSERT_ERR(resolve_line("-D /nonexistent/tree", NULL, &c), -ENOENT);
        ASSERT_LOGGED("cannot use /nonexistent/tree as root directory: No such file");
        ASSERT_ERR(resolve_line("-D /etc/passwd", NULL, &c), -ENOTDIR);
        (void) snprintf(line, sizeof(line), "-D %s", "/dev/null");
        ASSERT_ERR(resolve_line(line, NULL, &c), -ENOTDIR);
}

TEST(cleanup) {
        _cleanup_config_ MachineConfig c = {};
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(resolve_line("--cleanup -M gone", NULL, &c));
        ASSERT_TRUE(c.source.cleanup && !c.source.directory);
        ASSERT_STREQ(c.source.machine, "gone");
        ASSERT_EQ(parse_line("--cleanup", &s), 1);
        ASSERT_ERR(config_locate(&s, NULL), -EINVAL);
        ASSERT_LOGGED("--cleanup needs --machine=, --directory=, --image=, --mstack= or --oci-bundle=");
}

TEST_MAIN
