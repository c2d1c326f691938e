/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: a stopwatch. Commands are started by posix_spawn() (a vfork, so that the stopwatch's own size
 * costs nothing) from a process that does nothing else, and the wall clock is read right before and right after.
 * Commands take turns, and every round begins with another one, so that whatever disturbs the computer disturbs
 * all of them alike. Output is one line a command, fields separated by tabs, times in microseconds.
 *
 *     bench-spawn rotate ROUNDS PAUSE-MS ::: LABEL COMMAND… [::: LABEL COMMAND…]…
 *         LABEL MEDIAN MINIMUM NINETIETH-PERCENTILE CPU-MEDIAN STAMP-MEDIAN FAILURES
 *         CPU is the user and system time of the command and of all descendants it has waited for. STAMP is how
 *         long after its start the command, or the machine in it, touched the file named by $BENCH_STAMP. A first
 *         round warms the caches and is not counted.
 *
 *     bench-spawn fleet COUNT DIRECTORY TIMEOUT-MS COMMAND…
 *         starts COUNT commands at once, with every @ in the arguments replaced by 1…COUNT, and waits until
 *         DIRECTORY holds COUNT files without a colon in their names (machined's state files). Prints how long
 *         that took, and leaves the commands running. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 32
#define ROUNDS_MAX 1000

typedef struct Command {
        const char *label;
        char **argv;
        unsigned long wall[ROUNDS_MAX], cpu[ROUNDS_MAX], stamp[ROUNDS_MAX];
        unsigned n, failures;
} Command;

static void die(const char *what) {
        (void) fprintf(stderr, "bench-spawn: %s: %s\n", what, strerror(errno));
        exit(2);
}

static unsigned long timespec_usec(const struct timespec *t) {
        return (unsigned long) t->tv_sec * 1000000u + (unsigned long) t->tv_nsec / 1000u;
}

static unsigned long clock_usec(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return timespec_usec(&t);
}

static unsigned long now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

/* When the stamp was touched, counted from BEGIN of the wall clock; 0 if it was not. */
static unsigned long stamp_since(unsigned long begin) {
        const char *path = getenv("BENCH_STAMP");
        struct stat st;

        if (!path || stat(path, &st) < 0 || timespec_usec(&st.st_mtim) < begin)
                return 0;
        return timespec_usec(&st.st_mtim) - begin;
}

static unsigned long timeval_usec(const struct timeval *t) {
        return (unsigned long) t->tv_sec * 1000000u + (unsigned long) t->tv_usec;
}

static pid_t spawn(char **argv) {
        posix_spawn_file_actions_t actions;
        pid_t pid;
        int r;

        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void) posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (!getenv("BENCH_VERBOSE"))
                (void) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0) {
                errno = r;
                die(argv[0]);
        }
        return pid;
}

static void run_once(Command *c, int counts) {
        unsigned long today = clock_usec(CLOCK_REALTIME), begin = now_usec(), end;
        struct rusage usage;
        pid_t pid = spawn(c->argv);
        int status;

        if (wait4(pid, &status, 0, &usage) < 0)
                die("wait4");
        end = now_usec();
        if (!counts)
                return;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                c->failures++;
        c->wall[c->n] = end - begin;
        c->stamp[c->n] = stamp_since(today);
        c->cpu[c->n++] = timeval_usec(&usage.ru_utime) + timeval_usec(&usage.ru_stime);
}

static int compare(const void *a, const void *b) {
        unsigned long x = *(const unsigned long *) a, y = *(const unsigned long *) b;

        return (x > y) - (x < y);
}

static void report(Command *c) {
        qsort(c->wall, c->n, sizeof(c->wall[0]), compare);
        qsort(c->cpu, c->n, sizeof(c->cpu[0]), compare);
        qsort(c->stamp, c->n, sizeof(c->stamp[0]), compare);
        (void) printf("%s\t%lu\t%lu\t%lu\t%lu\t%lu\t%u\n", c->label, c->wall[c->n / 2], c->wall[0],
                      c->wall[c->n * 9 / 10], c->cpu[c->n / 2], c->stamp[c->n / 2], c->failures);
}

static int rotate(int argc, char **argv) {
        static Command commands[COMMANDS_MAX];
        unsigned rounds = (unsigned) atoi(argv[2]), pause_ms = (unsigned) atoi(argv[3]), n = 0;

        for (int i = 4; i < argc; i++)
                if (strcmp(argv[i], ":::") == 0) {
                        if (n == COMMANDS_MAX || i + 2 >= argc)
                                return 2;
                        argv[i] = NULL;
                        commands[n].label = argv[++i];
                        commands[n++].argv = &argv[i + 1];
                }
        if (n == 0 || rounds == 0 || rounds > ROUNDS_MAX)
                return 2;
        for (unsigned round = 0; round <= rounds; round++)
                for (unsigned k = 0; k < n; k++) {
                        run_once(&commands[(round + k) % n], round > 0);
                        (void) usleep(pause_ms * 1000u);
                }
        for (unsigned k = 0; k < n; k++)
                report(&commands[k]);
        return 0;
}

static unsigned count_files(const char *directory) {
        DIR *d = opendir(directory);
        unsigned n = 0;

        if (!d)
                return 0;
        for (const struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.' && !strchr(e->d_name, ':'))
                        n++;
        (void) closedir(d);
        return n;
}

static char *with_number(const char *word, unsigned number) {
        const char *at = strchr(word, '@');
        char *s = NULL;

        if (!at)
                return (char *) word;
        if (asprintf(&s, "%.*s%u%s", (int) (at - word), word, number, at + 1) < 0)
                die("asprintf");
        return s;
}

static int fleet(int argc, char **argv) {
        unsigned count = (unsigned) atoi(argv[2]);
        unsigned long timeout = strtoul(argv[4], NULL, 10) * 1000u, begin = now_usec();
        char **words = calloc((size_t) argc, sizeof(char *));

        if (!words)
                die("calloc");
        for (unsigned i = 1; i <= count; i++) {
                for (int k = 5; k < argc; k++)
                        words[k - 5] = with_number(argv[k], i);
                (void) spawn(words);
        }
        while (count_files(argv[3]) < count) {
                if (now_usec() - begin > timeout) {
                        (void) fprintf(stderr, "bench-spawn: %u of %u after %s ms\n", count_files(argv[3]), count,
                                       argv[4]);
                        return 1;
                }
                (void) usleep(5000);
        }
        (void) printf("%lu\n", now_usec() - begin);
        return 0;
}

int main(int argc, char *argv[]) {
        int r = 2;

        if (argc > 5 && strcmp(argv[1], "rotate") == 0)
                r = rotate(argc, argv);
        else if (argc > 5 && strcmp(argv[1], "fleet") == 0)
                r = fleet(argc, argv);
        if (r == 2)
                (void) fprintf(stderr, "bench-spawn: bad usage; the top of bench-spawn.c tells\n");
        return r;
}
