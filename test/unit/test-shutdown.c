/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The leaders of these tests are this very program under another name: copied, because a leader that is the
 * same file as its supervisor has not executed its init yet. Such a copy is told by an environment variable
 * to play a leader. */

#include "supervise/shutdown.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "process.h"
#include "test.h"

TEST_MAIN

typedef struct Leader {
        char root[64]; /* a directory, which is its root */
        int root_fd;
        int pidfd;
} Leader;

static void caught(int sig) {
        (void) sig;
}

/* "c10 b12 i15 w": catch, block, ignore signals, then wait for them in sigwait(). */
static _noreturn_ void play_leader(const char *root, char *behaviour) {
        sigset_t all;
        bool wait_for_signals = false;

        if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
                _exit(1);
        if (chroot(root) < 0 || chdir("/") < 0)
                _exit(1);
        for (char *word = strtok(behaviour, " "); word; word = strtok(NULL, " ")) {
                int sig = init_system_signal(atoi(word + 1));
                sigset_t one;

                (void) sigemptyset(&one);
                if (*word == 'w')
                        wait_for_signals = true;
                else if (*word == 'b')
                        (void) sigprocmask(SIG_BLOCK, (sigaddset(&one, sig), &one), NULL);
                else
                        (void) signal(sig, *word == 'c' ? caught : SIG_IGN);
        }
        (void) write(STDOUT_FILENO, "r", 1);
        (void) sigfillset(&all);
        (void) alarm(60);
        for (;;)
                if (wait_for_signals)
                        (void) sigwaitinfo(&all, NULL);
                else
                        (void) pause();
}

__attribute__((constructor)) static void maybe_play_leader(void) {
        char *behaviour = getenv("TEST_LEADER_BEHAVIOUR");

        if (behaviour)
                play_leader(getenv("TEST_LEADER_ROOT"), behaviour);
}

static void copy_program(const char *to) {
        char command[PATH_MAX + 64], self[PATH_MAX] = "";

        ASSERT_TRUE(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        (void) snprintf(command, sizeof(command), "cp '%.2000s' '%.1000s'", self, to);
        ASSERT_EQ(system(command), 0);
}

static Leader leader_start(const char *program, const char *behaviour) {
        Leader l = { .root = "/tmp/test-shutdown-XXXXXX" };
        char path[128];
        int ready[2];
        pid_t pid;
        char byte;

        ASSERT_TRUE(mkdtemp(l.root));
        ASSERT_OK(l.root_fd = open(l.root, O_PATH | O_DIRECTORY | O_CLOEXEC));
        (void) snprintf(path, sizeof(path), "%s/%s", l.root, program);
        copy_program(path);
        ASSERT_OK(pipe2(ready, O_CLOEXEC));
        pid = process_clone(0, -EBADF, &l.pidfd);
        ASSERT_OK(pid);
        if (pid == 0) {
                (void) dup2(ready[1], STDOUT_FILENO);
                (void) setenv("TEST_LEADER_ROOT", l.root, true);
                (void) setenv("TEST_LEADER_BEHAVIOUR", behaviour, true);
                (void) execl(path, program, NULL);
                _exit(127);
        }
        (void) close(ready[1]);
        ASSERT_EQ(read(ready[0], &byte, 1), 1);
        (void) close(ready[0]);
        return l;
}

static void leader_stop(Leader *l) {
        process_kill_and_reap(l->pidfd);
        (void) close(l->pidfd);
        (void) close(l->root_fd);
        ASSERT_OK(remove_tree_at(AT_FDCWD, l->root));
}

static void make_directory(const Leader *l, const char *path) {
        ASSERT_OK(mkdirat(l->root_fd, path, 0755));
}

static mode_t mode_of(const Leader *l, const char *path) {
        struct stat st;

        return fstatat(l->root_fd, path, &st, 0) < 0 ? (mode_t) -1 : st.st_mode & 07777;
}

TEST(table) {
        static const char *const known[] = { "systemd", "init",  "openrc-init", "runit",
                                             "busybox", "finit", "s6-svscan",   "dinit" };

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                const InitSystem *init = init_system_find(known[i]);

                ASSERT_TRUE(init->method != STOP_BY_GUESS);
                for (StopWish w = 0; w < _STOP_WISH_MAX; w++)
                        if (init->method == STOP_BY_FIFO) {
                                ASSERT_TRUE(init->messages[w].size > 0 && init->messages[w].size <= PIPE_BUF);
                                ASSERT_TRUE(init->paths[0] != NULL);
                        } else
                                ASSERT_TRUE(init_system_signal(init->signals[w]) > 0);
        }
        ASSERT_EQ(init_system_find("")->method, STOP_BY_GUESS);
        ASSERT_EQ(init_system_find("bash")->method, STOP_BY_GUESS);
        ASSERT_EQ(init_system_find("init")->messages[STOP_REBOOT].size, 384);
        ASSERT_EQ(init_system_signal(REALTIME_SIGNAL(3)), SIGRTMIN + 3);
}

TEST(view) {
        Leader l = leader_start("some-program", "c12 b15 i1");
        _cleanup_(leader_view_close) LeaderView v = LEADER_VIEW_NONE;
        struct stat own, seen;

        ASSERT_OK(leader_view_open(l.pidfd, &v));
        ASSERT_STREQ(v.program, "some-program");
        ASSERT_TRUE(!v.ours && !v.in_sigwait);
        ASSERT_EQ(v.uid, geteuid());
        ASSERT_TRUE(leader_view_hears(&v, SIGUSR2) && leader_view_hears(&v, SIGTERM));
        ASSERT_TRUE(!leader_view_hears(&v, SIGUSR1) && !leader_view_hears(&v, SIGHUP));
        ASSERT_TRUE(leader_view_ignores(&v, SIGHUP));
        ASSERT_OK(leader_view_root(&v));
        ASSERT_OK(fstat(v.root_fd, &seen));
        ASSERT_OK(fstat(l.root_fd, &own));
        ASSERT_EQ(own.st_ino, seen.st_ino);
        leader_stop(&l);
}

TEST(ended) {
        Leader l = leader_start("init", "");
        ShutdownTarget t = { .leader_pidfd = l.pidfd, .boot = true };

        process_kill_and_reap(l.pidfd);
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -ESRCH);
        leader_stop(&l);
}

TEST(not_executed_yet) {
        int pidfd;
        ShutdownTarget t = {};
        pid_t pid = process_clone(0, -EBADF, &pidfd);

        if (pid == 0)
                for (;;)
                        (void) pause();
        t.leader_pidfd = pidfd;
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        t.boot = true;
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        ASSERT_TRUE(process_alive(pidfd));
        process_kill_and_reap(pidfd);
        (void) close(pidfd);
}

TEST(command) {
        Leader caught_it = leader_start("cmd", "c15 c12"), ignored = leader_start("cmd", "i15"),
               deaf = leader_start("cmd", "");
        ShutdownTarget t = { .leader_pidfd = caught_it.pidfd };

        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        t.kill_signal = SIGUSR2;
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        t.kill_signal = SIGWINCH; /* nobody would die of that */
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        ASSERT_TRUE(process_alive(caught_it.pidfd));
        t = (ShutdownTarget){ .leader_pidfd = ignored.pidfd };
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        t = (ShutdownTarget){ .leader_pidfd = deaf.pidfd };
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EOPNOTSUPP);
        leader_stop(&caught_it);
        leader_stop(&ignored);
        leader_stop(&deaf);
}

TEST(signals) {
        Leader early = leader_start("systemd", "i1003"), up = leader_start("systemd", "b1003 b1005"),
               waiting = leader_start("busybox", "w");
        ShutdownTarget t = { .leader_pidfd = early.pidfd, .boot = true };

        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        t.leader_pidfd = up.pidfd;
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        ASSERT_EQ(shutdown_ask(&t, STOP_REBOOT), 0);
        t.kill_signal = SIGWINCH; /* not heard, but it is what was configured */
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        ASSERT_EQ(shutdown_ask(&t, STOP_REBOOT), 0);
        t = (ShutdownTarget){ .leader_pidfd = waiting.pidfd, .stub = true };
        while (shutdown_ask(&t, STOP_POWEROFF) == -EAGAIN)
                (void) usleep(1000);
        leader_stop(&early);
        leader_stop(&up);
        leader_stop(&waiting);
}

TEST(fifo) {
        Leader l = leader_start("init", "");
        ShutdownTarget t = { .leader_pidfd = l.pidfd, .boot = true };
        int32_t request[384 / sizeof(int32_t) + 1];
        int fd;

        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        make_directory(&l, "run");
        /* A regular file, and a symlink that would lead out. */
        ASSERT_OK(write_new_file_at(l.root_fd, "run/initctl", "", 0, 0600));
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        ASSERT_OK(unlinkat(l.root_fd, "run/initctl", 0));
        ASSERT_OK(symlinkat("../../../../run/./fifo", l.root_fd, "run/initctl"));
        ASSERT_OK(mkfifoat(l.root_fd, "run/fifo", 0600));
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN); /* no reader */

        ASSERT_OK(fd = openat(l.root_fd, "run/fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC));
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        ASSERT_EQ(read(fd, request, sizeof(request)), 384);
        ASSERT_EQ(request[0], 0x03091969);
        ASSERT_EQ(request[1], 1);
        ASSERT_EQ(request[2], '0');
        ASSERT_EQ(shutdown_ask(&t, STOP_REBOOT), 0);
        ASSERT_EQ(read(fd, request, sizeof(request)), 384);
        ASSERT_EQ(request[2], '6');
        while (write(fd, request, sizeof(request)) > 0)
                ;
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN); /* full */
        if (geteuid() == 0) {
                while (read(fd, request, sizeof(request)) > 0)
                        ;
                ASSERT_OK(fchown(fd, 1, 1));
                ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        }
        (void) close(fd);
        leader_stop(&l);
}

TEST(flags) {
        Leader l = leader_start("runit", "c18");
        ShutdownTarget t = { .leader_pidfd = l.pidfd, .boot = true };

        make_directory(&l, "run");
        make_directory(&l, "etc");
        make_directory(&l, "etc/runit");
        ASSERT_OK(symlinkat("/run/stopit", l.root_fd, "etc/runit/stopit"));
        ASSERT_OK(symlinkat("/run/reboot", l.root_fd, "etc/runit/reboot"));
        ASSERT_ERR(shutdown_ask(&t, STOP_REBOOT), -EAGAIN);
        ASSERT_EQ(mode_of(&l, "run/stopit"), (mode_t) -1); /* its own scripts have to make it */

        ASSERT_OK(write_new_file_at(l.root_fd, "run/stopit", "", 0, 0));
        ASSERT_OK(write_new_file_at(l.root_fd, "run/reboot", "", 0, 0));
        ASSERT_ERR(shutdown_ask(&t, STOP_REBOOT), -EAGAIN); /* a moment old */
        ASSERT_EQ(mode_of(&l, "run/stopit"), 0);
        (void) usleep(150000);
        ASSERT_ERR(shutdown_ask(&t, STOP_REBOOT), -EAGAIN); /* asked, not confirmed */
        ASSERT_EQ(mode_of(&l, "run/stopit"), 0100);
        ASSERT_EQ(mode_of(&l, "run/reboot"), 0100);
        ASSERT_ERR(shutdown_ask(&t, STOP_REBOOT), -EAGAIN);
        ASSERT_OK(fchmodat(l.root_fd, "run/stopit", 0, 0));
        ASSERT_EQ(shutdown_ask(&t, STOP_REBOOT), 0);
        leader_stop(&l);
}

TEST(flags_made) {
        Leader l = leader_start("runit", "c18"), early = leader_start("runit-init", "");
        ShutdownTarget t = { .leader_pidfd = l.pidfd, .boot = true };

        make_directory(&l, "etc");
        make_directory(&l, "etc/runit");
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        (void) usleep(150000);
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        ASSERT_EQ(mode_of(&l, "etc/runit/stopit"), 0100);
        ASSERT_EQ(mode_of(&l, "etc/runit/reboot"), 0);
        t = (ShutdownTarget){ .leader_pidfd = early.pidfd, .boot = true };
        ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        leader_stop(&l);
        leader_stop(&early);
}

TEST(guess) {
        Leader power = leader_start("my-init", "c30 c15"), none = leader_start("my-init", "b1003"),
               custom = leader_start("init", "c1003");
        ShutdownTarget t = { .leader_pidfd = power.pidfd, .boot = true };

        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        t.leader_pidfd = none.pidfd;
        for (int i = 0; i < 5; i++)
                ASSERT_ERR(shutdown_ask(&t, STOP_POWEROFF), -EAGAIN);
        t.leader_pidfd = custom.pidfd;
        ASSERT_EQ(shutdown_ask(&t, STOP_POWEROFF), 0);
        leader_stop(&custom);
        leader_stop(&power);
        leader_stop(&none);
}
