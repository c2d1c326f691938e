/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, in the host's namespaces. The receiver, which reads what the guest sends,
 * is to get hold of nothing but the journal. A directory is given to it as it is. A file, though, has neighbours that
 * are none of its business, and yet has to be renamed when it is full, and some time later removed, in the directory
 * that they share. So the receiver gets a directory of its own, a temporary one beside the file, with further links to
 * the file and to what was renamed of it. Whatever it does to them there is repeated outside as soon as it is seen, for
 * names that belong to the file, and for regular files alone. What is written needs no repeating: it is the same
 * file. */

#include "host/journal-target.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fd.h"
#include "log.h"

#define SUFFIX ".journal"
#define BUDGET_MIN (UINT64_C(1) << 20) /* two files of the smallest size */

typedef int (*each_function_t)(const JournalTarget *target, const char *name);

bool journal_name_belongs_to(const char *name, const char *file) {
        size_t stem = strlen(file) - CONST_STRLEN(SUFFIX);

        if (streq(name, file))
                return true;
        return strncmp(name, file, stem) == 0 && name[stem] == '@' &&
                (endswith(name, SUFFIX) || endswith(name, SUFFIX "~"));
}

uint64_t journal_budget(const ForwardJournalConfig *config, uint64_t used, uint64_t available) {
        uint64_t budget = config->max_use.set ? config->max_use.value : UINT64_MAX, room;

        if (!config->keep_free.set)
                return budget;
        room = used + available > config->keep_free.value ? used + available - config->keep_free.value : 0;
        room = MAX(room, BUDGET_MIN);
        return MIN(budget, room);
}

/* Calls each() for the names in a directory that belong to the file, or for all if there is none. */
static int for_each(const JournalTarget *target, int dir_fd, each_function_t each) {
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (!d) {
                result = -errno;
                (void) safe_close(fd);
                return result;
        }
        for (struct dirent *e; (e = readdir(d));) {
                int r = journal_name_belongs_to(e->d_name, target->file) ? each(target, e->d_name) : 0;

                if (result == 0)
                        result = MIN(r, 0);
        }
        (void) closedir(d);
        return result;
}

/* A name that may have another file already gets this one in one step. */
static int link_over(int from_fd, int to_fd, const char *name, uid_t owner, bool any_owner) {
        _cleanup_close_ int fd = openat(from_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char temporary[NAME_MAX + 1];
        struct stat st, existing;

        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISREG(st.st_mode) || (!any_owner && st.st_uid != owner))
                return 0;
        if (fstatat(to_fd, name, &existing, AT_SYMLINK_NOFOLLOW) >= 0 && existing.st_dev == st.st_dev &&
            existing.st_ino == st.st_ino)
                return 0;
        if (snprintf(temporary, sizeof(temporary), ".#%s", name) >= (int) sizeof(temporary))
                return -ENAMETOOLONG;
        if (unlinkat(to_fd, temporary, 0) < 0 && errno != ENOENT)
                return -errno;
        if (linkat(fd, "", to_fd, temporary, AT_EMPTY_PATH) < 0)
                return -errno;
        if (renameat(to_fd, temporary, to_fd, name) < 0) {
                int r = -errno;

                (void) unlinkat(to_fd, temporary, 0);
                return r;
        }
        return 0;
}

static int take_in(const JournalTarget *target, const char *name) {
        return link_over(target->holder_fd, target->directory_fd, name, target->owner, false);
}

static int give_out(const JournalTarget *target, const char *name) {
        return link_over(target->directory_fd, target->holder_fd, name, 0, true);
}

/* The file itself is missing for a moment when it has been renamed. */
static int drop_removed(const JournalTarget *target, const char *name) {
        struct stat st;

        if (streq(name, target->file) || faccessat(target->directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0 ||
            fstatat(target->holder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            st.st_uid != target->owner)
                return 0;
        return unlinkat(target->holder_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int journal_target_publish(const JournalTarget *target) {
        int r, k;

        if (!target->file)
                return 0;
        r = for_each(target, target->directory_fd, give_out);
        k = for_each(target, target->holder_fd, drop_removed);
        return r < 0 ? r : k;
}

int journal_target_measure(const JournalTarget *target, uint64_t *ret_used, uint64_t *ret_available) {
        int fd = openat(target->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct statvfs fs;
        uint64_t used = 0;
        struct stat st;

        if (!d || fstatvfs(target->directory_fd, &fs) < 0) {
                int r = -errno;

                d ? (void) closedir(d) : (void) safe_close(fd);
                return r;
        }
        for (struct dirent *e; (e = readdir(d));)
                if (fstatat(target->directory_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode))
                        used += (uint64_t) st.st_blocks * 512;
        (void) closedir(d);
        *ret_used = used;
        *ret_available = (uint64_t) fs.f_bavail * fs.f_frsize;
        return 0;
}

static int remove_if_empty(void *userdata) {
        (void) rmdir(userdata);
        return 0;
}

static int make_directory(UndoLog *undo, const char *path) {
        if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        return undo_add(undo, "journal directory", remove_if_empty, (void *) path);
}

static int open_directory(UndoLog *undo, const char *path, JournalTarget *target) {
        struct stat st;
        int r;

        r = make_directory(undo, path);
        if (r < 0)
                return log_error_errno(r, "--forward-journal=%s: cannot make this directory: %m", path);
        target->directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (target->directory_fd < 0 && errno == ENOTDIR)
                return log_error_errno(-ENOTDIR,
                                       "--forward-journal=%s: is no directory, and a file has to be named "
                                       "something" SUFFIX,
                                       path);
        if (target->directory_fd < 0 || fstat(target->directory_fd, &st) < 0)
                return log_error_errno(-errno, "--forward-journal=%s: %m", path);
        target->owner = st.st_uid;
        target->group = st.st_gid;
        return 0;
}

/* Whom a file belongs to, or will. */
static int find_owner(const char *path, JournalTarget *target) {
        struct stat st;

        if (fstatat(target->holder_fd, target->file, &st, AT_SYMLINK_NOFOLLOW) >= 0 && !S_ISREG(st.st_mode))
                return log_error_errno(-EEXIST, "--forward-journal=%s: is no regular file", path);
        if (fstatat(target->holder_fd, target->file, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
            fstat(target->holder_fd, &st) < 0)
                return log_error_errno(-errno, "--forward-journal=%s: %m", path);
        target->owner = st.st_uid;
        target->group = st.st_gid;
        return 0;
}

static int open_file(Temporaries *temporaries, const char *path, JournalTarget *target) {
        _cleanup_free_ char *directory = NULL;
        const char *name;
        int r;

        target->holder_fd = open_parent(path, &name);
        if (target->holder_fd < 0)
                return log_error_errno(target->holder_fd, "--forward-journal=%s: the directory that it is in: %m",
                                       path);
        target->file = strdup(name);
        if (!target->file)
                return log_oom();
        r = find_owner(path, target);
        if (r < 0)
                return r;
        r = temporary_make_beside(temporaries, path, &directory);
        if (r >= 0)
                target->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r >= 0 &&
            (target->directory_fd < 0 || fchown(target->directory_fd, target->owner, target->group) < 0 ||
             fchmod(target->directory_fd, 0700) < 0))
                r = -errno;
        if (r >= 0)
                r = for_each(target, target->holder_fd, take_in);
        if (r < 0)
                return log_error_errno(r, "--forward-journal=%s: cannot make a directory beside it to write in: %m",
                                       path);
        return 0;
}

int journal_target_open(UndoLog *undo, Temporaries *temporaries, const char *path, JournalTarget *ret) {
        JournalTarget target = JOURNAL_TARGET_NONE;
        const char *suffix = endswith(path, SUFFIX);
        struct stat st;
        int r;

        if (suffix && suffix[-1] != '/' && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
                r = open_file(temporaries, path, &target);
        else
                r = open_directory(undo, path, &target);
        if (r < 0) {
                journal_target_close(&target);
                return r;
        }
        *ret = target;
        return 0;
}

void journal_target_close(JournalTarget *target) {
        (void) safe_close(target->directory_fd);
        (void) safe_close(target->holder_fd);
        free(target->file);
        *target = JOURNAL_TARGET_NONE;
}
