/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, after the configuration is complete and before anything is
 * started. The capability set is systemd-nspawn's: its default, plus and minus what was asked for, plus
 * CAP_NET_ADMIN where the guest has a network of its own to administer, minus CAP_NET_BIND_SERVICE where
 * a user namespace sits on the host's network and the capability would be a promise that the kernel does
 * not keep. It becomes the bounding set, so it holds for every process of the machine, whatever it
 * executes. */

#include "plan/security.h"

#include <linux/capability.h>
#include <sys/personality.h>

#include "config/capability.h"
#include "log.h"
#include "plan/seccomp-policy.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)

#define MIB (UINT64_C(1024) * 1024)
#define NOFILE_MAX 524288

/* — capabilities — */

/* A user namespace gives all capabilities over itself, whatever the supervisor has. */
static uint64_t plan_capabilities(const SecurityConfig *config, bool private_network, bool user_namespace,
                                  const SecurityFacts *facts) {
        const CapabilitySets *bundle = &config->capabilities;
        uint64_t set = (bundle->set ? bundle->bounding : capability_default_set) | config->capability_add, lacking;

        if (private_network && !bundle->set)
                set |= CAP(NET_ADMIN);
        if (user_namespace && !private_network && !bundle->set)
                set &= ~CAP(NET_BIND_SERVICE);
        set &= ~config->capability_drop;
        if (user_namespace)
                return set;

        lacking = set & ~facts->capabilities;
        if (lacking != 0 && config->capability_add != CAPABILITY_ALL)
                log_debug("capabilities left out because this process lacks them: mask %#llx",
                          (unsigned long long) lacking);
        return set & facts->capabilities;
}

/* What is not in the bounding set is left out of the others too, which are nobody's word but the bundle's. */
static void plan_sets(const SecurityConfig *config, SecurityPlan *plan) {
        const CapabilitySets *bundle = &config->capabilities;
        const uint64_t added = config->ambient, present = plan->capabilities & ~config->capability_drop;

        plan->permitted = plan->capabilities;
        plan->ambient = plan->inheritable = added;
        if (!bundle->set)
                return;
        plan->exact = true;
        plan->permitted = (bundle->permitted | config->capability_add | added) & present;
        plan->inheritable = (bundle->inheritable & present) | added;
        plan->ambient = (bundle->ambient & present) | added;
}

static int check_ambient(uint64_t ambient, uint64_t capabilities) {
        if (ambient == CAPABILITY_ALL)
                return log_error_errno(-EINVAL, "--ambient-capability=all is not possible, name the capabilities");
        if (ambient & ~capabilities)
                return log_error_errno(-EINVAL,
                                       "--ambient-capability= names capabilities that the machine does not "
                                       "have, add them with --capability=");
        return 0;
}

/* — resource limits — */

static const char *const limit_names[RLIM_NLIMITS] = {
        [RLIMIT_AS] = "AS",           [RLIMIT_CORE] = "CORE",         [RLIMIT_CPU] = "CPU",
        [RLIMIT_DATA] = "DATA",       [RLIMIT_FSIZE] = "FSIZE",       [RLIMIT_LOCKS] = "LOCKS",
        [RLIMIT_MEMLOCK] = "MEMLOCK", [RLIMIT_MSGQUEUE] = "MSGQUEUE", [RLIMIT_NICE] = "NICE",
        [RLIMIT_NOFILE] = "NOFILE",   [RLIMIT_NPROC] = "NPROC",       [RLIMIT_RSS] = "RSS",
        [RLIMIT_RTPRIO] = "RTPRIO",   [RLIMIT_RTTIME] = "RTTIME",     [RLIMIT_SIGPENDING] = "SIGPENDING",
        [RLIMIT_STACK] = "STACK",
};

/* What the kernel gives its own PID 1, so that a machine does not inherit the limits of whoever starts it. */
static const struct rlimit default_limits[RLIM_NLIMITS] = {
        [RLIMIT_AS] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_CORE] = { 0, RLIM_INFINITY },
        [RLIMIT_CPU] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_DATA] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_FSIZE] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_LOCKS] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_MEMLOCK] = { 8 * MIB, 8 * MIB },
        [RLIMIT_MSGQUEUE] = { 819200, 819200 },
        [RLIMIT_NICE] = { 0, 0 },
        [RLIMIT_NOFILE] = { 1024, NOFILE_MAX },
        [RLIMIT_RSS] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_RTPRIO] = { 0, 0 },
        [RLIMIT_RTTIME] = { RLIM_INFINITY, RLIM_INFINITY },
        [RLIMIT_STACK] = { 8 * MIB, RLIM_INFINITY },
};

const char *rlimit_name(int resource) {
        return resource >= 0 && resource < (int) RLIM_NLIMITS ? limit_names[resource] : NULL;
}

static void plan_limits(const SecurityConfig *config, const SecurityFacts *facts, LimitPlan *ret) {
        for (size_t i = 0; i < RLIM_NLIMITS; i++)
                ret[i] = (LimitPlan){ .value = default_limits[i] };

        ret[RLIMIT_NOFILE].value.rlim_max = MIN((rlim_t) NOFILE_MAX, facts->nr_open);
        ret[RLIMIT_NPROC].value = facts->nproc;
        ret[RLIMIT_SIGPENDING].value = facts->sigpending;

        for (size_t i = 0; i < RLIM_NLIMITS; i++)
                if (config->rlimit[i].set)
                        ret[i] = (LimitPlan){ { config->rlimit[i].soft, config->rlimit[i].hard }, true };
}

/* — personality — */

/* The native architecture and the 32-bit one that the same kernel runs. */
static const struct {
        const char *name;
        unsigned long personality;
} personalities[] = {
#if defined(__x86_64__)
        { "x86-64", PER_LINUX },
        { "x86", PER_LINUX32 },
#elif defined(__i386__)
        { "x86", PER_LINUX },
#elif defined(__aarch64__)
        { "arm64", PER_LINUX },
        { "arm", PER_LINUX32 },
#elif defined(__arm__)
        { "arm", PER_LINUX },
#elif defined(__s390x__)
        { "s390x", PER_LINUX },
        { "s390", PER_LINUX32 },
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        { "ppc64-le", PER_LINUX },
        { "ppc-le", PER_LINUX32 },
#elif defined(__powerpc64__)
        { "ppc64", PER_LINUX },
        { "ppc", PER_LINUX32 },
#elif defined(__riscv) && __riscv_xlen == 64
        { "riscv64", PER_LINUX },
#elif defined(__loongarch64)
        { "loongarch64", PER_LINUX },
#endif
};

static int plan_personality(const char *name, unsigned long *ret) {
        if (!name) {
                *ret = PERSONALITY_KEEP;
                return 0;
        }

        for (size_t i = 0; i < ELEMENTSOF(personalities); i++)
                if (streq(personalities[i].name, name)) {
                        *ret = personalities[i].personality;
                        return 0;
                }
        return log_error_errno(-EINVAL, "--personality=%s: this machine cannot run that architecture", name);
}

static uint64_t denied_families(const AddressFamilies *families) {
        if (!families->restricted)
                return 0;
        return families->allow_list ? ~families->listed : families->listed;
}

int security_plan(const SecurityConfig *config, bool private_network, bool user_namespace, const SecurityFacts *facts,
                  SecurityPlan *ret) {
        SecurityPlan plan = {
                .capabilities = plan_capabilities(config, private_network, user_namespace, facts),
                .no_new_privileges = config->no_new_privileges,
                .oom_score_adjust_set = config->oom_score_adjust_set,
                .oom_score_adjust = config->oom_score_adjust,
                .selinux_context = config->selinux_context,
                .cpu_affinity_set = config->cpu_affinity_set,
                .cpu_affinity = config->cpu_affinity,
        };
        int r;

        plan_sets(config, &plan);
        plan.seccomp = (SeccompPolicy){
                .capabilities = plan.capabilities,
                .allow = config->syscall_allow,
                .deny = config->syscall_deny,
                .denied_families = denied_families(&config->address_families),
                .suppress_sync = config->suppress_sync,
                .disabled = facts->seccomp_disabled,
        };
        plan_limits(config, facts, plan.limits);

        r = check_ambient(plan.ambient, plan.capabilities);
        if (r >= 0)
                r = seccomp_policy_check(&plan.seccomp);
        if (r >= 0)
                r = plan_personality(config->personality, &plan.personality);
        if (r >= 0)
                *ret = plan;
        return r;
}
