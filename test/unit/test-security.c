/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan is checked as data; applying it is checked in a child, as root only. */

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/capability.h"
#include "engine/seccomp.h"
#include "engine/security-facts.h"
#include "fd.h"
#include "guest/privileges.h"
#include "log.h"
#include "plan/security.h"
#include "test.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

static const SecurityFacts facts = {
        .capabilities = (UINT64_C(1) << (CAP_LAST_CAP + 1)) - 1,
        .nr_open = 1000000,
        .nproc = { 7000, 7001 },
        .sigpending = { 8000, 8001 },
};

static int plan_for(const SecurityConfig *config, bool private_network, bool user_namespace, SecurityPlan *ret) {
        return security_plan(config, private_network, user_namespace, &facts, ret);
}

TEST(capability_sets) {
        SecurityConfig config = { 0 };
        SecurityPlan plan;

        ASSERT_OK(plan_for(&config, false, false, &plan));
        ASSERT_EQ(__builtin_popcountll(plan.capabilities), 26);
        ASSERT_EQ(plan.capabilities, capability_default_set);
        ASSERT_EQ(plan.seccomp.capabilities, plan.capabilities);
        ASSERT_EQ(plan.ambient, 0);

        ASSERT_OK(plan_for(&config, true, false, &plan));
        ASSERT_EQ(plan.capabilities, capability_default_set | CAP(NET_ADMIN));
        ASSERT_OK(plan_for(&config, false, true, &plan));
        ASSERT_EQ(plan.capabilities, capability_default_set & ~CAP(NET_BIND_SERVICE));
        ASSERT_OK(plan_for(&config, true, true, &plan));
        ASSERT_EQ(plan.capabilities, capability_default_set | CAP(NET_ADMIN));

        config = (SecurityConfig){ .capability_add = CAP(SYS_TIME), .capability_drop = CAP(SYS_TIME) | CAP(MKNOD) };
        ASSERT_OK(plan_for(&config, false, false, &plan));
        ASSERT_EQ(plan.capabilities, capability_default_set & ~CAP(MKNOD));

        config = (SecurityConfig){ .capability_add = CAPABILITY_ALL };
        ASSERT_OK(plan_for(&config, false, false, &plan));
        ASSERT_EQ(plan.capabilities, facts.capabilities);
        config = (SecurityConfig){ .capability_drop = CAPABILITY_ALL };
        ASSERT_OK(plan_for(&config, true, false, &plan));
        ASSERT_EQ(plan.capabilities, 0);
}

TEST(capabilities_that_we_lack) {
        SecurityFacts poor = facts;
        SecurityConfig config = { 0 };
        SecurityPlan plan;

        poor.capabilities &= ~CAP(SYS_RESOURCE);
        ASSERT_OK(security_plan(&config, false, false, &poor, &plan));
        ASSERT_EQ(plan.capabilities, capability_default_set & ~CAP(SYS_RESOURCE));
        ASSERT_OK(security_plan(&config, true, true, &poor, &plan));
        ASSERT_TRUE(plan.capabilities & CAP(SYS_RESOURCE));
}

TEST(bad_input) {
        char *unknown[] = { (char *) "frobnicate", NULL };
        SecurityPlan plan = { .ambient = 42 };

        log_set_max_level(LOG_EMERG);
        ASSERT_ERR(plan_for(&(SecurityConfig){ .ambient = CAP(SYS_TIME) }, false, false, &plan), -EINVAL);
        ASSERT_ERR(plan_for(&(SecurityConfig){ .ambient = CAPABILITY_ALL }, false, false, &plan), -EINVAL);
        ASSERT_ERR(plan_for(&(SecurityConfig){ .syscall_deny = unknown }, false, false, &plan), -EINVAL);
        ASSERT_ERR(plan_for(&(SecurityConfig){ .personality = unknown[0] }, false, false, &plan), -EINVAL);
        ASSERT_EQ(plan.ambient, 42);
        log_set_max_level(LOG_INFO);
}

TEST(address_families) {
        const uint64_t two = 1U << 1 | 1U << 2;
        SecurityPlan plan;

        ASSERT_OK(plan_for(&(SecurityConfig){}, false, false, &plan));
        ASSERT_EQ(plan.seccomp.denied_families, 0);
        ASSERT_OK(plan_for(&(SecurityConfig){ .address_families = { true, true, two } }, false, false, &plan));
        ASSERT_TRUE(plan.seccomp.denied_families == ~two);
        ASSERT_OK(plan_for(&(SecurityConfig){ .address_families = { true, false, two } }, false, false, &plan));
        ASSERT_EQ(plan.seccomp.denied_families, two);
        ASSERT_OK(plan_for(&(SecurityConfig){ .address_families = { true, true, 0 } }, false, false, &plan));
        ASSERT_TRUE(plan.seccomp.denied_families == UINT64_MAX);
}

TEST(limits) {
        SecurityConfig config = { 0 };
        SecurityPlan plan;

        config.rlimit[RLIMIT_STACK] = (ResourceLimit){ true, 1, 2 };
        ASSERT_OK(plan_for(&config, false, false, &plan));
        ASSERT_EQ(plan.limits[RLIMIT_NOFILE].value.rlim_cur, 1024);
        ASSERT_EQ(plan.limits[RLIMIT_NOFILE].value.rlim_max, 524288);
        ASSERT_TRUE(!plan.limits[RLIMIT_NOFILE].required);
        ASSERT_EQ(plan.limits[RLIMIT_NPROC].value.rlim_max, 7001);
        ASSERT_EQ(plan.limits[RLIMIT_SIGPENDING].value.rlim_cur, 8000);
        ASSERT_EQ(plan.limits[RLIMIT_CORE].value.rlim_cur, 0);
        ASSERT_EQ(plan.limits[RLIMIT_CORE].value.rlim_max, RLIM_INFINITY);
        ASSERT_EQ(plan.limits[RLIMIT_MEMLOCK].value.rlim_max, 8 << 20);
        ASSERT_EQ(plan.limits[RLIMIT_STACK].value.rlim_max, 2);
        ASSERT_TRUE(plan.limits[RLIMIT_STACK].required);
        for (int i = 0; i < (int) RLIM_NLIMITS; i++)
                ASSERT_TRUE(rlimit_name(i));
        ASSERT_EQ(plan.personality, PERSONALITY_KEEP);
}

TEST(facts_of_this_machine) {
        SecurityFacts real;

        ASSERT_OK(setenv("SYSTEMD_SECCOMP", "0", 1));
        security_facts_read(&real);
        ASSERT_TRUE(real.seccomp_disabled);
        ASSERT_TRUE(real.nr_open >= 1024);
        ASSERT_OK(setenv("SYSTEMD_SECCOMP", "1", 1));
        security_facts_read(&real);
        ASSERT_TRUE(!real.seccomp_disabled);
        ASSERT_OK(unsetenv("SYSTEMD_SECCOMP"));
        security_facts_read(&real);
        ASSERT_TRUE(!real.seccomp_disabled);
}

/* — for real — */

/* Everything that is to happen before the payload, then a look at /proc/self/status by the payload. */
static _noreturn_ void child(const SecurityPlan *plan, uid_t uid, const char *script) {
        static const gid_t groups[] = { 4242 };
        _cleanup_seccomp_program_ SeccompProgram program = { 0 };

        if (seccomp_for(&plan->seccomp, &program) < 0 || privileges_raise_limits(plan) < 0 ||
            privileges_set_limits(plan) < 0 || privileges_become(plan, uid, uid, groups, ELEMENTSOF(groups)) < 0 ||
            seccomp_load(&program, false) < 0)
                _exit(100);
        (void) execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(101);
}

static int run_as(const SecurityConfig *config, uid_t uid, const char *script) {
        SecurityFacts real;
        SecurityPlan plan;
        int status;
        pid_t pid;

        security_facts_read(&real);
        ASSERT_OK(security_plan(config, false, false, &real, &plan));
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                child(&plan, uid, script);
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

#define STATUS_IS(field, value) "grep -qix '" field ":.*" value "' /proc/self/status || exit 1; "

TEST(becoming_root) {
        char expected[512];
        SecurityFacts real;
        SecurityPlan plan;

        TEST_NEEDS_ROOT;
        security_facts_read(&real);
        ASSERT_OK(security_plan(&(SecurityConfig){ 0 }, false, false, &real, &plan));
        (void) snprintf(expected, sizeof(expected),
                        "for s in Bnd Prm Eff; do "
                        "grep -q \"^Cap$s:.*%016llx\" /proc/self/status || exit 1; done; "
                        "for s in Inh Amb; do "
                        "grep -q \"^Cap$s:.*0000000000000000\" /proc/self/status || exit 2; done; " STATUS_IS(
                                "Seccomp", "2") STATUS_IS("NoNewPrivs", "0") "test \"$(id -G)\" = '0 4242' || exit 3; "
                                                                             "test \"$(ulimit -Sn)\" = 1024 || exit 4",
                        (unsigned long long) plan.capabilities);
        ASSERT_EQ(run_as(&(SecurityConfig){ 0 }, 0, expected), 0);
}

TEST(becoming_somebody) {
        SecurityConfig config = { .no_new_privileges = true };

        TEST_NEEDS_ROOT;
        ASSERT_EQ(run_as(&config, 1234,
                         STATUS_IS("CapPrm", "0000000000000000") STATUS_IS("CapEff", "0000000000000000")
                                 STATUS_IS("CapInh", "0000000000000000") STATUS_IS("NoNewPrivs", "1")
                                         STATUS_IS("Seccomp", "2") "test \"$(id -u)\" = 1234"),
                  0);

        config = (SecurityConfig){ .ambient = CAP(NET_RAW) };
        ASSERT_EQ(run_as(&config, 1234,
                         STATUS_IS("CapPrm", "0000000000002000") STATUS_IS("CapEff", "0000000000002000")
                                 STATUS_IS("CapInh", "0000000000002000") STATUS_IS("CapAmb", "0000000000002000")),
                  0);
}

static void write_map(pid_t pid, const char *which) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%i/%s", (int) pid, which);
        ASSERT_OK(write_kernel_file_at(AT_FDCWD, path, "0 0 65536"));
}

/* There the bounding set is full at first, whatever the supervisor lacks, and the filter still loads. */
TEST(in_a_user_namespace) {
        SecurityPlan plan;
        int ready[2], mapped[2], status;
        char expected[256], c;
        pid_t pid;

        TEST_NEEDS_ROOT;
        ASSERT_OK(security_plan(&(SecurityConfig){ 0 }, true, true, &facts, &plan));
        (void) snprintf(expected, sizeof(expected),
                        "for s in Bnd Prm Eff; do "
                        "grep -q \"^Cap$s:.*%016llx\" /proc/self/status || exit 1; done; " STATUS_IS("Seccomp", "2"),
                        (unsigned long long) plan.capabilities);

        ASSERT_OK(pipe2(ready, O_CLOEXEC));
        ASSERT_OK(pipe2(mapped, O_CLOEXEC));
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "", 1) != 1 || read(mapped[0], &c, 1) != 1)
                        _exit(99);
                child(&plan, 0, expected);
        }
        ASSERT_EQ(read(ready[0], &c, 1), 1);
        write_map(pid, "uid_map");
        write_map(pid, "gid_map");
        ASSERT_EQ(write(mapped[1], "", 1), 1);
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), 0);
}

TEST(what_the_user_asked_for) {
        char *deny[] = { (char *) "@setuid", (char *) "prctl", (char *) "capset", NULL };
        SecurityConfig config = {
                .oom_score_adjust_set = true,
                .oom_score_adjust = 321,
                .cpu_affinity_set = true,
                .capability_drop = CAP(SYS_ADMIN),
                .syscall_deny = deny,
        };

        TEST_NEEDS_ROOT;
        CPU_SET(0, &config.cpu_affinity);
        config.rlimit[RLIMIT_NOFILE] = (ResourceLimit){ true, 100, 200 };
        ASSERT_EQ(run_as(&config, 1234,
                         "test \"$(cat /proc/self/oom_score_adj)\" = 321 || exit 1; test \"$(nproc)\" = 1 "
                         "|| exit 2; test \"$(ulimit -Hn)\" = 200 || exit 3"),
                  0);
#if defined(__x86_64__)
        config = (SecurityConfig){ .personality = (char *) "x86" };
        ASSERT_EQ(run_as(&config, 0, "test \"$(uname -m)\" = i686"), 0);
#endif
}

TEST_MAIN
