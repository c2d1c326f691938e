/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the program that stands between nspawn and the first program of a machine. At the moment of
 * execve(2), /proc/self/exe is the file of whoever calls it, and what it leads to can be had by the program that is
 * executed: a symlink or a script's first line in a hostile tree may name it. That must not be nspawn's own file on
 * the host, which the guest's root could change where it is the host's root as well. So the inner stage becomes this
 * program, from a sealed file in memory, and this executes the guest's.
 *
 * With -a it also stays, as PID 1. Then it does three things: it reaps orphans, it turns the signals that ask systemd
 * to shut down or reboot into an orderly end of all processes, and it ends when the program has ended. It keeps no
 * descriptor open, and hears signals by sigtimedwait(2) alone: the inner stage has blocked them all, so none is lost.
 *
 * It runs under the machine's system call filter, without a C library, and is written for that: no string of another
 * file, nothing that a compiler would make a call of the library from. */

#include "starter/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/handshake.h"
#include "starter/kernel.h"

#define FAILURE 1
#define KILLED 255
#define FIRST_FD 3
#define STOP_TIMEOUT_SEC 90
#define REALTIME(n) (34 + (n)) /* SIGRTMIN of the C libraries that systemd is built with */
#define SIGSET_SIZE 8

#define CALL(name, ...) CALL_(SYS_##name, __VA_ARGS__, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, ...)                                                                             \
        kernel_call(number, (long) (a), (long) (b), (long) (c), (long) (d), (long) (e))

typedef struct Starter {
        const char *options;
        unsigned n_listen_fds;
        int socket_fd;       /* or -1 */
        const char *context; /* a dash: none */
        unsigned n_paths;
        char **paths, **argv, **envp; /* argv[-1] can be written to */
} Starter;

typedef struct Timespec {
        long sec, nsec;
} Timespec;

static bool equal(const char *a, const char *b, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (a[i] != b[i])
                        return false;
        return true;
}

static size_t length(const char *s) {
        size_t n = 0;

        while (s[n])
                n++;
        return n;
}

/* Byte by byte, in an order that the compiler keeps: it would call memcpy(3) and memset(3). */
static void copy(char *to, const char *from, size_t n) {
        for (volatile char *t = to; n > 0; n--)
                *t++ = *from++;
}

static void clear(char *start, const char *end) {
        for (volatile char *t = start; t < end; t++)
                *t = 0;
}

static bool has_option(const Starter *s, char option) {
        for (const char *o = s->options; *o; o++)
                if (*o == option)
                        return true;
        return false;
}

static int number(const char *text) {
        int n = 0;

        if (*text < '0' || *text > '9')
                return -1;
        for (; *text >= '0' && *text <= '9'; text++)
                n = n * 10 + (*text - '0');
        return n;
}

/* — running the program — */

static bool is_elf(const char *path) {
        long fd = CALL(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), n;
        char magic[4];

        if (fd < 0)
                return false;
        n = CALL(read, fd, magic, sizeof(magic));
        (void) CALL(close, fd, 0);
        return n == sizeof(magic) && equal(magic, "\177ELF", sizeof(magic));
}

/* A leading dash in its name is what makes a shell a login shell. */
static long run_shell(const Starter *s, const char *path) {
        const char *base = path;
        char name[64], *argv[2] = { name, NULL };
        size_t n;

        for (const char *c = path; *c; c++)
                if (*c == '/')
                        base = c + 1;
        n = length(base);
        if (n > sizeof(name) - 2)
                n = sizeof(name) - 2;
        name[0] = '-';
        copy(name + 1, base, n);
        name[1 + n] = 0;
        return CALL(execve, path, argv, s->envp);
}

/* Like execvp(3), except that a program for another architecture is not taken for a script. */
static long run_path(const Starter *s, char *path) {
        char *name = s->argv[0];
        long r;

        r = CALL(execve, path, s->argv, s->envp);
        if (r == -ENOEXEC && !is_elf(path)) {
                s->argv[-1] = (char[]){ "sh" };
                s->argv[0] = path;
                (void) CALL(execve, "/bin/sh", s->argv - 1, s->envp);
                s->argv[0] = name;
        }
        return r;
}

/* Returns the error that tells most. Another one than "it is not there" is final for a command, not for a shell. */
static long run_first(const Starter *s) {
        bool login = has_option(s, STARTER_OPTION_LOGIN);
        long error = -ENOENT;

        for (unsigned i = 0; i < s->n_paths && (login || error == -ENOENT || error == -EACCES); i++) {
                long r = login ? run_shell(s, s->paths[i]) : run_path(s, s->paths[i]);

                if (r != -ENOENT && r != -ENOTDIR)
                        error = r;
        }
        return error;
}

static void report(const Starter *s, long error) {
        Message m;
        const char *name = s->argv[0];
        size_t n;

        if (s->socket_fd < 0)
                return;
        clear((char *) &m, (char *) (&m + 1));
        m.type = MESSAGE_NOT_EXECUTED;
        m.error = (int32_t) error;
        n = name ? length(name) : 0;
        copy(m.text, name, n < sizeof(m.text) ? n : sizeof(m.text) - 1);
        (void) CALL(write, s->socket_fd, &m, sizeof(m));
}

/* The kernel takes a process's own word alone, and for its next execve(2) only: so this is not done before. */
static long set_context(const Starter *s) {
        size_t n = length(s->context);
        long fd, r;

        if (equal(s->context, STARTER_NO_CONTEXT, sizeof(STARTER_NO_CONTEXT)))
                return 0;
        fd = CALL(openat, AT_FDCWD, "/proc/thread-self/attr/exec", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -EACCES;
        r = CALL(write, fd, s->context, n);
        (void) CALL(close, fd, 0);
        return r < 0 ? r : 0;
}

/* Only standard input and output and the activation sockets go on. */
static int run_program(const Starter *s) {
        long error;

        for (unsigned i = 0; i < s->n_listen_fds; i++)
                (void) CALL(fcntl, FIRST_FD + i, F_SETFD, 0);
        (void) CALL(close_range, FIRST_FD + s->n_listen_fds, ~0U, CLOSE_RANGE_CLOEXEC);
        error = set_context(s);
        report(s, error < 0 ? error : run_first(s));
        return FAILURE;
}

/* — the stub init — */

typedef enum Wish { WISH_NONE, WISH_SHUTDOWN, WISH_REBOOT } Wish;

static Wish wish_of(long sig) {
        if (sig == SIGINT || sig == REALTIME(5) || sig == REALTIME(6) || sig == REALTIME(15) || sig == REALTIME(16))
                return WISH_REBOOT;
        if (sig == REALTIME(3) || sig == REALTIME(4) || sig == REALTIME(13) || sig == REALTIME(14))
                return WISH_SHUTDOWN;
        return WISH_NONE;
}

/* Reaps what there is. True once the program is among it, with its exit status set. */
static bool reap(long program, int *status) {
        siginfo_t info;

        for (;;) {
                info.si_pid = 0;
                if (CALL(waitid, P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                        return false;
                if (info.si_pid == program) {
                        *status = info.si_code == CLD_EXITED ? info.si_status : KILLED;
                        return true;
                }
        }
}

static int end_machine(Wish wish, int status) {
        if (wish == WISH_REBOOT)
                (void) CALL(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART);
        return wish == WISH_SHUTDOWN ? 0 : status;
}

static long seconds(void) {
        Timespec now = { 0, 0 };

        (void) CALL(clock_gettime, CLOCK_MONOTONIC, &now);
        return now.sec;
}

static int mind(long program) {
        const uint64_t all = ~UINT64_C(0);
        Wish wish = WISH_NONE;
        long deadline = 0;
        int status = KILLED;

        for (;;) {
                Timespec left = { 3600, 0 };
                long sig;

                if (wish != WISH_NONE) {
                        left.sec = deadline - seconds();
                        if (left.sec <= 0)
                                return end_machine(wish, status); /* takes the deaf ones along */
                }
                sig = CALL(rt_sigtimedwait, &all, NULL, &left, SIGSET_SIZE);
                if (sig < 0)
                        continue;
                if (sig == SIGCHLD && reap(program, &status))
                        return end_machine(wish, status);
                if (wish == WISH_NONE && (wish = wish_of(sig)) != WISH_NONE) {
                        deadline = seconds() + STOP_TIMEOUT_SEC;
                        (void) CALL(kill, -1, SIGTERM);
                        (void) CALL(kill, -1, SIGCONT);
                        (void) CALL(kill, -1, SIGHUP);
                }
        }
}

/* What PID 1's environment tells of the machine goes to its beginning; the rest is the program's alone. */
static void keep_environment(char **envp, char *end) {
        static const char kept[][16] = { "container=", "container_uuid=" };
        char *to = envp[0];

        for (size_t i = 0; envp[i]; i++)
                for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
                        if (equal(envp[i], kept[k], length(kept[k]))) {
                                size_t n = length(envp[i]) + 1;

                                copy(to, envp[i], n); /* never ahead of what is read */
                                to += n;
                                break;
                        }
        clear(to, end);
}

/* The program's command line and environment are in this process's memory in one piece, from the first argument on. */
static void forget_program(char **argv, char **envp) {
        size_t last = 0;

        clear(argv[0] + length(argv[0]), envp[0] ?: argv[0]);
        if (!envp[0])
                return;
        while (envp[last + 1])
                last++;
        keep_environment(envp, envp[last] + length(envp[last]));
}

/* A group of its own in the foreground: ^C is for the program, PID 1 would reboot. */
static int become_program(const Starter *s) {
        const uint64_t none = 0;
        int group = (int) CALL(getpid, 0);

        (void) CALL(setpgid, 0, 0);
        if (has_option(s, STARTER_OPTION_TTY))
                (void) CALL(ioctl, 0, TIOCSPGRP, &group);
        (void) CALL(rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_SIZE);
        return run_program(s);
}

static int become_stub(const Starter *s, char **argv) {
        long program, null;

        program = CALL(clone, SIGCHLD, 0);
        if (program < 0) {
                report(s, program);
                return FAILURE;
        }
        if (program == 0)
                return become_program(s);

        (void) CALL(prctl, PR_SET_NAME, STARTER_STUB_NAME);
        (void) CALL(prctl, PR_SET_DUMPABLE, 0);
        forget_program(argv, s->envp);
        null = CALL(openat, AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
        for (int fd = 0; fd < FIRST_FD && null >= 0; fd++)
                (void) CALL(dup3, null, fd, 0);
        /* One by one what is open for sure: the user's filter may forbid close_range(2). */
        for (unsigned i = 0; i < s->n_listen_fds; i++)
                (void) CALL(close, FIRST_FD + i);
        (void) CALL(close, s->socket_fd);
        (void) CALL(close, null);
        (void) CALL(close_range, FIRST_FD, ~0U, 0);
        return mind(program);
}

int starter_main(int argc, char **argv, char **envp) {
        Starter s = { .envp = envp };

        if (argc <= STARTER_ARG_PATHS)
                return FAILURE;
        s.options = argv[STARTER_ARG_OPTIONS];
        s.n_listen_fds = (unsigned) number(argv[STARTER_ARG_N_LISTEN_FDS]);
        s.socket_fd = number(argv[STARTER_ARG_SOCKET_FD]);
        s.context = argv[STARTER_ARG_CONTEXT];
        s.n_paths = (unsigned) number(argv[STARTER_ARG_N_PATHS]);
        s.paths = argv + STARTER_ARG_PATHS;
        if (s.n_paths > (unsigned) argc - STARTER_ARG_PATHS)
                return FAILURE;
        s.argv = s.paths + s.n_paths;
        /* Not left to close_range(2), which the user's filter may forbid: it leads to the supervisor. */
        (void) CALL(fcntl, s.socket_fd, F_SETFD, FD_CLOEXEC);
        return has_option(&s, STARTER_OPTION_STUB) ? become_stub(&s, argv) : run_program(&s);
}
