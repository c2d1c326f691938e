/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: resource limits are raised in the outer stage, in the host's user namespace, where that and
 * lowering the OOM score are still allowed; fork keeps them. All the rest runs in the inner stage, in the guest's user
 * namespace if it has one, after all mounts are done: lowering the limits too, so that they hold for the payload and not
 * for what has to be done before. A new user namespace starts with a full bounding set, so that is cut down inside it.
 *
 * How capabilities come out of execve(2), and why this order: for root they become the bounding set (and
 * the inheritable set, which is therefore no larger), for anybody else exactly the ambient set. Leaving
 * root clears them unless PR_SET_KEEPCAPS says otherwise, and a capability must be permitted and
 * inheritable to be made ambient. So: keep, change user, set the three sets at once, raise the ambient
 * ones. Dropping from the bounding set needs CAP_SETPCAP and is first, no_new_privs forbids nothing that
 * is done here and is last. */

#include "guest/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

static int set_limit_within(int resource, struct rlimit value) {
        struct rlimit current;

        if (getrlimit((__rlimit_resource_t) resource, &current) < 0)
                return -errno;
        log_debug("resource limit %s stays within the present hard limit %llu", rlimit_name(resource),
                  (unsigned long long) current.rlim_max);
        value.rlim_max = MIN(value.rlim_max, current.rlim_max);
        value.rlim_cur = MIN(value.rlim_cur, value.rlim_max);
        return setrlimit((__rlimit_resource_t) resource, &value) < 0 ? -errno : 0;
}

/* A hard limit that cannot be raised shows when it is set. */
static int raise_rlimits(const SecurityPlan *plan) {
        for (int i = 0; i < (int) RLIM_NLIMITS; i++) {
                struct rlimit limit;

                if (getrlimit((__rlimit_resource_t) i, &limit) < 0)
                        return log_error_errno(-errno, "cannot read the resource limit %s: %m", rlimit_name(i));
                if (plan->limits[i].value.rlim_max <= limit.rlim_max)
                        continue;
                limit.rlim_max = plan->limits[i].value.rlim_max;
                (void) setrlimit((__rlimit_resource_t) i, &limit);
        }
        return 0;
}

int privileges_set_limits(const SecurityPlan *plan) {
        for (int i = 0; i < (int) RLIM_NLIMITS; i++) {
                const LimitPlan *limit = &plan->limits[i];
                int r = setrlimit((__rlimit_resource_t) i, &limit->value) < 0 ? -errno : 0;

                if (r == -EPERM && !limit->required)
                        r = set_limit_within(i, limit->value);
                if (r < 0)
                        return log_error_errno(r, "cannot set the resource limit %s: %m", rlimit_name(i));
        }
        return 0;
}

static int set_oom_score_adjust(const SecurityPlan *plan) {
        char text[16];
        int r;

        if (!plan->oom_score_adjust_set)
                return 0;
        (void) snprintf(text, sizeof(text), "%i", plan->oom_score_adjust);
        r = write_kernel_file_at(AT_FDCWD, "/proc/self/oom_score_adj", text);
        if (r < 0)
                return log_error_errno(r, "cannot set the OOM score adjustment to %s: %m", text);
        return 0;
}

static int set_cpu_affinity(const SecurityPlan *plan) {
        if (plan->cpu_affinity_set && sched_setaffinity(0, sizeof(plan->cpu_affinity), &plan->cpu_affinity) < 0)
                return log_error_errno(-errno, "cannot set the CPU affinity: %m");
        return 0;
}

static int set_personality(const SecurityPlan *plan) {
        if (plan->personality != PERSONALITY_KEEP && personality(plan->personality) < 0)
                return log_error_errno(-errno, "cannot set the personality %#lx: %m", plan->personality);
        return 0;
}

int privileges_raise_limits(const SecurityPlan *plan) {
        int r;

        r = raise_rlimits(plan);
        if (r >= 0)
                r = set_oom_score_adjust(plan);
        if (r >= 0)
                r = set_cpu_affinity(plan);
        if (r >= 0)
                r = set_personality(plan);
        return r;
}

int privileges_try_context(const char *context) {
        const char *file = "/proc/thread-self/attr/exec";
        int r;

        if (!context)
                return 0;
        r = write_kernel_file_at(AT_FDCWD, file, context);
        if (r == -EINVAL)
                return log_error_errno(r, "--selinux-context=%s: the host's policy has no such context", context);
        if (r >= 0)
                r = write_kernel_file_at(AT_FDCWD, file, "\n"); /* none */
        return r < 0 ? log_error_errno(r, "--selinux-context=%s: %m", context) : 0;
}

/* The loop ends where the running kernel's capabilities do, which may be more than we have names for. */
static int drop_bounding(const SecurityPlan *plan) {
        for (unsigned long i = 0; i < 64; i++) {
                if (plan->capabilities & (UINT64_C(1) << i))
                        continue;
                if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) >= 0)
                        continue;
                if (errno == EINVAL)
                        break;
                return log_error_errno(-errno, "cannot drop capability %lu from the bounding set: %m", i);
        }
        return 0;
}

static int change_user(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups) {
        if (setgroups(n_groups, groups) < 0)
                return log_error_errno(-errno, "cannot set the supplementary groups: %m");
        if (setresgid(gid, gid, gid) < 0)
                return log_error_errno(-errno, "cannot change to group %u: %m", (unsigned) gid);
        if (uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot keep capabilities over the change of user: %m");
        if (setresuid(uid, uid, uid) < 0)
                return log_error_errno(-errno, "cannot change to user %u: %m", (unsigned) uid);
        if (uid != 0 && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot stop keeping capabilities: %m");
        return 0;
}

/* wanted is cut to what the process has. */
static int set_capabilities(uint64_t wanted, uint64_t inheritable) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        if (syscall(SYS_capget, &header, data) < 0)
                return log_error_errno(-errno, "cannot read the capabilities: %m");
        for (size_t i = 0; i < ELEMENTSOF(data); i++) {
                data[i].permitted &= (uint32_t) (wanted >> (32 * i));
                data[i].effective = data[i].permitted;
                data[i].inheritable = (uint32_t) (inheritable >> (32 * i));
        }
        if (syscall(SYS_capset, &header, data) < 0)
                return log_error_errno(-errno, "cannot set the capabilities: %m");
        return 0;
}

static int raise_ambient(uint64_t ambient) {
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot clear the ambient capabilities: %m");
        for (unsigned long i = 0; i < 64; i++)
                if ((ambient & (UINT64_C(1) << i)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
                        return log_error_errno(-errno, "cannot make capability %lu ambient: %m", i);
        return 0;
}

static int set_no_new_privileges(const SecurityPlan *plan) {
        if (plan->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return log_error_errno(-errno, "cannot set no_new_privs: %m");
        return 0;
}

int privileges_become(const SecurityPlan *plan, uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups) {
        const uint64_t for_seccomp = UINT64_C(1) << CAP_SYS_ADMIN;
        const uint64_t for_payload = plan->exact ? plan->permitted : uid == 0 ? plan->capabilities : plan->ambient;
        int r;

        r = drop_bounding(plan);
        if (r >= 0)
                r = change_user(uid, gid, groups, n_groups);
        if (r >= 0)
                r = set_capabilities(for_payload | plan->ambient | for_seccomp, plan->inheritable);
        if (r >= 0)
                r = raise_ambient(plan->ambient);
        if (r >= 0)
                r = set_no_new_privileges(plan);
        return r;
}
