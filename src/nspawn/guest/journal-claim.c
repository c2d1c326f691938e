/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage, on the host's files. The host keeps journals by machine ID, and a tree
 * names its own: one that names another's would get that one's journal to read and to change, or take its place. So a
 * directory is marked with the name of the machine that it was made for, and is no other's. One that has files and no
 * mark is nobody's: it may be of an earlier ID of the host itself. A link belongs to the tree that it leads to, for as
 * long as there is something. The user can say otherwise, by the attribute, or with an ID on the command line.
 *
 * The mark is in reach of the machine that the directory is bound into. What that could do with it is to give its own
 * journal away. */

#include "guest/journal-claim.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"

static _printf_(2, 3) int refuse(JournalClaim *claim, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(claim->why, sizeof(claim->why), format, ap);
        va_end(ap);
        return -EPERM;
}

static int is_empty(int dir_fd) {
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d) {
                int r = -errno;

                (void) safe_close(fd);
                return r;
        }
        for (struct dirent *e; n == 0 && (e = readdir(d));)
                n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
        (void) closedir(d);
        return n == 0;
}

/* The empty string for one that bears no mark, also where the file system has none. */
static int read_mark(int dir_fd, char ret[static 256]) {
        ssize_t n = fgetxattr(dir_fd, JOURNAL_OWNER_ATTRIBUTE, ret, 255);

        if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
                return -errno;
        ret[MAX(n, (ssize_t) 0)] = 0;
        return 0;
}

static int mark(int dir_fd, const char *machine) {
        if (fsetxattr(dir_fd, JOURNAL_OWNER_ATTRIBUTE, machine, strlen(machine), 0) < 0 && errno != EOPNOTSUPP)
                return -errno;
        return 0;
}

int journal_claim_directory(JournalClaim *claim) {
        _cleanup_close_ int fd = open(claim->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        char owner[256];
        int r;

        if (fd < 0)
                return -errno;
        r = read_mark(fd, owner);
        if (r < 0 || streq(owner, claim->machine))
                return r;
        if (claim->vouched)
                return mark(fd, claim->machine);
        if (*owner)
                return refuse(claim, "%s is the journal of the machine %s, which has the same machine ID", claim->path,
                              owner);
        r = is_empty(fd);
        if (r != 0)
                return r < 0 ? r : mark(fd, claim->machine);
        return refuse(claim,
                      "%s holds a journal that is not known to be this machine's; if it is: setfattr "
                      "-n " JOURNAL_OWNER_ATTRIBUTE " -v %s %s",
                      claim->path, claim->machine, claim->path);
}

int journal_claim_link(JournalClaim *claim, const char *existing) {
        if (claim->vouched || streq_ptr(existing, claim->target))
                return 0;
        if (access(claim->path, F_OK) < 0 && errno == ENOENT)
                return 0;
        return refuse(claim, "%s leads to the journal of another machine with the same machine ID, %s", claim->path,
                      existing);
}
