/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the guest may do: capabilities, system calls, resource limits, and the like. Pure. */

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>

#include "config/config.h"
#include "plan/seccomp-compiler.h"

/* What the plan must know of this machine. See engine/security-facts.h. */
typedef struct SecurityFacts {
        uint64_t capabilities;           /* what the supervisor can give: its permitted and bounding sets */
        rlim_t nr_open;                  /* fs.nr_open: the kernel's own bound of RLIMIT_NOFILE */
        struct rlimit nproc, sigpending; /* those of the host's PID 1 */
        bool seccomp_disabled;           /* $SYSTEMD_SECCOMP=0 */
} SecurityFacts;

typedef struct LimitPlan {
        struct rlimit value;
        bool required; /* the user asked for it: nothing less will do */
} LimitPlan;

#define PERSONALITY_KEEP ULONG_MAX

typedef struct SecurityPlan {
        uint64_t capabilities;         /* the bounding set of the guest */
        uint64_t ambient, inheritable; /* subsets of it; without a bundle's word they are the same */
        bool exact;                    /* a bundle says what is permitted, whoever the user is */
        uint64_t permitted;            /* a subset of capabilities */
        bool no_new_privileges;
        SeccompPolicy seccomp; /* borrows its lists from the configuration */
        LimitPlan limits[RLIM_NLIMITS];
        bool oom_score_adjust_set;
        int oom_score_adjust;
        bool cpu_affinity_set;
        cpu_set_t cpu_affinity;
        const char *selinux_context; /* label of the payload, or NULL */
        unsigned long personality;   /* for personality(2), or PERSONALITY_KEEP */
} SecurityPlan;

/* Decides all of it; the configuration must outlive the plan. -EINVAL, with an error line, for ambient
 * capabilities that the guest does not get, an unknown system call or group, an unknown personality. */
int security_plan(const SecurityConfig *config, bool private_network, bool user_namespace, const SecurityFacts *facts,
                  SecurityPlan *ret) _must_check_;

/* The name of RLIMIT_n ("NOFILE"), for messages and printed plans. */
const char *rlimit_name(int resource);
