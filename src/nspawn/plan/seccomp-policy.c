/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor before anything is started, so that a wrong name ends the run
 * with nothing to undo. The default policies are compiled when the program is built; the table of names and
 * numbers is made at the same time, from libseccomp and from our own list of younger calls, so that a custom
 * policy needs no library at run time and a fifth of a millisecond to compile. */

#include "plan/seccomp-policy.h"

#include "log.h"
#include "plan/syscall-groups.h"

static bool name_is_known(const char *name) {
        return *name == '@' ? !!syscall_group_find(name) : !!syscall_table_find(&syscall_table, name);
}

static int check_list(char *const *names) {
        for (; names && *names; names++)
                if (!name_is_known(*names))
                        return log_error_errno(-EINVAL, "--system-call-filter=%s: no such system call or group",
                                               *names);
        return 0;
}

int seccomp_policy_check(const SeccompPolicy *policy) {
        int r = check_list(policy->allow);

        return r < 0 ? r : check_list(policy->deny);
}

static const SeccompBuiltin *find_builtin(const SeccompPolicy *policy) {
        uint64_t key = policy->capabilities & seccomp_gating_capabilities();

        if ((policy->allow && *policy->allow) || (policy->deny && *policy->deny) || policy->suppress_sync ||
            policy->denied_families != 0)
                return NULL;
        for (size_t i = 0; i < seccomp_n_builtins; i++)
                if (seccomp_builtins[i].capabilities == key)
                        return &seccomp_builtins[i];
        return NULL;
}

int seccomp_for(const SeccompPolicy *policy, SeccompProgram *ret) {
        const SeccompBuiltin *builtin;
        int r;

        if (policy->disabled) {
                *ret = (SeccompProgram){ 0 };
                return 0;
        }

        builtin = find_builtin(policy);
        if (builtin) {
                *ret = (SeccompProgram){ builtin->instructions, builtin->n_instructions, NULL };
                return 0;
        }

        r = seccomp_compile(&syscall_table, policy, ret);
        if (r < 0)
                return log_error_errno(r, "the system call policy does not compile: %m");
        return 0;
}
