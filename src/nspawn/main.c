/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the way of every start, in order: what was asked for (config/), what this host is like
 * (host/facts.h), what will be done (plan/), and doing it (launch.h). Only the last changes anything. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "config/resolve.h"
#include "host/cleanup.h"
#include "host/facts.h"
#include "launch.h"
#include "log.h"
#include "plan/plan.h"

/* A file that is opened where a closed standard stream was would be taken for one. */
static int fill_standard_streams(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0)
                        return -errno; /* and nowhere to say it */
        return 0;
}

#define DESCRIPTORS_NEEDED 64u

/* A start that runs out of descriptors half-way could not undo what it did. The payload's limit is set for it. */
static int raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return log_error_errno(-errno, "cannot read the limit of open files: %m");
        if (limit.rlim_max < DESCRIPTORS_NEEDED)
                return log_error_errno(-EMFILE, "the limit of open files (ulimit -Hn) is %llu, it takes %u",
                                       (unsigned long long) limit.rlim_max, DESCRIPTORS_NEEDED);
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_NOFILE, &limit) < 0
                ? log_error_errno(-errno, "cannot raise the limit of open files: %m")
                : 0;
}

/* What the caller left open by mistake is no business of the guest's, nor ours. */
static int close_inherited(unsigned *ret_n_listen_fds) {
        int n = sd_listen_fds(false);

        if (n < 0)
                return log_error_errno(n, "$LISTEN_FDS cannot be understood: %m");
        if (close_range((unsigned) (SD_LISTEN_FDS_START + n), ~0U, 0) < 0)
                return log_error_errno(-errno, "cannot close inherited descriptors: %m");
        *ret_n_listen_fds = (unsigned) n;
        return 0;
}

static int flush_output(void) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return EXIT_SUCCESS;
        log_error("cannot write to standard output: %s", strerror(errno));
        return EXIT_FAILURE;
}

static int run(const MachineConfig *config, unsigned n_listen_fds) {
        _cleanup_machine_plan_ MachinePlan plan = {};
        _cleanup_host_facts_ HostFacts facts = {};

        if (config->source.cleanup)
                return cleanup(&config->source) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (host_facts_probe(config, &facts) < 0 || machine_plan_make(config, &facts, &plan) < 0)
                return EXIT_FAILURE;
        if (config->output.dry_run) {
                machine_plan_print(config, &plan, stdout);
                return flush_output();
        }
        return launch(config, &facts, &plan, n_listen_fds);
}

int main(int argc, char *argv[]) {
        MachineConfig config = {};
        unsigned n_listen_fds = 0;
        int r;

        if (fill_standard_streams() < 0)
                return EXIT_FAILURE;
        log_setup();
        (void) umask(0022); /* modes are meant as they are written, here and in the guest */
        if (raise_descriptor_limit() < 0)
                return EXIT_FAILURE;
        if (close_inherited(&n_listen_fds) < 0)
                return EXIT_FAILURE;
        r = config_read(argc, argv, &config);
        if (r < 0)
                return EXIT_FAILURE;
        if (r == 0)
                return flush_output();
        r = run(&config, n_listen_fds);
        machine_config_free(&config);
        return r;
}
