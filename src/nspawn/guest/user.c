/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the inner stage, in the new root. Who a user is, is the guest's own affair (NSS
 * modules, another libc, LDAP), so its own getent(1) is asked, in a child without any privilege: it is the
 * guest's code, and the stage still has the host's. What it prints is bounded and parsed with suspicion. Root
 * needs no question, which is the common and the fast case. */

#include "guest/user.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "guest/bind-users.h"
#include "guest/privileges.h"
#include "guest/starter.h"
#include "log.h"
#include "path-in-root.h"

#define ANSWER_MAX (64u * 1024u)
#define GROUPS_MAX 65536u
#define GETENT_TIMEOUT_SEC 10u
#define PASSWD_MAX (1024u * 1024u)

/* The guest's program gets none of the privileges that the stage still has, and cannot get at the stage, which is
 * not dumpable. */
static int give_up_privileges(void) {
        const SecurityPlan nothing = { .no_new_privileges = true, .personality = PERSONALITY_KEEP };

        return privileges_become(&nothing, 0, 0, NULL, 0);
}

static _noreturn_ void run_getent(int starter_fd, const char *database, const char *key, int out) {
        static char *const environment[] = { (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
        static char *const paths[] = { (char *) "/usr/bin/getent", (char *) "/bin/getent", NULL };
        char *const argv[] = { (char *) "getent", (char *) "--", (char *) database, (char *) key, NULL };
        const StarterRequest request = {
                .starter_fd = starter_fd,
                .socket_fd = -EBADF,
                .paths = paths,
                .argv = argv,
                .environment = environment,
        };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null >= 0)
                (void) dup2(null, STDIN_FILENO), (void) dup2(null, STDERR_FILENO);
        (void) dup2(out, STDOUT_FILENO);
        if (give_up_privileges() < 0)
                _exit(EXIT_FAILURE);
        (void) alarm(GETENT_TIMEOUT_SEC); /* a directory service that does not answer shall not hang the start */
        _exit(starter_execute(&request) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* We are PID 1: what the guest's program left running is ours to end, and nothing of it sees the machine start. */
static void end_leftovers(void) {
        (void) kill(-1, SIGKILL);
        while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
                ;
}

/* The first line that getent prints, or -ESRCH if it knows no such key. */
static int getent(int starter_fd, const char *database, const char *key, char **ret) {
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        _cleanup_free_ char *answer = NULL;
        int pair[2], status, r;
        pid_t pid;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        in = pair[0];
        out = pair[1];
        (void) prctl(PR_SET_DUMPABLE, 0);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_getent(starter_fd, database, key, out);
        out = safe_close(out);
        r = read_fd(in, ANSWER_MAX, &answer, NULL);
        in = safe_close(in);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        end_leftovers();
        if (r < 0)
                return r;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || isempty(answer))
                return -ESRCH;
        answer[strcspn(answer, "\n")] = 0;
        *ret = TAKE_PTR(answer);
        return 0;
}

static int parse_id(const char *text, uid_t *ret) {
        unsigned long value;
        char *end;

        if (isempty(text) || strspn(text, "0123456789") != strlen(text))
                return -EINVAL;
        errno = 0;
        value = strtoul(text, &end, 10);
        if (errno > 0 || value >= (uid_t) -1)
                return -ERANGE;
        *ret = (uid_t) value;
        return 0;
}

/* name:password:uid:gid:gecos:home:shell */
static int parse_passwd(StageContext *context, char *line) {
        char *field[7] = {};

        for (size_t i = 0; i < ELEMENTSOF(field); i++) {
                field[i] = strsep(&line, ":");
                if (!field[i])
                        return -EBADMSG;
        }
        if (parse_id(field[2], &context->uid) < 0 || parse_id(field[3], &context->gid) < 0)
                return -EBADMSG;
        context->user_name = strdup(field[0]);
        context->home = strdup(*field[5] == '/' ? field[5] : "/");
        context->shell = strdup(*field[6] == '/' ? field[6] : "/bin/sh");
        return context->user_name && context->home && context->shell ? 0 : -ENOMEM;
}

/* "name gid gid …" */
static int read_groups(StageContext *context) {
        _cleanup_free_ char *answer = NULL;
        char *rest;
        int r;

        r = getent(context->starter_fd, "initgroups", context->user_name, &answer);
        if (r < 0)
                return r == -ESRCH ? 0 : r;
        rest = answer;
        (void) strsep(&rest, " \t");
        for (const char *word; rest && (word = strsep(&rest, " \t"));) {
                gid_t *bigger, gid;

                if (isempty(word))
                        continue;
                if (parse_id(word, &gid) < 0 || context->n_groups >= GROUPS_MAX)
                        return -EBADMSG;
                bigger = reallocarray(context->groups, context->n_groups + 1, sizeof(gid_t));
                if (!bigger)
                        return -ENOMEM;
                context->groups = bigger;
                context->groups[context->n_groups++] = gid;
        }
        return 0;
}

static int use_root(StageContext *context) {
        context->user_name = strdup("root");
        context->home = strdup("/root");
        return context->user_name && context->home ? 0 : log_oom();
}

/* Known from the host, whether or not the guest's name service reads the record that it was given. */
static int use_bound(StageContext *context, int i) {
        const HostUser *user = &context->plan->bound[i];
        const char *shell = bind_users_shell(context, user);

        context->uid = context->gid = context->bound_ids[i];
        context->user_name = strdup(user->name);
        context->home = bind_users_home(user->name);
        context->shell = shell ? strdup(shell) : NULL;
        return context->user_name && context->home && (!shell || context->shell) ? read_groups(context) : -ENOMEM;
}

/* The home of a number, as the machine's own list of users has it: no service is asked, and a home that cannot be found
 * out is nothing to fail for. */
static int find_home(StageContext *context) {
        _cleanup_free_ char *text = NULL;
        char *rest;

        if (root_read_file(context->root_fd, "/etc/passwd", PASSWD_MAX, &text, NULL) < 0)
                return 0;
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                char *field[7] = {};
                size_t n = 0;
                uid_t uid;

                while (n < ELEMENTSOF(field) && (field[n] = strsep(&line, ":")))
                        n++;
                if (n < ELEMENTSOF(field) || parse_id(field[2], &uid) < 0 || uid != context->uid || *field[5] != '/')
                        continue;
                context->home = strdup(field[5]);
                return context->home ? 0 : -ENOMEM;
        }
        return 0;
}

/* A bundle gives numbers, of which nobody in the machine need know. */
static int use_numbers(StageContext *context) {
        const OciConfig *oci = &context->config->oci;

        context->uid = oci->uid;
        context->gid = oci->gid;
        context->groups = calloc(oci->n_groups + 1, sizeof(gid_t));
        if (!context->groups || asprintf(&context->user_name, "%u", oci->uid) < 0)
                return log_oom();
        for (size_t i = 0; i < oci->n_groups; i++)
                context->groups[context->n_groups++] = oci->groups[i];
        if (find_home(context) < 0)
                return log_oom();
        if (!context->home)
                context->home = strdup(oci->uid == 0 ? "/root" : "/");
        return context->home ? 0 : log_oom();
}

int user_resolve(StageContext *context) {
        const char *user = context->config->payload.user;
        _cleanup_free_ char *line = NULL;
        uid_t number;
        int bound, r;

        if (!user && context->config->oci.user_set)
                return use_numbers(context);
        if (!user || streq(user, "root") || streq(user, "0"))
                return use_root(context);

        bound = bind_users_find(context, user);
        r = bound < 0 ? getent(context->starter_fd, "passwd", user, &line) : use_bound(context, bound);
        if (r == -ESRCH && parse_id(user, &number) >= 0) {
                /* A number needs no name. */
                context->uid = context->gid = number;
                context->user_name = strdup(user);
                context->home = strdup("/");
                return context->user_name && context->home ? 0 : log_oom();
        }
        if (r == -ESRCH)
                return log_error_errno(r, "--uid=%s: the machine knows no such user", user);
        if (r >= 0 && line)
                r = parse_passwd(context, line);
        if (r >= 0 && line)
                r = read_groups(context);
        return r < 0 ? log_error_errno(r, "--uid=%s: cannot make sense of what the machine's getent says: %m", user)
                     : 0;
}
