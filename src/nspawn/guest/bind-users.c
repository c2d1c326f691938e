/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the outer stage, when the guest's /run/host is there. A user's files keep their owner on
 * the host; the mount of the home shows them, and nobody else's, under a number of the guest's. So the user has no
 * rights on the host beyond the home, and it is all the same whether the guest has users of its own. The number is one
 * that no account of the guest's has; they are looked up in the files, since nothing of the guest runs yet. The
 * records lie where nss-systemd looks for them, by name and by number. */

#include "guest/bind-users.h"

#include <fcntl.h>

#include "engine/execute.h"
#include "fd.h"
#include "log.h"
#include "parse.h"
#include "path-in-root.h"
#include "strv.h"
#include "user-record.h"

#define DATABASE_MAX (4u * 1024u * 1024u)
#define USERDB "/run/host/userdb"

/* — the guest's own accounts — */

typedef struct Accounts {
        char *users, *groups; /* the files' text, NULL if there is none */
} Accounts;

static void accounts_done(Accounts *a) {
        free(a->users);
        free(a->groups);
}

static int read_database(int root_fd, const char *path, char **ret) {
        int r = root_read_file(root_fd, path, DATABASE_MAX, ret, NULL);

        if (r == -ENOENT)
                return 0;
        return r < 0 ? log_error_errno(r, "cannot read the machine's %s: %m", path) : 0;
}

/* The next entry of "name:password:number:…" lines; false at the end. */
static bool next_entry(const char **text, const char **ret_name, size_t *ret_name_length, unsigned long *ret_number) {
        const char *line = *text, *field = line;

        if (isempty(line))
                return false;
        *text = line + strcspn(line, "\n");
        *text += **text == '\n';
        *ret_name = line;
        *ret_name_length = strcspn(line, ":\n");
        for (unsigned i = 0; i < 2; i++) {
                field += strcspn(field, ":\n");
                field += *field == ':';
        }
        *ret_number = strtoul(field, NULL, 10);
        return true;
}

static bool has_name(const char *text, const char *name) {
        unsigned long number;
        size_t length;

        for (const char *entry; next_entry(&text, &entry, &length, &number);)
                if (length == strlen(name) && memcmp(entry, name, length) == 0)
                        return true;
        return false;
}

static bool has_number(const char *text, uid_t id) {
        unsigned long number;
        size_t length;

        for (const char *entry; next_entry(&text, &entry, &length, &number);)
                if (number == id)
                        return true;
        return false;
}

static int choose_numbers(StageContext *context, const Accounts *accounts) {
        const MachinePlan *plan = context->plan;
        uid_t id = BIND_USER_ID_MIN;

        context->bound_ids = calloc(plan->n_bound, sizeof(uid_t));
        if (!context->bound_ids)
                return log_oom();
        for (size_t i = 0; i < plan->n_bound; i++, id++) {
                const char *name = plan->bound[i].name;

                if (has_name(accounts->users, name) || has_name(accounts->groups, name))
                        return log_error_errno(-EEXIST,
                                               "--bind-user=%s: the machine has a user or group \"%s\" of its own",
                                               name, name);
                /* No further than it goes: the files may list a million. */
                while (id <= BIND_USER_ID_MAX && (has_number(accounts->users, id) || has_number(accounts->groups, id)))
                        id++;
                if (id > BIND_USER_ID_MAX)
                        return log_error_errno(-EBUSY,
                                               "--bind-user=%s: the machine has no user number from %u to %u left",
                                               name, BIND_USER_ID_MIN, BIND_USER_ID_MAX);
                context->bound_ids[i] = id;
        }
        return 0;
}

/* — what is made — */

/* Operations and the strings that they point to. */
typedef struct Work {
        OperationList list;
        char **strings;
} Work;

static void work_done(Work *w) {
        free(w->list.items);
        strv_free(w->strings);
}

static const char *last_string(const Work *w) {
        return w->strings[strv_length(w->strings) - 1];
}

static int add(Work *w, const Operation *o) {
        return operation_list_append(&w->list, o, 1);
}

/* A file, and a link to it if it is also known by a number. */
static int add_file(Work *w, const char *name, uid_t id, const char *suffix, char *content, mode_t mode) {
        Operation file = { .kind = OPERATION_FILE, .what = content, .mode = mode },
                  link = { .kind = OPERATION_SYMLINK };

        if (strv_push(&w->strings, content) < 0 || strv_append_printf(&w->strings, USERDB "/%s.%s", name, suffix) < 0)
                return -ENOMEM;
        file.where = last_string(w);
        link.what = file.where + CONST_STRLEN(USERDB "/");
        if (strv_append_printf(&w->strings, USERDB "/%u.%s", id, suffix) < 0)
                return -ENOMEM;
        link.where = last_string(w);
        return add(w, &file) < 0 || (id > 0 && add(w, &link) < 0) ? -ENOMEM : 0;
}

static int add_record(Work *w, const UserRecord *record, UserRecordPart part, const char *suffix, mode_t mode) {
        char *text;
        int r;

        r = user_record_format(record, part, &text);
        return r < 0 ? r : add_file(w, record->name, record->id, suffix, text, mode);
}

static int add_membership(Work *w, const char *user, const char *group) {
        _cleanup_free_ char *name = NULL;
        char *content = strdup("{}");

        if (!content)
                return -ENOMEM;
        if (asprintf(&name, "%s:%s", user, group) < 0) {
                free(content);
                return -ENOMEM;
        }
        return add_file(w, name, 0, "membership", content, 0644);
}

static int add_home(Work *w, const HostUser *user, const char *home, uid_t id) {
        Operation o = {
                .kind = OPERATION_BIND_HOST,
                .what = user->home,
                .flags = OPERATION_RECURSIVE | OPERATION_SHALLOW,
                .idmap = BIND_IDMAP_USER,
                .owner = { .host_uid = user->uid, .host_gid = user->gid, .guest_uid = id, .guest_gid = id },
        };

        if (strv_append(&w->strings, home) < 0)
                return -ENOMEM;
        o.where = last_string(w);
        return add(w, &o);
}

/* Not left to the guest: what systemd takes for a default here has become a shell in later releases only. */
static const char *default_shell(const StageContext *context) {
        _cleanup_close_ int fd = root_open(context->root_fd, "/bin/bash", O_PATH);

        return fd >= 0 ? "/bin/bash" : "/bin/sh";
}

static int add_user(Work *w, const StageContext *context, size_t i) {
        const HostUser *user = &context->plan->bound[i];
        _cleanup_free_ char *home = bind_users_home(user->name);
        const UserRecord record = {
                .name = user->name,
                .home = home,
                .shell = bind_users_shell(context, user) ?: default_shell(context),
                .password = user->password,
                .id = context->bound_ids[i],
        };
        int r;

        if (!home)
                return -ENOMEM;
        r = add_record(w, &record, USER_RECORD_USER, "user", 0644);
        if (r >= 0 && record.password)
                r = add_record(w, &record, USER_RECORD_USER_PRIVILEGED, "user-privileged", 0600);
        if (r >= 0)
                r = add_record(w, &record, USER_RECORD_GROUP, "group", 0644);
        STRV_FOREACH(group, context->config->bind_users.groups)
        if (r >= 0)
                r = add_membership(w, user->name, *group);
        return r < 0 ? r : add_home(w, user, home, record.id);
}

static int make_all(StageContext *context) {
        _cleanup_(work_done) Work work = {};
        ExecuteContext execute = {
                .root_fd = context->root_fd,
                .users_fd = context->users_fd,
                .users_base = context->users.base,
                .sysfs_fd = -EBADF,
        };
        const Operation directory = { .kind = OPERATION_DIRECTORY, .where = USERDB, .mode = 0755 };
        int r;

        r = add(&work, &directory);
        for (size_t i = 0; i < context->plan->n_bound && r >= 0; i++)
                r = add_user(&work, context, i);
        return r < 0 ? log_error_errno(r, "cannot describe the bound users: %m")
                     : execute_operations(&execute, &work.list);
}

int bind_users(StageContext *context) {
        _cleanup_(accounts_done) Accounts accounts = {};
        int r;

        if (context->plan->n_bound == 0)
                return 0;
        r = read_database(context->root_fd, "/etc/passwd", &accounts.users);
        if (r >= 0)
                r = read_database(context->root_fd, "/etc/group", &accounts.groups);
        if (r >= 0)
                r = choose_numbers(context, &accounts);
        return r < 0 ? r : make_all(context);
}

/* — for others — */

int bind_users_find(const StageContext *context, const char *name) {
        for (size_t i = 0; i < context->plan->n_bound; i++)
                if (streq(context->plan->bound[i].name, name))
                        return (int) i;
        return -ESRCH;
}

char *bind_users_home(const char *name) {
        char *path;

        return asprintf(&path, "/run/host/home/%s", name) < 0 ? NULL : path;
}

const char *bind_users_shell(const StageContext *context, const HostUser *user) {
        const char *shell = context->config->bind_users.shell;

        return shell && !*shell ? user->shell : shell;
}
