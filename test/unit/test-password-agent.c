/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A child of the test's own plays the agent, by the protocol: it finds the question, reads it and answers. The real one
 * does so in the vm suite. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "host/password-agent.h"
#include "host/runtime-directory.h"
#include "test.h"

TEST_MAIN_FOR_ROOT

static char directory[64], runtime[64];

static void make_directories(void) {
        strcpy(directory, "/tmp/test-password-agent.XXXXXX");
        strcpy(runtime, "/tmp/test-password-agent.XXXXXX");
        ASSERT_TRUE(mkdtemp(directory) && mkdtemp(runtime));
        ASSERT_OK(chmod(directory, 0755));
}

static unsigned count_files(void) {
        DIR *d = opendir(directory);
        unsigned n = 0;

        ASSERT_TRUE(d);
        for (struct dirent *e; (e = readdir(d));)
                n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
        (void) closedir(d);
        return n;
}

static void remove_directories(void) {
        ASSERT_EQ(count_files(), 0);
        ASSERT_OK(remove_tree_at(AT_FDCWD, directory));
        ASSERT_OK(remove_tree_at(AT_FDCWD, runtime));
}

/* — the agent — */

static bool find_question(char *ret, size_t size) {
        DIR *d = opendir(directory);
        bool found = false;

        for (struct dirent *e; d && (e = readdir(d));)
                if (startswith(e->d_name, "ask.")) {
                        (void) snprintf(ret, size, "%s/%.80s", directory, e->d_name);
                        found = true;
                }
        if (d)
                (void) closedir(d);
        return found;
}

static bool value_of(const char *text, const char *key, char *ret, size_t size) {
        const char *line = strstr(text, key);

        if (!line)
                return false;
        line += strlen(key);
        (void) snprintf(ret, size, "%.*s", (int) strcspn(line, "\n"), line);
        return true;
}

static void send_answer(const char *answer, size_t size) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *text = NULL;
        char path[160], value[128];
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        while (!find_question(path, sizeof(path)))
                (void) usleep(1000);
        if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0 || !startswith(text, "[Ask]\n") ||
            !value_of(text, "\nSocket=", address.sun_path, sizeof(address.sun_path)) ||
            !value_of(text, "\nPID=", value, sizeof(value)) || atoi(value) != getppid() ||
            !value_of(text, "\nMessage=", value, sizeof(value)) || !streq(value, "What\\x0aId=other is it?") ||
            !value_of(text, "\nEcho=", value, sizeof(value)) || !streq(value, "0") ||
            !value_of(text, "\nNotAfter=", value, sizeof(value)) || atoll(value) <= 0 || fd < 0 ||
            sendto(fd, answer, size, 0, (struct sockaddr *) &address, sizeof(address)) != (ssize_t) size)
                _exit(1);
        (void) close(fd);
}

/* To be called in the child. */
static void answer_as_nobody(void) {
        char socket_path[160], *name;

        while (!find_question(socket_path, sizeof(socket_path)))
                (void) usleep(1000);
        name = strrchr(socket_path, '/') + 1;
        memcpy(name, "sck", 3);
        if (chmod(socket_path, 0666) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
                _exit(1);
        send_answer("+theirs", 7);
}

/* — the asking — */

static int ask(uint64_t timeout_usec, Secret *ret) {
        _cleanup_close_ int runtime_fd = open(runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const AgentQuestion question = { directory, "What\nId=other is it?", "test", timeout_usec, runtime_fd };

        return password_agent_ask(&question, ret);
}

static int ask_child(void (*child)(void), Secret *ret) {
        pid_t pid;
        int r, status;

        make_directories();
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                child();
                _exit(0);
        }
        r = ask(child == answer_as_nobody ? 300000 : 10000000, ret);
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        remove_directories();
        return r;
}

static void right(void) {
        send_answer("+geheim", 7);
}

static void several(void) {
        send_answer("+one\0two\0", 9);
}

static void refusing(void) {
        send_answer("-", 1);
}

static void nonsense_first(void) {
        static char large[9000] = "+";

        send_answer("", 0);
        send_answer("geheim", 6);
        send_answer(large, sizeof(large));
        send_answer("+", 1);
}

static void stopping(void) {
        char path[160];

        while (!find_question(path, sizeof(path)))
                (void) usleep(1000);
        (void) kill(getppid(), SIGTERM);
}

static bool gives(void (*child)(void), const char *expected) {
        _cleanup_secret_ Secret secret = {};

        ASSERT_OK(ask_child(child, &secret));
        return secret.size == strlen(expected) && memcmp(secret.data, expected, secret.size) == 0;
}

TEST(an_answer) {
        ASSERT_TRUE(gives(right, "geheim"));
        ASSERT_TRUE(gives(several, "one"));
}

TEST(what_is_no_answer_is_not_heard) {
        ASSERT_TRUE(gives(nonsense_first, ""));
}

TEST(no) {
        Secret secret = {};

        ASSERT_ERR(ask_child(refusing, &secret), -ECANCELED);
        ASSERT_TRUE(!secret.data);
}

TEST(root_alone_is_heard) {
        Secret secret = {};

        ASSERT_ERR(ask_child(answer_as_nobody, &secret), -ETIMEDOUT);
}

TEST(a_signal) {
        sigset_t set, pending;
        Secret secret = {};

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        ASSERT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
        ASSERT_ERR(ask_child(stopping, &secret), -EINTR);
        ASSERT_OK(sigpending(&pending));
        ASSERT_TRUE(!sigismember(&pending, SIGTERM));
        ASSERT_OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

TEST(what_a_killed_one_leaves) {
        _cleanup_close_ int runtime_fd = -EBADF;
        char path[160];
        pid_t pid;

        make_directories();
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                Secret secret = {};

                _exit(ask(60000000, &secret) < 0);
        }
        while (!find_question(path, sizeof(path)))
                (void) usleep(1000);
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        ASSERT_EQ(count_files(), 2);
        runtime_fd = open(runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        password_agent_remove_recorded(runtime_fd);
        remove_directories();
}
