/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the last thing the inner stage does. The environment is made from nothing, so nothing of
 * the caller's leaks in but what is named here. The signals by which systemd is told to shut down are blocked
 * before it is executed: PID 1 of a PID namespace loses a signal it has no handler for, but a blocked one is
 * kept for it, so a stop that arrives before systemd is ready is carried out as soon as it is. */

#include "guest/payload.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "guest/stub-init.h"
#include "log.h"
#include "strv.h"

#define LISTEN_FDS_START 3u

/* For unused names, so that "cd $HOME" and PATH look-ups work on merged and on split /usr alike. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int append_terminal(StageContext *context) {
        static const char *const passed[] = { "COLORTERM", "NO_COLOR" };
        const char *term = context->console_is_pty ? getenv("TERM") : NULL;
        int r;

        r = strv_append_printf(&context->environment, "TERM=%s", isempty(term) ? "dumb" : term);
        for (size_t i = 0; i < ELEMENTSOF(passed) && r >= 0; i++) {
                const char *value = getenv(passed[i]);

                if (value)
                        r = strv_append_printf(&context->environment, "%s=%s", passed[i], value);
        }
        return r;
}

static int append_user(StageContext *context) {
        int r;

        r = strv_append_printf(&context->environment, "HOME=%s", context->home);
        if (r >= 0)
                r = strv_append_printf(&context->environment, "USER=%s", context->user_name);
        if (r >= 0)
                r = strv_append_printf(&context->environment, "LOGNAME=%s", context->user_name);
        if (r >= 0 && context->config->payload.mode != START_BOOT)
                r = strv_append(&context->environment, "LANG=C.UTF-8");
        return r;
}

static int append_listen_fds(StageContext *context) {
        const char *names = getenv("LISTEN_FDNAMES");
        int r;

        if (context->n_listen_fds == 0)
                return 0;
        r = strv_append_printf(&context->environment, "LISTEN_FDS=%u", context->n_listen_fds);
        if (r >= 0)
                r = strv_append(&context->environment, "LISTEN_PID=1");
        if (r >= 0 && names)
                r = strv_append_printf(&context->environment, "LISTEN_FDNAMES=%s", names);
        return r;
}

static int build_environment(StageContext *context) {
        const char *manager = context->config->env.container_service ?: "systemd-nspawn";
        char ***e = &context->environment;
        int r;

        r = strv_append(e, "PATH=" DEFAULT_PATH);
        if (r >= 0)
                r = strv_append_printf(e, "container=%s", manager);
        if (r >= 0)
                r = append_terminal(context);
        if (r >= 0)
                r = append_user(context);
        if (r >= 0)
                r = strv_append_printf(e, "container_uuid=" SD_ID128_UUID_FORMAT_STR,
                                       SD_ID128_FORMAT_VAL(context->uuid));
        if (r >= 0)
                r = append_listen_fds(context);
        if (r >= 0)
                r = strv_append(e, "NOTIFY_SOCKET=/run/host/notify");
        if (r >= 0 && context->config->credentials.n_items > 0)
                r = strv_append(e, "CREDENTIALS_DIRECTORY=/run/host/credentials");
        STRV_FOREACH(s, context->facts->container_host)
                if (r >= 0)
                        r = strv_append(e, *s);
        STRV_FOREACH(s, context->config->payload.environment)
                if (r >= 0)
                        r = strv_env_set(e, *s);
        return r;
}

static int build_arguments(StageContext *context) {
        int r = 0;

        if (context->config->payload.mode == START_BOOT)
                r = strv_append(&context->argv, context->init);
        STRV_FOREACH(s, context->config->payload.argv)
                if (r >= 0)
                        r = strv_append(&context->argv, *s);
        return r;
}

int payload_prepare(StageContext *context) {
        int r;

        r = build_environment(context);
        if (r >= 0)
                r = build_arguments(context);
        return r < 0 ? log_oom() : 0;
}

static int enter_directory(const StageContext *context) {
        const char *directory = context->config->payload.chdir;

        if (directory)
                return chdir(directory) < 0 ? log_error_errno(-errno, "--chdir=%s: %m", directory) : 0;
        /* A login shell begins at home; a missing home is nothing to fail for. */
        if (!context->argv && chdir(context->home) < 0)
                log_debug("%s: no such home directory in the machine", context->home);
        return 0;
}

static void reset_signals(bool boot) {
        sigset_t set;

        for (int sig = 1; sig < _NSIG; sig++)
                (void) signal(sig, SIG_DFL);
        (void) sigemptyset(&set);
        /* SIGRTMIN+3…6: halt, power off, reboot, kexec; +13…16: the same at once. */
        for (int i = 3; boot && i <= 6; i++) {
                (void) sigaddset(&set, SIGRTMIN + i);
                (void) sigaddset(&set, SIGRTMIN + i + 10);
        }
        (void) sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Only standard input and output and the activation sockets go on. */
static void select_descriptors(unsigned n_listen_fds) {
        for (unsigned i = 0; i < n_listen_fds; i++)
                (void) fd_set_cloexec((int) (LISTEN_FDS_START + i), false);
        (void) close_range(LISTEN_FDS_START + n_listen_fds, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int execute_shell(StageContext *context) {
        const char *const shells[] = { context->shell, "/bin/bash", "/bin/sh" };

        for (size_t i = 0; i < ELEMENTSOF(shells); i++) {
                char *argv[2] = {};

                if (!shells[i])
                        continue;
                /* A leading dash in its name is what makes a shell a login shell. */
                if (asprintf(&argv[0], "-%s", strrchr(shells[i], '/') + 1) < 0)
                        return log_oom();
                (void) execve(shells[i], argv, context->environment);
                free(argv[0]);
        }
        return log_error_errno(-errno, "no shell can be run in the machine: %m");
}

static bool is_elf(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char magic[4] = {};

        return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t) sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0;
}

/* A script without a first line that names its shell. */
static void execute_script(StageContext *context, const char *path) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_append(&argv, "sh");
        if (r >= 0)
                r = strv_append(&argv, path);
        for (char **s = context->argv + 1; r >= 0 && *s; s++)
                r = strv_append(&argv, *s);
        if (r >= 0)
                (void) execve("/bin/sh", argv, context->environment);
}

/* Like execvp(3), except that a program for another architecture is not taken for a script. Returns the errno that
 * tells most. */
static int execute_path(StageContext *context, const char *path) {
        (void) execve(path, context->argv, context->environment);
        if (errno == ENOEXEC && !is_elf(path))
                execute_script(context, path);
        return errno;
}

static int search_command(StageContext *context, const char *name) {
        const char *directories = strv_env_get(context->environment, "PATH") ?: DEFAULT_PATH;
        int error = ENOENT;

        if (strchr(name, '/'))
                return execute_path(context, name);
        for (const char *d = directories; error == ENOENT || error == EACCES;) {
                size_t n = strcspn(d, ":");
                char path[PATH_MAX];
                int e;

                if (snprintf(path, sizeof(path), "%.*s%s%s", (int) n, d, n > 0 ? "/" : "", name) < (int) sizeof(path)) {
                        e = execute_path(context, path);
                        if (e != ENOENT && e != ENOTDIR)
                                error = e;
                }
                if (!d[n])
                        break;
                d += n + 1;
        }
        return error;
}

static int execute_command(StageContext *context) {
        const char *name = context->argv[0];
        int error = search_command(context, name);

        if (error == ENOENT)
                return log_error_errno(-ENOENT, "%s: no such command in the machine", name);
        if (error == ENOEXEC)
                return log_error_errno(-ENOEXEC, "%s: %s in it is a program for another architecture than this host's",
                                       source_path(&context->config->source), name);
        return log_error_errno(-error, "%s: cannot be run in the machine: %m", name);
}

int payload_execute(StageContext *context) {
        int r;

        r = enter_directory(context);
        if (r < 0)
                return r;
        (void) umask(0022);
        if (context->config->payload.mode == START_STUB) {
                r = stub_init_fork(context);
                if (r < 0)
                        return r;
        }
        select_descriptors(context->n_listen_fds);
        reset_signals(context->config->payload.mode == START_BOOT);
        return context->argv ? execute_command(context) : execute_shell(context);
}
