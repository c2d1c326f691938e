/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor before it forks anybody, so that the minder holds a copy of the lock. A
 * range is free if nobody has its lock, which is systemd-nspawn's: /run/systemd/nspawn-uid/BASE, and if the host knows
 * no user or group at either of its ends. First the tree's own range is tried, then the one that belongs to the
 * machine's name, so that a machine has the same at every start; then any. */

#include "host/uid-range.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "host/runtime-directory.h"
#include "log.h"

#define LOCKS "/run/systemd/nspawn-uid"
#define ATTEMPTS_MAX 100u

static int open_locks(void) {
        int fd = open(LOCKS, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                return fd;
        if ((mkdir("/run/systemd", 0755) < 0 && errno != EEXIST) || (mkdir(LOCKS, 0755) < 0 && errno != EEXIST))
                return -errno;
        fd = open(LOCKS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The last user but one of the range: the very last is "nobody" in 16 bits. */
static bool known_to_host(uid_t base) {
        const uid_t end = base + UID_RANGE_SIZE - 2;

        return getpwuid(base) || getpwuid(end) || getgrgid(base) || getgrgid(end);
}

static int try_range(int locks_fd, uid_t base, LockFile *ret) {
        LockFile lock = LOCK_FILE_NONE;
        char file[16];
        int r;

        (void) snprintf(file, sizeof(file), "%u", base);
        r = lock_file_take(locks_fd, file, LOCK_EXCLUSIVE, 0, &lock);
        if (r < 0)
                return r;
        if (known_to_host(base)) {
                lock_file_release(&lock);
                return -EBUSY;
        }
        *ret = lock;
        return 0;
}

static int candidate(unsigned attempt, uid_t tree_base, const char *machine, uid_t *ret) {
        uint32_t random;

        if (attempt == 0)
                *ret = tree_base;
        else if (attempt == 1)
                *ret = uid_range_of_name(machine);
        else if (getrandom(&random, sizeof(random), 0) == sizeof(random))
                *ret = uid_range_of_number(random);
        else
                return errno_or_eio();
        return 0;
}

static int pick(const char *machine, uid_t tree_base, LockFile *lock, uid_t *ret) {
        _cleanup_close_ int locks = open_locks();

        if (locks < 0)
                return log_error_errno(locks, LOCKS ": %m");
        for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
                uid_t base;
                int r;

                r = candidate(attempt, tree_base, machine, &base);
                if (r < 0)
                        return log_error_errno(r, "cannot get random bytes: %m");
                if (!uid_range_may_be_picked(base))
                        continue;
                r = try_range(locks, base, lock);
                if (r >= 0) {
                        *ret = base;
                        return 0;
                }
                if (r != -EBUSY)
                        return log_error_errno(r, "cannot take the lock " LOCKS "/%u: %m", base);
        }
        return log_error_errno(-EBUSY, "no free range of users was found; give one with --private-users=BASE");
}

static int undo_lock(void *userdata) {
        lock_file_release(userdata);
        return 0;
}

static int take_lock(UndoLog *undo, const char *machine, int runtime_fd, LockFile *lock, UserMapping *mapping) {
        int r;

        r = pick(machine, mapping->tree_base, lock, &mapping->base);
        if (r < 0)
                return r;
        r = undo_add(undo, "lock of a range of users", undo_lock, lock);
        if (r < 0)
                return r;
        r = runtime_record_write(runtime_fd, RUNTIME_RECORD_USERS, lock->name);
        return r < 0 ? log_error_errno(r, "cannot record the machine's range of users: %m") : 0;
}

int uid_range_take(UndoLog *undo, const UserNamespaceConfig *config, const char *machine, int tree_fd, int runtime_fd,
                   LockFile *lock, UserMapping *ret) {
        UserMapping mapping;
        struct stat st = {};
        int r;

        if (tree_fd >= 0 && fstat(tree_fd, &st) < 0)
                return log_error_errno(-errno, "cannot tell the tree's owner: %m");
        r = user_mapping_plan(config, st.st_uid, st.st_gid, &mapping);
        if (r >= 0 && config->range.mode == USERS_PICK)
                r = take_lock(undo, machine, runtime_fd, lock, &mapping);
        if (r >= 0 && tree_fd >= 0)
                r = user_mapping_complete(config, &mapping);
        if (r < 0)
                return r;
        *ret = mapping;
        return 0;
}

void uid_range_remove_stale(const char *record) {
        _cleanup_close_ int locks = open(LOCKS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_lock_file_ LockFile lock = LOCK_FILE_NONE;

        if (strspn(record, "0123456789") != strlen(record) || isempty(record) || locks < 0)
                return;
        if (lock_file_take(locks, record, LOCK_EXCLUSIVE, 0, &lock) < 0)
                log_debug(LOCKS "/%s is in use by another machine", record);
}
