/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Golden plans. Each file given begins with a command line,
 *
 *     $ [NAME=VALUE…] nspawn ARGUMENT…
 *
 * and goes on with the plan it makes on a host whose facts are fixed here: what --dry-run would print, or
 * what is said when it is refused. The tree is /srv/guest and need not exist; nothing of this machine is
 * looked at. A variable HOST_DEVICES=no stands for a host without /dev/fuse and /dev/net/tun,
 * HOST_USER_NAMESPACES=no for a kernel without them, HOST_SELINUX=yes for one with SELinux. Whom the first mounts map
 * on the host are 1000, 1001 and 1002, whatever is said. With UPDATE_PLANS=1 the files are written anew instead, to be
 * read before they are committed. */

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/resolve.h"
#include "config/command-line.h"
#include "fd.h"
#include "log.h"
#include "parse.h"
#include "plan/plan.h"
#include "strv.h"

static void print_log(int level, const char *text, void *userdata) {
        (void) level;
        fprintf(userdata, "log: %s\n", text);
}

static void fixed_facts(HostFacts *ret) {
        static char *host[] = { (char *) "container_host_id=debian", NULL };
        static HostIds mapped[] = { { 1000, 100 }, { 1001, 100 }, { 1002, 100 } };
        bool devices = !streq_ptr(getenv("HOST_DEVICES"), "no");

        *ret = (HostFacts) {
                .have_fuse = devices,
                .have_tun = devices,
                .have_selinux = streq_ptr(getenv("HOST_SELINUX"), "yes"),
                .have_user_namespaces = !streq_ptr(getenv("HOST_USER_NAMESPACES"), "no"),
                .container_host = host,
                .mapped = mapped,
                .security = {
                        .capabilities = (UINT64_C(1) << (CAP_LAST_CAP + 1)) - 1,
                        .nr_open = 1 << 20,
                        .nproc = { 1000, 2000 },
                        .sigpending = { 1000, 2000 },
                        /* The numbers of system calls are the architecture's, and have a test of their own. */
                        .seccomp_disabled = true,
                },
                .network = {
                        .machine_id = SD_ID128_MAKE(0a, 4b, a4, ef, 7b, 1b, 4c, 3c, a2, b5, 1f, f6, bc, 1c, b3, c8),
                        .naming_scheme = network_naming_scheme(getenv("NET_NAMING_SCHEME")),
                },
        };
}

static void bind_users(const MachineConfig *config, HostFacts *facts) {
        static HostUser users[4];

        for (; facts->n_bound < strv_length(config->bind_users.names); facts->n_bound++)
                users[facts->n_bound] = (HostUser){
                        .name = config->bind_users.names[facts->n_bound],
                        .home = (char *) "/home/of",
                        .uid = 1000,
                        .gid = 100,
                };
        facts->bound = users;
}

static int configure(char **argv, MachineConfig *ret) {
        _cleanup_settings_ Settings cli = {};
        SourceConfig *source = &cli.value.source;
        int r;

        r = command_line_parse((int) strv_length(argv), argv, &cli);
        if (r < 0)
                return r;
        source->directory = strdup("/srv/guest");
        cli.plain_name = strdup(source->machine ?: "guest");
        cli.tree_parent = strdup("/srv");
        if (!source->directory || !cli.plain_name || !cli.tree_parent)
                return -ENOMEM;
        settings_mark(&cli, value.source.directory);
        return config_resolve(&cli, NULL, ret);
}

static void print_plan(char **argv, FILE *f) {
        _cleanup_(machine_config_free) MachineConfig config = {};
        _cleanup_machine_plan_ MachinePlan plan = {};
        HostFacts facts;
        int r;

        fixed_facts(&facts);
        r = configure(argv, &config);
        if (r >= 0)
                bind_users(&config, &facts);
        if (r >= 0)
                r = machine_plan_make(&config, &facts, &plan);
        if (r >= 0)
                machine_plan_print(&config, &plan, f);
        else
                fprintf(f, "refused: %s\n", strerrorname_np(-r));
}

/* Runs in a child, so that variables and what is kept of them stay apart. */
static int make_plan(const char *line, FILE *f) {
        _cleanup_strv_ char **words = NULL;
        char **argv;

        for (const char *rest = line;;) {
                char *word;
                int r = split_word(&rest, " ", &word);

                if (r <= 0)
                        break;
                if (strv_push(&words, word) < 0)
                        return EXIT_FAILURE;
        }
        for (argv = words; argv && *argv && !streq(*argv, "nspawn"); argv++)
                if (putenv(*argv) != 0)
                        return EXIT_FAILURE;
        if (!argv || !*argv)
                return EXIT_FAILURE;
        log_set_sink(print_log, f);
        print_plan(argv, f);
        return fflush(f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The plan for a command line; NULL if it could not be made. */
static char *plan_of(const char *line) {
        FILE *f = tmpfile();
        char *text = NULL;
        int status;
        pid_t pid;

        if (!f)
                return NULL;
        (void) fflush(NULL);
        pid = fork();
        if (pid == 0)
                exit(make_plan(line, f));
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || lseek(fileno(f), 0, SEEK_SET) != 0 ||
            read_fd(fileno(f), 1 << 20, &text, NULL) < 0)
                text = NULL;
        (void) fclose(f);
        return text;
}

static int update(const char *path, const char *line, const char *plan) {
        FILE *f = fopen(path, "w");

        if (!f)
                return -errno;
        fprintf(f, "$ %s\n%s", line, plan);
        return fclose(f) == 0 ? 0 : -errno;
}

/* The first line in which the two differ, as TAP diagnostics. */
static void print_difference(const char *expected, const char *got) {
        while (*expected && *got) {
                size_t a = strcspn(expected, "\n"), b = strcspn(got, "\n");

                if (a != b || memcmp(expected, got, a) != 0)
                        break;
                expected += a + (expected[a] != 0);
                got += b + (got[b] != 0);
        }
        printf("#   expected: %.*s\n#   got:      %.*s\n", (int) strcspn(expected, "\n"), expected,
               (int) strcspn(got, "\n"), got);
}

static bool test_file(const char *path) {
        _cleanup_free_ char *text = NULL, *plan = NULL;
        char *expected;

        if (read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL) < 0 || !startswith(text, "$ "))
                return false;
        expected = text + strcspn(text, "\n");
        if (*expected)
                *expected++ = 0;
        plan = plan_of(text + 2);
        if (!plan)
                return false;
        if (getenv("UPDATE_PLANS"))
                return update(path, text + 2, plan) >= 0;
        if (streq(plan, expected))
                return true;
        print_difference(expected, plan);
        return false;
}

int main(int argc, char *argv[]) {
        bool all = argc > 1;

        printf("1..%i\n", argc - 1);
        for (int i = 1; i < argc; i++) {
                const char *name = strrchr(argv[i], '/');
                bool good = test_file(argv[i]);

                printf("%s %i - %s\n", good ? "ok" : "not ok", i, name ? name + 1 : argv[i]);
                all = all && good;
        }
        return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
