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

#include "engine/payload-fd.h"
#include "fd.h"
#include "guest/starter.h"
#include "log.h"
#include "strv.h"

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

/* Those that the payload stored by /run/host/notify come back under the names that it gave them. */
static int append_fd_names(StageContext *context, const char *names) {
        bool stores = getenv("FDSTORE");
        _cleanup_free_ char *own = strdup(names);
        char *to = own;

        if (!own)
                return -ENOMEM;
        for (const char *name = names;; name++) {
                const char *stored = stores ? startswith(name, PAYLOAD_FD_PREFIX) : NULL;
                size_t n;

                name = stored ?: name;
                n = strcspn(name, ":");
                memcpy(to, name, n);
                to += n;
                name += n;
                if (!*name)
                        break;
                *to++ = ':';
        }
        *to = 0;
        return strv_append_printf(&context->environment, "LISTEN_FDNAMES=%s", own);
}

static int append_listen_fds(StageContext *context) {
        const char *names = getenv("LISTEN_FDNAMES"), *store = getenv("FDSTORE");
        int r = 0;

        if (store && getenv("NOTIFY_SOCKET"))
                r = strv_append_printf(&context->environment, "FDSTORE=%s", store);
        if (r < 0 || context->n_listen_fds == 0)
                return r;
        r = strv_append_printf(&context->environment, "LISTEN_FDS=%u", context->n_listen_fds);
        if (r >= 0)
                r = strv_append(&context->environment, "LISTEN_PID=1");
        if (r >= 0 && names)
                r = append_fd_names(context, names);
        return r;
}

static int append_given(StageContext *context) {
        int r = 0;

        STRV_FOREACH(s, context->config->payload.environment)
        if (r >= 0)
                r = strv_env_set(&context->environment, *s);
        return r;
}

/* A bundle says what there is. HOME is filled in as its other runtimes do; and who asks for readiness, sockets or
 * credentials has to be told where they are. */
static int build_bundle_environment(StageContext *context) {
        char ***e = &context->environment;
        int r = 0;

        STRV_FOREACH(s, context->config->oci.environment)
        if (r >= 0)
                r = strv_append(e, *s);
        if (r >= 0 && !strv_env_get(*e, "HOME"))
                r = strv_append_printf(e, "HOME=%s", context->home);
        if (r >= 0)
                r = append_listen_fds(context);
        if (r >= 0 && context->config->payload.notify_ready)
                r = strv_append(e, "NOTIFY_SOCKET=/run/host/notify");
        if (r >= 0 && context->config->credentials.n_items > 0)
                r = strv_append(e, "CREDENTIALS_DIRECTORY=/run/host/credentials");
        return r >= 0 ? append_given(context) : r;
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
        return r >= 0 ? append_given(context) : r;
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

        r = context->config->oci.bundle ? build_bundle_environment(context) : build_environment(context);
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

/* The stub hears all of them by waiting for them, and unblocks them for the command. */
static void reset_signals(StartMode mode) {
        sigset_t set;

        for (int sig = 1; sig < _NSIG; sig++)
                (void) signal(sig, SIG_DFL);
        (void) sigemptyset(&set);
        if (mode == START_STUB)
                (void) sigfillset(&set);
        /* SIGRTMIN+3…6: halt, power off, reboot, kexec; +13…16: the same at once. */
        for (int i = 3; mode == START_BOOT && i <= 6; i++) {
                (void) sigaddset(&set, SIGRTMIN + i);
                (void) sigaddset(&set, SIGRTMIN + i + 10);
        }
        (void) sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Where the command may be. A name without a slash is looked for in the payload's own PATH. */
static int command_paths(const StageContext *context, char ***ret) {
        const char *name = context->argv[0];
        const char *directories = strv_env_get(context->environment, "PATH") ?: DEFAULT_PATH;
        int r;

        if (strchr(name, '/'))
                return strv_append(ret, name);
        for (const char *d = directories;;) {
                size_t n = strcspn(d, ":");

                if (n < PATH_MAX) {
                        r = strv_append_printf(ret, "%.*s%s%s", (int) n, d, n > 0 ? "/" : "", name);
                        if (r < 0)
                                return r;
                }
                if (!d[n])
                        return 0;
                d += n + 1;
        }
}

static int shell_paths(const StageContext *context, char ***ret) {
        const char *const shells[] = { context->shell, "/bin/bash", "/bin/sh" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(shells) && r >= 0; i++)
                if (shells[i])
                        r = strv_append(ret, shells[i]);
        return r;
}

int payload_execute(StageContext *context) {
        _cleanup_strv_ char **paths = NULL;
        bool stub = context->config->payload.mode == START_STUB;
        int r;

        r = enter_directory(context);
        if (r < 0)
                return r;
        r = context->argv ? command_paths(context, &paths) : shell_paths(context, &paths);
        if (r < 0)
                return log_oom();
        (void) umask(context->config->oci.umask_set ? context->config->oci.umask : 0022);
        reset_signals(context->config->payload.mode);
        return starter_execute(&(StarterRequest){
                .starter_fd = context->starter_fd,
                .stub = stub,
                .terminal = stub && context->tty_fd >= 0,
                .n_listen_fds = context->n_listen_fds,
                .socket_fd = context->socket_fd,
                .selinux_context = context->plan->security.selinux_context,
                .paths = paths,
                .argv = context->argv,
                .environment = context->environment,
        });
}
