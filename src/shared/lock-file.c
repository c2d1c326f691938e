/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the file is removed by the last holder while it still holds it exclusively, so whoever
 * gets a lock must look whether the file it has locked is still there: a file without links was removed
 * between our open and our lock, and a newcomer would never meet us on it. Then we begin anew. A lock ends
 * with its last descriptor, so a crash leaves a stale file behind but never a lock. The kernel offers no lock
 * request with a time limit that needs neither signal nor thread; conflicts are rare and short (a machine
 * that has just been killed), so asking again every few milliseconds does. */

#include "lock-file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"

#define RETRY_USEC 10000

static int set_lock(int fd, short type) {
        struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

        if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
        return 0;
}

static short lock_type(LockMode mode) {
        return mode == LOCK_SHARED ? F_RDLCK : F_WRLCK;
}

/* -ESTALE: the file was removed before we had the lock. */
static int try_take(int dir_fd, const char *name, LockMode mode) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        r = set_lock(fd, lock_type(mode));
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_nlink > 0 ? TAKE_FD(fd) : -ESTALE;
}

int lock_file_take(int dir_fd, const char *name, LockMode mode, uint64_t timeout_usec, LockFile *ret) {
        _cleanup_close_ int own_dir_fd = -EBADF, fd = -EBADF;
        _cleanup_free_ char *copy = NULL;
        uint64_t end = clock_usec() + timeout_usec;

        own_dir_fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (own_dir_fd < 0)
                return -errno;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;

        for (;;) {
                fd = try_take(own_dir_fd, name, mode);
                if (fd >= 0)
                        break;
                if (fd != -EBUSY && fd != -ESTALE)
                        return fd;
                if (fd == -EBUSY && clock_usec() >= end)
                        return fd;
                if (fd == -EBUSY)
                        (void) usleep(RETRY_USEC);
        }
        *ret = (LockFile){ .dir_fd = TAKE_FD(own_dir_fd), .name = TAKE_PTR(copy), .fd = TAKE_FD(fd) };
        return 0;
}

int lock_file_change(LockFile *lock, LockMode mode, uint64_t timeout_usec) {
        uint64_t end = clock_usec() + timeout_usec;

        while (lock->fd >= 0) {
                int r = set_lock(lock->fd, lock_type(mode));

                if (r != -EBUSY || clock_usec() >= end)
                        return r;
                (void) usleep(RETRY_USEC);
        }
        return 0;
}

/* Only what the name still leads to is removed: the directory may be somebody else's. */
static void remove_own(const LockFile *lock) {
        struct stat held, named;

        if (fstat(lock->fd, &held) < 0 || fstatat(lock->dir_fd, lock->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        if (held.st_dev == named.st_dev && held.st_ino == named.st_ino)
                (void) unlinkat(lock->dir_fd, lock->name, 0);
}

void lock_file_release(LockFile *lock) {
        if (lock->fd >= 0 && set_lock(lock->fd, F_WRLCK) >= 0)
                remove_own(lock);
        lock_file_forget(lock);
}

void lock_file_forget(LockFile *lock) {
        lock->fd = safe_close(lock->fd);
        lock->dir_fd = safe_close(lock->dir_fd);
        free(TAKE_PTR(lock->name));
}
