/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what does not go together, as a table. Each row is asked of all that was said, after merging and
 * before anything follows from it; the first that applies is the answer. */

#include "config/refusals.h"

#include <linux/capability.h>

#include "config/capability.h"
#include "log.h"
#include "strv.h"

static bool refuse_two_starts(const Settings *s) {
        return s->boot && s->as_pid2;
}

static bool refuse_user_scope(const Settings *s) {
        return s->value.unit.user_scope;
}

static bool refuse_shared_processes(const Settings *s) {
        return s->value.env.share_pid || s->value.env.share_system;
}

static bool refuse_shared_name_and_boot(const Settings *s) {
        return s->value.env.share_uts && s->boot;
}

static bool refuse_shared_name_and_name(const Settings *s) {
        return s->value.env.share_uts && s->value.identity.hostname;
}

static bool refuse_host_root(const Settings *s) {
        const SourceConfig *source = &s->value.source;

        return streq_ptr(source->directory, "/") && !source->cleanup && !source->ephemeral &&
                source->volatile_mode != VOLATILE_YES && source->volatile_mode != VOLATILE_STATE;
}

static bool refuse_ephemeral_stack(const Settings *s) {
        return s->value.source.ephemeral && s->value.source.mstack;
}

static bool refuse_template_image(const Settings *s) {
        return s->value.source.template && (s->value.source.image || s->value.source.mstack);
}

static bool refuse_template_ephemeral(const Settings *s) {
        return s->value.source.template && s->value.source.ephemeral && !s->value.source.cleanup;
}

static bool refuse_ephemeral_journal(const Settings *s) {
        LinkJournal mode = s->value.integration.link_journal;

        return s->value.source.ephemeral && (mode == LINK_JOURNAL_HOST || mode == LINK_JOURNAL_GUEST);
}

static bool refuse_limits_without_journal(const Settings *s) {
        return !s->value.forward_journal.path && forward_journal_is_limited(&s->value.forward_journal);
}

static bool refuse_journal_credential(const Settings *s) {
        const CredentialsConfig *c = &s->value.credentials;

        for (size_t i = 0; s->value.forward_journal.path && i < c->n_items; i++)
                if (streq(c->items[i].id, FORWARD_JOURNAL_CREDENTIAL))
                        return true;
        return false;
}

static bool refuse_bridge_and_zone(const Settings *s) {
        return s->value.network.bridge && s->value.network.zone;
}

static bool refuse_namespace_and_members(const Settings *s) {
        return s->value.network.namespace_path && network_has_links(&s->value.network);
}

static bool refuse_ports_without_link(const Settings *s) {
        const NetworkConfig *n = &s->value.network;

        return n->n_ports > 0 && (n->namespace_path || !(n->veth || n->bridge || n->zone || n->n_veth_extra > 0));
}

static bool refuse_ambient_boot(const Settings *s) {
        return s->boot && s->value.security.ambient != 0;
}

static bool refuse_ambient_outside(const Settings *s) {
        const SecurityConfig *c = &s->value.security;
        const CapabilitySets *bundle = &s->value.oci.capabilities;
        uint64_t bounding = (bundle->set ? bundle->bounding : capability_default_set) | c->capability_add;

        if (network_is_private(&s->value.network) && !bundle->set)
                bounding |= UINT64_C(1) << CAP_NET_ADMIN;
        bounding &= ~c->capability_drop;
        return (c->ambient & ~bounding) != 0;
}

static bool refuse_users_and_writable_api(const Settings *s) {
        return s->value.users.range.mode != USERS_NO && s->value.env.api_vfs_writable == API_VFS_WRITABLE_YES;
}

static bool refuse_users_and_host_network(const Settings *s) {
        return s->value.users.range.mode != USERS_NO && s->value.env.api_vfs_writable == API_VFS_WRITABLE_NETWORK &&
                !network_is_private(&s->value.network);
}

static bool refuse_chown_of_nothing(const Settings *s) {
        const SourceConfig *source = &s->value.source;

        return s->value.users.ownership == OWNERSHIP_CHOWN &&
                (source->read_only || source->ephemeral || source->volatile_mode != VOLATILE_NO || source->mstack ||
                 mounts_have_root(&s->value.mounts));
}

static bool refuse_no_bind_user(const Settings *s) {
        const BindUsersConfig *users = &s->value.bind_users;

        return !users->names && (users->shell || users->groups);
}

/* Its machines would need capabilities over the host's network. */
static bool refuse_nesting_on_host_network(const Settings *s) {
        return s->value.security.nesting && s->value.users.range.mode != USERS_NO &&
                !network_is_private(&s->value.network);
}

static bool has_mount_on(const Settings *s, const char *path, bool hidden) {
        const MountsConfig *mounts = &s->value.mounts;

        for (size_t i = 0; i < mounts->n_items; i++)
                if (streq(mounts->items[i].destination, path) &&
                    (!hidden || mounts->items[i].kind == MOUNT_INACCESSIBLE))
                        return true;
        return false;
}

static bool refuse_mount_on_interface(const Settings *s) {
        return has_mount_on(s, "/run/host", false);
}

static bool refuse_hidden_system(const Settings *s) {
        return has_mount_on(s, "/run", true) || has_mount_on(s, "/dev", true) || has_mount_on(s, "/proc", true);
}

static bool refuse_protected_directory(const Settings *s) {
        const SourceConfig *c = &s->value.source;

        return (c->directory && c->image_key_file) ||
                (!c->image && (c->root_hash || c->root_hash_signature || c->verity_data));
}

static bool refuse_host_sysctl(const Settings *s) {
        STRV_FOREACH(setting, s->value.oci.sysctl)
        if (startswith(*setting, "net/") ? !network_is_private(&s->value.network) : s->value.env.share_ipc)
                return true;
        return false;
}

static bool refuse_two_filters(const Settings *s) {
        const SecurityConfig *c = &s->value.security;

        return s->value.oci.seccomp.set &&
                (c->syscall_allow || c->syscall_deny || c->suppress_sync || c->address_families.restricted);
}

static const struct {
        bool (*applies)(const Settings *s);
        const char *message;
} refusals[] = {
        { refuse_two_starts, "--boot and --as-pid2 cannot be used together" },
        { refuse_user_scope, "--user needs --private-users=managed, which this program cannot do" },
        { refuse_shared_processes,
          "a machine cannot share the host's processes (--share-system, $SYSTEMD_NSPAWN_SHARE_NS_PID): its own could "
          "outlive nspawn; $SYSTEMD_NSPAWN_SHARE_NS_IPC=yes and $SYSTEMD_NSPAWN_SHARE_NS_UTS=yes share the rest" },
        { refuse_shared_name_and_boot,
          "--boot needs a host name of the machine's own: unset $SYSTEMD_NSPAWN_SHARE_NS_UTS" },
        { refuse_shared_name_and_name,
          "--hostname= would change the host's own name: unset $SYSTEMD_NSPAWN_SHARE_NS_UTS or leave it out" },
        { refuse_host_root,
          "the host's own root directory can be used with --ephemeral, --volatile=yes or "
          "--volatile=state only" },
        { refuse_ephemeral_stack,
          "--ephemeral cannot be used with --mstack=; --volatile=overlay forgets the changes to a mount stack" },
        { refuse_template_image, "--template= makes a directory tree, and cannot be used with --image= or --mstack=" },
        { refuse_template_ephemeral,
          "--template= cannot be used with --ephemeral: a copy of a copy would be thrown away; leave out "
          "--directory= to run on a snapshot of the template itself" },
        { refuse_ephemeral_journal,
          "--ephemeral cannot be used with --link-journal=host or guest; try-host and "
          "try-guest are possible" },
        { refuse_limits_without_journal, "--forward-journal-…= is of no use without --forward-journal=" },
        { refuse_journal_credential,
          "--forward-journal= sets the credential " FORWARD_JOURNAL_CREDENTIAL " itself: leave out the other one" },
        { refuse_mount_on_interface,
          "nothing can be mounted on /run/host: that is where the machine finds what this program tells it" },
        { refuse_hidden_system, "--inaccessible= cannot hide /run, /dev or /proc: no machine runs without them" },
        { refuse_protected_directory,
          "--root-hash=, --root-hash-sig=, --verity-data= and --image-key-file= are for disk images only" },
        { refuse_bridge_and_zone, "--network-bridge= and --network-zone= cannot be used together" },
        { refuse_namespace_and_members,
          "--network-namespace-path= cannot be used with other network options than "
          "--private-network" },
        { refuse_ports_without_link,
          "--port= needs a link between the host and the machine: add --network-veth (-n), --network-bridge= or "
          "--network-zone=, or leave out --port=: on the host's network the machine has all ports" },
        { refuse_ambient_boot, "--ambient-capability= is of no use when booting: leave out --boot" },
        { refuse_ambient_outside,
          "--ambient-capability= names a capability that the machine does not have: add it "
          "with --capability=" },
        { refuse_users_and_writable_api,
          "--private-users= cannot be used with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes: the kernel's settings "
          "belong to the host's users" },
        { refuse_users_and_host_network,
          "--private-users= with $SYSTEMD_NSPAWN_API_VFS_WRITABLE=network needs --private-network or another "
          "network option" },
        { refuse_host_sysctl,
          "the bundle changes settings of the kernel (linux.sysctl) that would be the host's: it takes a network and "
          "IPC "
          "of its own" },
        { refuse_two_filters,
          "--system-call-filter=, --restrict-address-families= and --suppress-sync= change the usual filter, and this "
          "bundle has one of its own (linux.seccomp)" },
        { refuse_no_bind_user, "--bind-user-shell= and --bind-user-group= are of no use without --bind-user=" },
        { refuse_chown_of_nothing,
          "--private-users-ownership=chown writes to the tree, which --read-only, --volatile=, --ephemeral, --mstack= "
          "and "
          "a mount on / keep as it is: leave one of them out, or use --private-users-ownership=map" },
        { refuse_nesting_on_host_network,
          "--nesting with --private-users= needs a network of the machine's own: add --private-network, "
          "--network-veth or another network option" },
};

int config_refuse(const Settings *s) {
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (refusals[i].applies(s)) {
                        log_error("%s", refusals[i].message);
                        return -EINVAL;
                }
        return 0;
}
