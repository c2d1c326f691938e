/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: calls the planners of each subject in turn. None of them looks at the machine it runs on;
 * all they know of it are the facts. */

#include "plan/plan.h"

#include "log.h"
#include "plan/ports.h"
#include "plan/seccomp-policy.h"
#include "plan/seccomp-profile.h"
#include "plan/uid-range.h"

/* $SYSTEMD_NSPAWN_NETWORK_MAC wins over the address derived from the names. */
static void set_host0_address(const MachineConfig *config, NetworkPlan *network) {
        for (size_t i = 0; i < network->n_items && config->env.network_mac_set; i++) {
                LinkOperation *o = &network->items[i];

                if (o->kind == LINK_VETH && streq(o->guest, "host0"))
                        memcpy(&o->guest_address, config->env.network_mac, sizeof(o->guest_address));
        }
}

static int plan_bound_users(const MachineConfig *config, const HostFacts *facts, MachinePlan *plan) {
        uint32_t count = uid_range_count(&config->users.range, facts->have_user_namespaces);

        plan->bound = facts->bound;
        plan->n_bound = facts->n_bound;
        if (plan->n_bound > 0 && count <= BIND_USER_ID_MAX)
                return log_error_errno(-EINVAL, "--bind-user= takes a machine of %u users, this one has %u",
                                       UID_RANGE_SIZE, count);
        return 0;
}

static int check_selinux(const SecurityConfig *config, const HostFacts *facts) {
        const char *option = config->selinux_context ? "--selinux-context=" : "--selinux-apifs-context=";

        if (facts->have_selinux || (!config->selinux_context && !config->selinux_apifs_context))
                return 0;
        return log_error_errno(-EOPNOTSUPP, "%s: SELinux is not enabled on this host", option);
}

static int plan_filter(const MachineConfig *config, const HostFacts *facts, MachinePlan *plan) {
        int r;

        if (!config->oci.seccomp.set || facts->security.seccomp_disabled)
                return seccomp_for(&plan->security.seccomp, &plan->seccomp);
        r = seccomp_profile_compile(&syscall_table, &config->oci.seccomp, &plan->seccomp);
        if (r == -E2BIG)
                return log_error_errno(r, "linux.seccomp: the kernel takes no filter that long");
        return r == -ENOMEM ? log_oom() : r;
}

static int make(const MachineConfig *config, const HostFacts *facts, MachinePlan *plan) {
        const UsersRange *range = &config->users.range;
        int r;

        plan->user_namespace = range->mode != USERS_NO && (facts->have_user_namespaces || !range->if_supported);
        r = check_selinux(&config->security, facts);
        if (r >= 0)
                r = plan_bound_users(config, facts, plan);
        if (r >= 0)
                r = filesystem_plan(config, facts, &plan->filesystem);
        if (r < 0)
                return r;
        r = security_plan(&config->security, config->network.private_network, plan->user_namespace, &facts->security,
                          &plan->security);
        if (r < 0)
                return r;
        r = plan_filter(config, facts, plan);
        if (r < 0)
                return r;
        r = network_plan(&config->network, config->source.machine, &facts->network, &plan->network);
        if (r < 0)
                return log_error_errno(r, "cannot plan the machine's network links: %m");
        set_host0_address(config, &plan->network);
        return 0;
}

int machine_plan_make(const MachineConfig *config, const HostFacts *facts, MachinePlan *ret) {
        _cleanup_machine_plan_ MachinePlan plan = {};
        int r = make(config, facts, &plan);

        if (r < 0)
                return r;
        *ret = plan;
        plan = (MachinePlan){};
        return 0;
}

void machine_plan_done(MachinePlan *plan) {
        filesystem_plan_free(&plan->filesystem);
        seccomp_program_done(&plan->seccomp);
        network_plan_done(&plan->network);
}

static const char *source_kind(const SourceConfig *source) {
        if (source->image)
                return "image";
        return source->mstack ? "mount stack" : "directory";
}

void machine_plan_print(const MachineConfig *config, const MachinePlan *plan, FILE *f) {
        fprintf(f, "machine: %s\n%s: %s\n", config->source.machine, source_kind(&config->source),
                source_path(&config->source));
        if (config->source.template)
                fprintf(f, "template: %s\n", config->source.template);
        if (config->source.pivot.root)
                fprintf(f, "pivot to: %s\n", config->source.pivot.root);
        if (config->source.pivot.former)
                fprintf(f, "former root at: %s\n", config->source.pivot.former);
        if (plan->user_namespace)
                fputs("users: its own\n", f);
        for (size_t i = 0; i < plan->n_bound; i++)
                fprintf(f, "user of the host: %s (%u/%u) at %s\n", plan->bound[i].name, plan->bound[i].uid,
                        plan->bound[i].gid, plan->bound[i].home);
        filesystem_plan_print(&plan->filesystem, f);
        fprintf(f, "capabilities: %#llx\nambient: %#llx\nsystem call filter: %zu instructions\n",
                (unsigned long long) plan->security.capabilities, (unsigned long long) plan->security.ambient,
                plan->seccomp.n_instructions);
        if (plan->security.selinux_context)
                fprintf(f, "SELinux context: %s\n", plan->security.selinux_context);
        fputs("network:\n", f);
        network_plan_print(&plan->network, f);
        ports_print(config->network.ports, config->network.n_ports, f);
}
