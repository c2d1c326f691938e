/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the tree is walked twice. First all names of files with several are counted, so that one that
 * has names outside of the tree too, which would give away somebody else's file, is found before anything is done; then
 * the owners are changed. In between, the top directory gets an owner that nobody has, and it gets its own last: as
 * long as that is not so, the work is not done, and doing it again does no harm, since it only ever replaces the upper
 * half of numbers.
 *
 * chown(2) drops set-id bits and capabilities, which therefore have to be put back. So that being killed between the
 * two does not lose them, they are noted on the file before, in an attribute that only the host's root can make. */

#include "owner-shift.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <search.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tree-walk.h"

#define RANGE_MASK UINT32_C(0xffff0000)
#define NOTE "trusted.nspawn.chown"

static uint32_t shifted(uint32_t id, uid_t base) {
        return base | (id & ~RANGE_MASK);
}

/* — values of attributes — */

typedef struct AclEntry {
        uint16_t tag, permissions;
        uint32_t id;
} AclEntry;

enum { ACL_VERSION = 2, ACL_TAG_USER = 0x02, ACL_TAG_GROUP = 0x08 };

int owner_shift_acl(void *value, size_t size, uid_t base) {
        char *p = value;
        uint32_t version;
        bool changed = false;

        if (size < sizeof(version) || (size - sizeof(version)) % sizeof(AclEntry) != 0)
                return -EBADMSG;
        memcpy(&version, p, sizeof(version));
        if (le32toh(version) != ACL_VERSION)
                return -EBADMSG;
        for (size_t at = sizeof(version); at < size; at += sizeof(AclEntry)) {
                AclEntry e;
                uint32_t id;

                memcpy(&e, p + at, sizeof(e));
                if (le16toh(e.tag) != ACL_TAG_USER && le16toh(e.tag) != ACL_TAG_GROUP)
                        continue;
                id = htole32(shifted(le32toh(e.id), base));
                changed |= id != e.id;
                e.id = id;
                memcpy(p + at, &e, sizeof(e));
        }
        return changed;
}

_Static_assert(OWNER_SHIFT_CAPABILITY_MAX == XATTR_CAPS_SZ_3, "another kind of file capability is known now");

int owner_shift_capability(void *value, size_t *size, uid_t base) {
        struct vfs_ns_cap_data data = {};
        uint32_t magic, revision, root;

        if (*size < sizeof(data.magic_etc) || *size > sizeof(data))
                return -EBADMSG;
        memcpy(&data, value, *size);
        magic = le32toh(data.magic_etc);
        revision = magic & VFS_CAP_REVISION_MASK;
        if (!(revision == VFS_CAP_REVISION_2 && *size == XATTR_CAPS_SZ_2) &&
            !(revision == VFS_CAP_REVISION_3 && *size == XATTR_CAPS_SZ_3))
                return -EBADMSG;
        root = shifted(le32toh(data.rootid), base); /* 0 if there is none */
        magic = (magic & ~VFS_CAP_REVISION_MASK) | (root > 0 ? VFS_CAP_REVISION_3 : VFS_CAP_REVISION_2);
        data.magic_etc = htole32(magic);
        data.rootid = htole32(root);
        *size = root > 0 ? XATTR_CAPS_SZ_3 : XATTR_CAPS_SZ_2;
        memcpy(value, &data, *size);
        return 0;
}

/* — one file — */

/* What chown(2) loses. */
typedef struct Note {
        uint32_t mode;
        uint32_t capability_size;
        char capability[OWNER_SHIFT_CAPABILITY_MAX];
} Note;

static bool is_missing(int error) {
        return error == ENODATA || error == EOPNOTSUPP;
}

static bool worth_noting(const Note *note) {
        return (note->mode & (S_ISUID | S_ISGID)) || note->capability_size > 0;
}

/* What an earlier call noted, and has perhaps lost, or what there is now. */
static int take_note(const char *path, const struct stat *st, Note *note) {
        ssize_t n;

        n = getxattr(path, NOTE, note, sizeof(*note));
        if (n == sizeof(*note) && note->capability_size <= sizeof(note->capability))
                return 0;
        *note = (Note){ .mode = st->st_mode & 07777 };
        n = getxattr(path, "security.capability", note->capability, sizeof(note->capability));
        if (n < 0 && !is_missing(errno))
                return -errno;
        note->capability_size = (uint32_t) MAX(n, 0);
        if (worth_noting(note) && setxattr(path, NOTE, note, sizeof(*note), 0) < 0 && !is_missing(errno))
                return -errno;
        return 0;
}

static int put_back(const char *path, Note *note, uid_t base) {
        size_t size = note->capability_size;

        if (!worth_noting(note))
                return 0;
        if (chmod(path, note->mode & 07777) < 0)
                return -errno;
        if (size > 0 && owner_shift_capability(note->capability, &size, base) >= 0 &&
            setxattr(path, "security.capability", note->capability, size, 0) < 0)
                return -errno;
        return removexattr(path, NOTE) < 0 && !is_missing(errno) ? -errno : 0;
}

static int shift_acl(const char *path, const char *name, uid_t base) {
        char value[XATTR_SIZE_MAX];
        ssize_t n = getxattr(path, name, value, sizeof(value));
        int r;

        if (n < 0)
                return is_missing(errno) ? 0 : -errno;
        r = owner_shift_acl(value, (size_t) n, base);
        if (r <= 0)
                return r;
        return setxattr(path, name, value, (size_t) n, 0) < 0 ? -errno : 0;
}

static int change_owner(int fd, const struct stat *st, uid_t base) {
        uid_t uid = shifted(st->st_uid, base);
        gid_t gid = shifted(st->st_gid, base);

        if (uid == st->st_uid && gid == st->st_gid)
                return 0;
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* The link in procfs leads to what the fd is of and opens nothing, so that a FIFO or a device is as good as a file. */
static int shift_file(int fd, const struct stat *st, uid_t base) {
        bool set_id = !S_ISDIR(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID));
        char path[32];
        Note note = {};
        int r = 0;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
        /* Most files have nothing but their owner; symlinks never do that concerns us. */
        if (S_ISLNK(st->st_mode) || (!set_id && listxattr(path, NULL, 0) == 0))
                return change_owner(fd, st, base);
        if (!S_ISDIR(st->st_mode))
                r = take_note(path, st, &note);
        if (r >= 0)
                r = change_owner(fd, st, base);
        if (r >= 0)
                r = put_back(path, &note, base);
        if (r >= 0)
                r = shift_acl(path, "system.posix_acl_access", base);
        if (r >= 0 && S_ISDIR(st->st_mode))
                r = shift_acl(path, "system.posix_acl_default", base);
        return r;
}

/* — files with several names — */

typedef struct Links {
        dev_t device;
        ino_t inode;
        nlink_t missing; /* names that were not met yet */
} Links;

typedef struct Shift {
        const OwnerShift *how;
        void *links;    /* a tree of Links, for tsearch(3) */
        Links *outside; /* one with names that are not in the tree, or NULL */
        uint64_t done, total;
} Shift;

static int compare_links(const void *a, const void *b) {
        const Links *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int count_link(Shift *s, const struct stat *st) {
        Links *links = malloc(sizeof(*links)), **found;

        if (!links)
                return -ENOMEM;
        *links = (Links){ .device = st->st_dev, .inode = st->st_ino, .missing = st->st_nlink };
        found = tsearch(links, &s->links, compare_links);
        if (!found || *found != links)
                free(links);
        if (!found)
                return -ENOMEM;
        (*found)->missing--;
        return 0;
}

static int visit_to_count(_unused_ int fd, const struct stat *st, void *userdata) {
        Shift *s = userdata;

        s->total++;
        return S_ISDIR(st->st_mode) || st->st_nlink < 2 ? 0 : count_link(s, st);
}

static void find_outside(const void *node, VISIT which, void *userdata) {
        Shift *s = userdata;
        Links *links = *(Links *const *) node;

        if ((which == postorder || which == leaf) && links->missing > 0)
                s->outside = links;
}

static int visit_to_find(_unused_ int fd, const struct stat *st, void *userdata) {
        const Shift *s = userdata;

        return st->st_dev == s->outside->device && st->st_ino == s->outside->inode ? -EMLINK : 0;
}

static int check_links(Shift *s, int top_fd, char **ret_where) {
        int r;

        r = tree_walk(top_fd, visit_to_count, s, ret_where);
        if (r >= 0)
                twalk_r(s->links, find_outside, s);
        if (r >= 0 && s->outside)
                r = tree_walk(top_fd, visit_to_find, s, ret_where);
        tdestroy(TAKE_PTR(s->links), free);
        return r;
}

/* — the tree — */

static int visit_to_shift(int fd, const struct stat *st, void *userdata) {
        Shift *s = userdata;

        if (s->how->progress)
                s->how->progress(s->done++, s->total, s->how->userdata);
        return shift_file(fd, st, s->how->base);
}

static int mark_busy(int top_fd, const struct stat *st) {
        return fchownat(top_fd, "", shifted(st->st_uid, OWNER_SHIFT_BUSY), shifted(st->st_gid, OWNER_SHIFT_BUSY),
                        AT_EMPTY_PATH) < 0
                ? -errno
                : 0;
}

int owner_shift(int top_fd, const OwnerShift *how, char **ret_where) {
        Shift s = { .how = how };
        struct stat st;
        int r;

        *ret_where = NULL;
        if (fstat(top_fd, &st) < 0)
                return -errno;
        if (((st.st_uid ^ how->base) & RANGE_MASK) == 0 && ((st.st_gid ^ how->base) & RANGE_MASK) == 0)
                return 0;
        r = check_links(&s, top_fd, ret_where);
        if (r >= 0)
                r = mark_busy(top_fd, &st);
        if (r >= 0)
                r = tree_walk(top_fd, visit_to_shift, &s, ret_where);
        if (r >= 0)
                r = shift_file(top_fd, &st, how->base);
        return r < 0 ? r : 1;
}
