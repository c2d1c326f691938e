/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Visiting all that is in a tree of files, whoever has made it. */

#include <sys/stat.h>

#include "macros.h"

typedef struct TreeWalk TreeWalk;

/* An entry, as an O_PATH fd that is closed afterwards: of a symlink itself, of a directory before what is in it. A
 * negative errno ends the walk. */
typedef int (*tree_visit_t)(int fd, const struct stat *st, void *userdata);

/* Visits everything below the directory top_fd but not itself, each name once. Follows no symlink and leaves out
 * what something is mounted on. Uses few fds, however deep the tree is. Returns what a visit returned, or an error of
 * its own, -ESTALE among them: somebody else moved directories meanwhile. Then *ret_where, if it is wanted, is the path
 * below the top where that was, the caller's to free, or NULL. */
int tree_walk(int top_fd, tree_visit_t visit, void *userdata, char **ret_where) _must_check_;
