/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor before anything of the machine runs, so the terminal is all ours. Signals
 * that would end us are blocked and looked for beside the terminal: whatever the user does, the terminal shows again
 * what is typed before we go on, and what was made so far is undone. */

#include "host/passphrase.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "terminal.h"

#define PASSPHRASE_MAX 512u
#define KEY_FILE_MAX (8u << 20) /* cryptsetup's own limit */

void secret_done(Secret *secret) {
        if (secret->data)
                explicit_bzero(secret->data, secret->size);
        free(secret->data);
        *secret = (Secret){};
}

/* — waiting — */

static void ending_signals(sigset_t *ret) {
        static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP };

        (void) sigemptyset(ret);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(ret, signals[i]);
}

static int wait_beside(int fd, int signal_fd, int timeout_msec) {
        struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };
        struct signalfd_siginfo info;
        int n;

        do
                n = poll(p, ELEMENTSOF(p), timeout_msec);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 ? -errno : 0;
        if (p[1].revents && read(signal_fd, &info, sizeof(info)) == sizeof(info))
                return -EINTR;
        return 1;
}

int wait_interruptibly(int fd, int timeout_msec) {
        _cleanup_close_ int signal_fd = -EBADF;
        sigset_t signals, saved;
        int r;

        ending_signals(&signals);
        if (sigprocmask(SIG_BLOCK, &signals, &saved) < 0)
                return -errno;
        signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        r = signal_fd < 0 ? -errno : wait_beside(fd, signal_fd, timeout_msec);
        (void) sigprocmask(SIG_SETMASK, &saved, NULL);
        return r;
}

/* — asking — */

/* One line, in the way the terminal edits it. */
static int read_line(int fd, Secret *ret) {
        char line[PASSPHRASE_MAX];
        ssize_t n;
        int r;

        r = wait_interruptibly(fd, -1);
        if (r < 0)
                return r;
        n = read(fd, line, sizeof(line));
        if (n <= 0 || line[n - 1] != '\n')
                r = n < 0 ? -errno : n == 0 ? -EINTR : -E2BIG;
        else {
                ret->data = malloc((size_t) n);
                ret->size = (size_t) n - 1;
                r = ret->data ? 0 : -ENOMEM;
        }
        if (r >= 0)
                memcpy(ret->data, line, ret->size);
        explicit_bzero(line, sizeof(line));
        return MIN(r, 0);
}

int passphrase_ask(const char *question, Secret *ret) {
        _cleanup_close_ int fd = -EBADF;
        TerminalState terminal;
        struct termios quiet;
        Secret secret = {};
        int r;

        r = terminal_save(STDIN_FILENO, 0, &terminal);
        if (r < 0 || !terminal_is_foreground(STDIN_FILENO))
                return -ENOTTY;
        fd = fd_reopen(STDIN_FILENO, O_RDWR | O_NOCTTY);
        if (fd < 0)
                return -ENOTTY;
        quiet = terminal.normal;
        quiet.c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK);
        quiet.c_lflag |= ICANON | ISIG | ECHONL;
        if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
                return -errno;
        r = write_all(fd, question, strlen(question));
        if (r >= 0)
                r = read_line(fd, &secret);
        if (r < 0)
                (void) tcflush(fd, TCIFLUSH); /* the rest of what was typed is for nobody else */
        (void) terminal_restore(&terminal);
        if (r == -EINTR && write_all(fd, "\n", 1) < 0)
                log_debug("the terminal is gone");
        if (r < 0)
                return r;
        *ret = secret;
        return 0;
}

int key_file_read(const char *path, Secret *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        Secret secret = {};
        int r;

        if (fd < 0)
                return -errno;
        r = read_fd(fd, KEY_FILE_MAX, &secret.data, &secret.size);
        if (r >= 0)
                *ret = secret;
        return r;
}
