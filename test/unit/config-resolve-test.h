/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Command lines and settings files all the way to a MachineConfig, with trees in a directory of the test's own. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-test.h"
#include "config/locate.h"
#include "config/resolve.h"
#include "config/settings-file.h"
#include "fd.h"

/* A dot before the random part: a letter after a hyphen could be an option. */
static char directory[] = "/tmp/nspawn-test.XXXXXX";

static void remove_directory(void) {
        (void) remove_tree_at(AT_FDCWD, directory);
}

/* Makes the test's directory on first use and the tree in it. */
static _unused_ const char *tree(const char *name) {
        static char path[128];

        if (endswith(directory, "XXXXXX")) {
                ASSERT_TRUE(mkdtemp(directory));
                (void) atexit(remove_directory);
        }
        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        ASSERT_TRUE(mkdir(path, 0755) >= 0 || errno == EEXIST);
        return path;
}

/* What becomes of this command line (of a tree called "tree" unless it names one) and this file. */
static _unused_ int resolve_line(const char *line, const char *text, MachineConfig *ret) {
        _cleanup_settings_ Settings cli = {}, file = {};
        _cleanup_free_ char *copy = text ? strdup(text) : NULL;
        bool named = strstr(line, "-D") || strstr(line, "-M") || strstr(line, "-i ") || strstr(line, "--mstack=");
        char with_tree[512];
        int r;

        machine_config_free(ret);
        (void) snprintf(with_tree, sizeof(with_tree), named ? "%s" : "-D %2$s %1$s", line, tree("tree"));
        ASSERT_EQ(parse_line(with_tree, &cli), 1);
        r = config_locate(&cli, (const char *const[]){ "/nonexistent", directory, NULL });
        if (r < 0)
                return r;
        if (copy)
                ASSERT_OK(settings_file_parse("x.nspawn", true, copy, strlen(copy), &file));
        return config_resolve(&cli, text ? &file : NULL, ret);
}

#define _cleanup_config_ _cleanup_(machine_config_free)
