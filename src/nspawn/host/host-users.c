/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, among the facts: a name that is wrong is told before anything is done,
 * and no module of the name service is loaded where the guest's things are in sight. A number needs no entry in the
 * database; then its group has the same number. */

#include "host/host-users.h"

#include <grp.h>
#include <pwd.h>
#include <shadow.h>

#include "log.h"
#include "parse.h"
#include "strv.h"
#include "user-record.h"

/* errno is left alone where there is no such entry, or set to one of many numbers. */
static int log_unknown(const char *what, const char *name) {
        return log_error_errno(-ESRCH, "the host has no %s \"%s\"", what, name);
}

static int find_user(const char *name, HostIds *ret) {
        const struct passwd *entry;
        uint64_t number;

        if (parse_unsigned(name, UINT32_MAX - 1, &number) >= 0) {
                entry = getpwuid((uid_t) number);
                *ret = (HostIds){ .uid = (uid_t) number, .gid = entry ? entry->pw_gid : (gid_t) number };
                return 0;
        }
        entry = getpwnam(name);
        if (!entry)
                return log_unknown("user", name);
        *ret = (HostIds){ .uid = entry->pw_uid, .gid = entry->pw_gid };
        return 0;
}

static int find_group(const char *name, gid_t *ret) {
        const struct group *entry;
        uint64_t number;

        if (parse_unsigned(name, UINT32_MAX - 1, &number) >= 0) {
                *ret = (gid_t) number;
                return 0;
        }
        entry = getgrnam(name);
        if (!entry)
                return log_unknown("group", name);
        *ret = entry->gr_gid;
        return 0;
}

int host_users_of_mounts(const MountsConfig *mounts, HostIds **ret) {
        _cleanup_free_ HostIds *ids = NULL;

        for (size_t i = 0; i < mounts->n_items; i++) {
                const CustomMount *m = &mounts->items[i];
                int r;

                if (m->idmap != BIND_IDMAP_USER)
                        continue;
                ids = ids ?: calloc(mounts->n_items, sizeof(HostIds));
                if (!ids)
                        return log_oom();
                r = find_user(m->map.user, &ids[i]);
                if (r >= 0 && m->map.group)
                        r = find_group(m->map.group, &ids[i].gid);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(ids);
        return 0;
}

void host_users_free(HostUser *users, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(users[i].name);
                free(users[i].home);
                free(users[i].shell);
                free(users[i].password);
        }
        free(users);
}

/* Locked and empty passwords, and those that are elsewhere, are no hashes. */
static bool lets_somebody_in(const char *password) {
        return password && !streq(password, "x") && strlen(password) > 1 && !strchr("!*", *password);
}

static int describe(const char *name, HostUser *ret) {
        const struct passwd *entry = getpwnam(name);
        const struct spwd *shadow;

        if (!entry)
                return log_unknown("user", name);
        if (entry->pw_uid == 0)
                return log_error_errno(-EINVAL, "--bind-user=%s: this is root by another name", name);
        if (entry->pw_dir[strspn(entry->pw_dir, "/")] == 0 || *entry->pw_dir != '/') /* "/" would be all of the host */
                return log_error_errno(-EINVAL, "--bind-user=%s: this user has no home directory", name);
        ret->uid = entry->pw_uid;
        ret->gid = entry->pw_gid;
        ret->name = strdup(name);
        ret->home = strdup(entry->pw_dir);
        if (!ret->name || !ret->home)
                return log_oom();
        if (entry->pw_shell[0] == '/' && !(ret->shell = strdup(entry->pw_shell)))
                return log_oom();
        shadow = getspnam(name); /* none without privileges: then nothing is started either */
        if (shadow && lets_somebody_in(shadow->sp_pwdp) && !(ret->password = strdup(shadow->sp_pwdp)))
                return log_oom();
        return 0;
}

int host_users_of_names(char *const *names, HostUser **ret, size_t *ret_n) {
        size_t n = strv_length(names);
        HostUser *users;
        int r = 0;

        if (n == 0)
                return 0;
        if (user_record_load() < 0)
                return log_error_errno(-ENOPKG,
                                       "--bind-user= takes the library json-c, which is not installed "
                                       "(libjson-c5 on Debian)");
        users = calloc(n, sizeof(HostUser));
        if (!users)
                return log_oom();
        for (size_t i = 0; i < n && r >= 0; i++)
                r = describe(names[i], &users[i]);
        if (r < 0) {
                host_users_free(users, n);
                return r;
        }
        *ret = users;
        *ret_n = n;
        return 0;
}
