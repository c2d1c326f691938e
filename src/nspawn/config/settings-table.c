/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: this is the table that settings.h tells about. --help shows the rows in this order. To
 * add a setting: a field in config.h, a row here, an @OPTION or @KEY line in the manual. Only what the
 * program really does has a row: an option that would be ignored is an error instead. */

#include "config/settings.h"
#include "config/value-types.h"

#define FIELD(member) .offset = offsetof(Settings, member)
#define OPTION(l, n, h) .letter = l, .name = n, .help = h
#define KEY(s, k) .section = s, .key = k
#define REQUIRED(m) .argument = ARGUMENT_REQUIRED, .metavar = m
#define OPTIONAL(m, i) .argument = ARGUMENT_OPTIONAL, .metavar = m, .implied = i

/* What the incumbent permits of the image of a container. */
#define SYSTEM_PARTITION "=verity+signed+encrypted+encryptedwithintegrity+unprotected+absent"
#define DATA_PARTITION "=encrypted+encryptedwithintegrity+unprotected+absent"
#define BOOT_PARTITION "=unprotected+absent"
#define CONTAINER_POLICY                                                                                     \
        "root" SYSTEM_PARTITION ":usr" SYSTEM_PARTITION ":home" DATA_PARTITION ":srv" DATA_PARTITION         \
        ":tmp" DATA_PARTITION ":var" DATA_PARTITION ":esp" BOOT_PARTITION ":xbootldr" BOOT_PARTITION

/* LimitNAME=, each of them the same as --rlimit=NAME= */
#define LIMIT(limit)                                                                                         \
        {                                                                                                    \
                KEY("Exec", "Limit" limit), .metavar = "SOFT[:HARD]", .prefix = limit "=",                   \
                .trust = TRUST_PRIVILEGED, .type = &value_rlimit, FIELD(value.security.rlimit)               \
        }

const Setting settings_table[] = {
        /* — general — */
        { OPTION('h', "help", "Show this help"),
          .implied = "help",
          .type = &value_show, FIELD(show) },
        { OPTION(0, "version", "Print the version"),
          .implied = "version",
          .type = &value_show, FIELD(show) },
        { OPTION(0, "introspect-cli", "Print these options as JSON"),
          .implied = "introspection",
          .type = &value_show, FIELD(show) },
        { OPTION('q', "quiet", "Say nothing but warnings and errors"),
          .type = &value_bool, FIELD(value.output.quiet) },
        { OPTION(0, "no-pager", "Accepted; no pager is ever used"),
          .type = &value_bool, FIELD(no_pager) },
        { OPTION(0, "no-ask-password", "Do not ask for passwords"),
          .type = &value_bool, FIELD(value.source.no_ask_password) },
        { OPTION(0, "dry-run", "Print what would be done, start nothing"),
          .type = &value_bool, FIELD(value.output.dry_run) },
        { OPTION(0, "settings", "Whether and how to use .nspawn files: yes, no, override (they beat the "
                                "command line) or trusted"),
          REQUIRED("MODE"),
          .type = &value_settings_mode, FIELD(value.source.settings), .fallback = "yes" },
        { OPTION(0, "cleanup", "Remove what a dead machine left behind, start nothing"),
          .type = &value_bool, FIELD(value.source.cleanup) },
        { OPTION(0, "system", "Register with the system's service manager"),
          .implied = "no",
          .type = &value_bool, FIELD(value.unit.user_scope) },
        { OPTION(0, "user", "Register with the user's service manager"),
          OPTIONAL(NULL, "yes"), .heir = "uid",
          .type = &value_bool, FIELD(value.unit.user_scope) },

        /* — source — */
        { OPTION('D', "directory", "Root directory of the machine"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_directory, FIELD(value.source.directory) },
        { OPTION('i', "image", "Disk image or disk to run the machine from"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_file, FIELD(value.source.image) },
        { OPTION(0, "image-policy", "Which partitions of a disk image may be used, and how they must be "
                                    "protected"),
          REQUIRED("POLICY"), .group = HELP_SOURCE,
          .type = &value_image_policy, FIELD(value.source.image_policy), .fallback = CONTAINER_POLICY },
        { OPTION(0, "mstack", "Mount stack: directory of layers to run the machine from"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_directory, FIELD(value.source.mstack) },
        { OPTION(0, "template", "Make the root directory a copy of this one first, if it is missing or empty"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_directory, FIELD(value.source.template) },
        { OPTION(0, "root-hash", "Root hash that a disk image must have"),
          REQUIRED("HEX"), .group = HELP_SOURCE,
          .type = &value_root_hash, FIELD(value.source.root_hash) },
        { OPTION(0, "root-hash-sig", "Signature of the root hash: a file, or \"base64:\" and itself"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_root_hash_signature, FIELD(value.source.root_hash_signature) },
        { OPTION(0, "verity-data", "File with the hashes of the image, if they are not on it"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_file, FIELD(value.source.verity_data) },
        { OPTION(0, "image-key-file", "File with the key to the encrypted partitions of the image"),
          REQUIRED("PATH"), .group = HELP_SOURCE,
          .type = &value_host_file, FIELD(value.source.image_key_file) },
        { OPTION('x', "ephemeral", "Run on a snapshot of the directory or image that is removed afterwards"),
          .metavar = "BOOL", .group = HELP_SOURCE, KEY("Exec", "Ephemeral"), .trust = TRUST_PRIVILEGED,
          .type = &value_bool, FIELD(value.source.ephemeral) },
        { OPTION(0, "read-only", "Mount the root directory read-only"),
          .metavar = "BOOL", .group = HELP_SOURCE, KEY("Files", "ReadOnly"),
          .type = &value_bool, FIELD(value.source.read_only) },
        { OPTION(0, "volatile", "Forget changes: yes (all but /usr is empty), state (/var is empty), "
                                "overlay, no"),
          OPTIONAL("MODE", "yes"), .group = HELP_SOURCE, KEY("Files", "Volatile"),
          .type = &value_volatile, FIELD(value.source.volatile_mode) },
        { OPTION(0, "pivot-root", "Make this directory of the tree the root, and show the former root in it"),
          REQUIRED("PATH[:PATH]"), .group = HELP_SOURCE, KEY("Exec", "PivotRoot"),
          .type = &value_pivot, FIELD(value.source.pivot) },

        /* — execution — */
        { OPTION('b', "boot", "Find init and boot; arguments are init's"),
          .metavar = "BOOL", .group = HELP_EXECUTION, KEY("Exec", "Boot"), .mask = MASK_START,
          .type = &value_bool, FIELD(boot) },
        { OPTION('a', "as-pid2", "Run the command as PID 2 below a small init"),
          .metavar = "BOOL", .group = HELP_EXECUTION, KEY("Exec", "ProcessTwo"), .mask = MASK_START,
          .type = &value_bool, FIELD(as_pid2) },
        { .metavar = "ARGUMENT...", KEY("Exec", "Parameters"), .words = true, .mask = MASK_START,
          .type = &value_arguments, FIELD(value.payload.argv) },
        { OPTION(0, "chdir", "Working directory in the machine"),
          REQUIRED("PATH"), .group = HELP_EXECUTION, KEY("Exec", "WorkingDirectory"),
          .type = &value_guest_path, FIELD(value.payload.chdir) },
        { OPTION('E', "setenv", "Environment variable for PID 1; NAME alone copies the caller's"),
          REQUIRED("NAME[=VALUE]"), .group = HELP_EXECUTION, KEY("Exec", "Environment"), .words = true,
          .type = &value_environment, FIELD(value.payload.environment) },
        { OPTION('u', "uid", "User to run the command as"),
          REQUIRED("USER"), .group = HELP_EXECUTION, KEY("Exec", "User"),
          .type = &value_user, FIELD(value.payload.user) },
        { OPTION(0, "kill-signal", "Signal that asks PID 1 to shut down"),
          REQUIRED("SIGNAL"), .group = HELP_EXECUTION, KEY("Exec", "KillSignal"),
          .type = &value_signal, FIELD(value.payload.kill_signal) },
        { OPTION(0, "stop-timeout", "How long a stop may take before the machine is killed (default 90s)"),
          REQUIRED("TIME"), .group = HELP_EXECUTION, KEY("Exec", "StopTimeout"),
          .type = &value_timespan, FIELD(value.payload.stop_timeout_usec), .fallback = "90s" },
        { OPTION(0, "notify-ready", "Be ready when PID 1 says so, not when it is started"),
          REQUIRED("BOOL"), .group = HELP_EXECUTION, KEY("Exec", "NotifyReady"),
          .type = &value_bool, FIELD(value.payload.notify_ready) },
        { OPTION(0, "suppress-sync", "Turn fsync() and its like into no-ops"),
          REQUIRED("BOOL"), .group = HELP_EXECUTION, KEY("Exec", "SuppressSync"),
          .variable = "SYSTEMD_SUPPRESS_SYNC",
          .type = &value_bool, FIELD(value.security.suppress_sync) },

        /* — identity — */
        { OPTION('M', "machine", "Name of the machine"),
          REQUIRED("NAME"), .group = HELP_IDENTITY,
          .type = &value_machine_name, FIELD(value.source.machine) },
        { OPTION(0, "hostname", "Host name in the machine"),
          REQUIRED("NAME"), .group = HELP_IDENTITY, KEY("Exec", "Hostname"),
          .type = &value_host_name, FIELD(value.identity.hostname) },
        { OPTION(0, "uuid", "Machine ID"),
          REQUIRED("UUID"), .group = HELP_IDENTITY, KEY("Exec", "MachineID"), .trust = TRUST_PRIVILEGED,
          .type = &value_uuid, FIELD(value.identity.uuid) },

        /* — unit — */
        { OPTION('S', "slice", "Slice of the machine's scope unit"),
          REQUIRED("SLICE"), .group = HELP_UNIT,
          .type = &value_slice, FIELD(value.unit.slice) },
        { OPTION(0, "property", "Property of the machine's scope unit"),
          REQUIRED("NAME=VALUE"), .group = HELP_UNIT,
          .type = &value_properties, FIELD(value.unit.properties) },
        { OPTION(0, "register", "Register with systemd-machined: yes, no or auto (default; if it can be "
                                "had)"),
          REQUIRED("MODE"), .group = HELP_UNIT,
          .type = &value_auto_mode, FIELD(value.unit.registration), .fallback = "auto" },
        { OPTION(0, "keep-unit", "Stay in the calling unit instead of a scope of its own"),
          .group = HELP_UNIT,
          .type = &value_bool, FIELD(value.unit.keep_unit) },

        /* — users — */
        { OPTION(0, "private-users", "Users of its own: no, yes (the range of the tree's owner), identity, "
                                     "pick (a free range) or a range"),
          OPTIONAL("MODE|BASE[:COUNT]", "yes"), .group = HELP_USERS, KEY("Exec", "PrivateUsers"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_USERS,
          .type = &value_private_users, FIELD(value.users.range) },
        { OPTION('U', NULL, "The same as --private-users=pick where the kernel has it, else =no"),
          .implied = "pick", .group = HELP_USERS, .mask = MASK_USERS,
          .type = &value_private_users_if_supported, FIELD(value.users.range) },
        { OPTION(0, "private-users-ownership", "How the tree's files become the machine's: off, map, foreign, "
                                               "chown or auto"),
          REQUIRED("MODE"), .group = HELP_USERS, KEY("Files", "PrivateUsersOwnership"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_USERS,
          .type = &value_private_users_ownership, FIELD(value.users.ownership) },
        { OPTION(0, "private-users-chown", "Obsolete: the same as --private-users-ownership=chown"),
          .implied = "yes", .metavar = "BOOL", .group = HELP_USERS, KEY("Files", "PrivateUsersChown"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_USERS,
          .type = &value_private_users_chown, FIELD(value.users.ownership) },

        { OPTION(0, "bind-user", "Let the machine have this user of the host, with the home directory"),
          REQUIRED("NAME"), .group = HELP_USERS, KEY("Files", "BindUser"), .words = true, .trust = TRUST_PRIVILEGED,
          .mask = MASK_BIND_USERS,
          .type = &value_bind_users, FIELD(value.bind_users.names) },
        { OPTION(0, "bind-user-shell", "The shell of these users: no (the default one), yes (as on the host) or a "
                                       "path"),
          REQUIRED("BOOL|PATH"), .group = HELP_USERS, KEY("Files", "BindUserShell"), .trust = TRUST_PRIVILEGED,
          .mask = MASK_BIND_USERS,
          .type = &value_bind_user_shell, FIELD(value.bind_users.shell) },
        { OPTION(0, "bind-user-group", "Group of the machine that these users are in"),
          REQUIRED("GROUP"), .group = HELP_USERS, .mask = MASK_BIND_USERS,
          .type = &value_bind_user_groups, FIELD(value.bind_users.groups) },

        /* — network — */
        { OPTION(0, "private-network", "No network but loopback"),
          OPTIONAL("BOOL", "yes"), .group = HELP_NETWORK, KEY("Network", "Private"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_bool, FIELD(value.network.private_network) },
        { OPTION('n', "network-veth", "Virtual Ethernet link between host and machine"),
          OPTIONAL("BOOL", "yes"), .group = HELP_NETWORK, KEY("Network", "VirtualEthernet"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_bool, FIELD(value.network.veth) },
        { OPTION(0, "network-veth-extra", "Another virtual Ethernet link"),
          REQUIRED("HOST[:GUEST]"), .group = HELP_NETWORK, KEY("Network", "VirtualEthernetExtra"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_veth_pairs, FIELD(value.network.veth_extra) },
        { OPTION(0, "network-bridge", "Virtual Ethernet link, joined to this bridge"),
          REQUIRED("INTERFACE"), .group = HELP_NETWORK, KEY("Network", "Bridge"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_interface, FIELD(value.network.bridge) },
        { OPTION(0, "network-zone", "Virtual Ethernet link, joined to a bridge that all machines of the "
                                    "zone share"),
          REQUIRED("NAME"), .group = HELP_NETWORK, KEY("Network", "Zone"), .trust = TRUST_PRIVILEGED,
          .mask = MASK_NETWORK,
          .type = &value_zone, FIELD(value.network.zone) },
        { OPTION(0, "network-interface", "Move this interface of the host into the machine"),
          REQUIRED("HOST[:GUEST]"), .group = HELP_NETWORK, KEY("Network", "Interface"), .words = true,
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_interface_pairs, FIELD(value.network.interfaces) },
        { OPTION(0, "network-macvlan", "Macvlan interface on top of this one"),
          REQUIRED("HOST[:GUEST]"), .group = HELP_NETWORK, KEY("Network", "MACVLAN"), .words = true,
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_child_interface_pairs, FIELD(value.network.macvlan) },
        { OPTION(0, "network-ipvlan", "Ipvlan interface on top of this one"),
          REQUIRED("HOST[:GUEST]"), .group = HELP_NETWORK, KEY("Network", "IPVLAN"), .words = true,
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_child_interface_pairs, FIELD(value.network.ipvlan) },
        { OPTION(0, "network-namespace-path", "Join this network namespace"),
          REQUIRED("PATH"), .group = HELP_NETWORK, KEY("Network", "NamespacePath"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_NETWORK,
          .type = &value_host_file, FIELD(value.network.namespace_path) },

        /* — security — */
        { OPTION(0, "capability", "Keep these capabilities, besides the default ones"),
          REQUIRED("LIST"), .group = HELP_SECURITY, KEY("Exec", "Capability"), .words = true,
          .trust = TRUST_PRIVILEGED, .mask = MASK_CAPABILITIES,
          .type = &value_capabilities, FIELD(value.security.capability_add) },
        { OPTION(0, "drop-capability", "Drop these capabilities of the default ones"),
          REQUIRED("LIST"), .group = HELP_SECURITY, KEY("Exec", "DropCapability"), .words = true,
          .mask = MASK_CAPABILITIES,
          .type = &value_capabilities, FIELD(value.security.capability_drop) },
        { OPTION(0, "ambient-capability", "Capabilities that the command itself starts with"),
          REQUIRED("LIST"), .group = HELP_SECURITY, KEY("Exec", "AmbientCapability"), .words = true,
          .trust = TRUST_PRIVILEGED,
          .type = &value_ambient_capabilities, FIELD(value.security.ambient) },
        { OPTION(0, "no-new-privileges", "Set-id programs change nothing in the machine"),
          REQUIRED("BOOL"), .group = HELP_SECURITY, KEY("Exec", "NoNewPrivileges"),
          .type = &value_bool, FIELD(value.security.no_new_privileges) },
        { OPTION(0, "nesting", "The machine can itself run machines and containers"),
          .metavar = "BOOL", .group = HELP_SECURITY, KEY("Exec", "Nesting"), .trust = TRUST_PRIVILEGED,
          .type = &value_bool, FIELD(value.security.nesting) },
        { OPTION(0, "system-call-filter", "System calls and @groups to permit, or to forbid after ~"),
          REQUIRED("[~]LIST"), .group = HELP_SECURITY, KEY("Exec", "SystemCallFilter"),
          .trust = TRUST_BY_VALUE,
          .type = &value_syscall_filter, FIELD(value.security.syscall_allow) },

        { OPTION(0, "restrict-address-families", "Socket address families to permit, or to forbid after ~; "
                                                 "none for no sockets"),
          REQUIRED("[~]LIST"), .group = HELP_SECURITY, KEY("Exec", "RestrictAddressFamilies"),
          .type = &value_address_families, FIELD(value.security.address_families) },

        { OPTION('Z', "selinux-context", "SELinux context of the processes in the machine"),
          REQUIRED("CONTEXT"), .group = HELP_SECURITY,
          .type = &value_selinux_context, FIELD(value.security.selinux_context) },
        { OPTION('L', "selinux-apifs-context", "SELinux context of the files in /dev, /run and the like"),
          REQUIRED("CONTEXT"), .group = HELP_SECURITY,
          .type = &value_selinux_context, FIELD(value.security.selinux_apifs_context) },

        /* — resources — */
        { OPTION(0, "rlimit", "Resource limit of the processes in the machine"),
          REQUIRED("NAME=SOFT[:HARD]"), .group = HELP_RESOURCES,
          .type = &value_rlimit, FIELD(value.security.rlimit) },
        { OPTION(0, "oom-score-adjust", "How eagerly to kill when memory runs out"),
          REQUIRED("NUMBER"), .group = HELP_RESOURCES, KEY("Exec", "OOMScoreAdjust"),
          .trust = TRUST_PRIVILEGED,
          .type = &value_oom_score, FIELD(value.security.oom_score_adjust_set) },
        { OPTION(0, "cpu-affinity", "Processors to run on"),
          REQUIRED("LIST"), .group = HELP_RESOURCES, KEY("Exec", "CPUAffinity"), .trust = TRUST_PRIVILEGED,
          .type = &value_cpus, FIELD(value.security.cpu_affinity_set) },
        { OPTION(0, "personality", "Architecture that uname reports"),
          REQUIRED("ARCH"), .group = HELP_RESOURCES, KEY("Exec", "Personality"),
          .type = &value_personality, FIELD(value.security.personality) },

        /* — integration — */
        { OPTION(0, "resolv-conf", "What happens to /etc/resolv.conf; \"help\" lists the modes"),
          REQUIRED("MODE"), .group = HELP_INTEGRATION, KEY("Exec", "ResolvConf"),
          .type = &value_resolv_conf, FIELD(value.integration.resolv_conf), .fallback = "auto" },
        { OPTION(0, "timezone", "What happens to /etc/localtime; \"help\" lists the modes"),
          REQUIRED("MODE"), .group = HELP_INTEGRATION, KEY("Exec", "Timezone"),
          .type = &value_timezone, FIELD(value.integration.timezone), .fallback = "auto" },
        { OPTION(0, "link-journal", "Where the journal is: no, auto, host, try-host, guest or try-guest"),
          REQUIRED("MODE"), .group = HELP_INTEGRATION, KEY("Exec", "LinkJournal"),
          .trust = TRUST_PRIVILEGED,
          .type = &value_link_journal, FIELD(value.integration.link_journal), .fallback = "auto" },
        { OPTION('j', NULL, "The same as --link-journal=try-guest"),
          .implied = "try-guest", .group = HELP_INTEGRATION,
          .type = &value_link_journal, FIELD(value.integration.link_journal) },

        /* — mounts — */
        { OPTION(0, "bind", "Show a file or directory of the host in the machine; -PATH may be missing, "
                            "+PATH is below the root directory"),
          REQUIRED("PATH[:PATH[:OPTIONS]]"), .group = HELP_MOUNTS, KEY("Files", "Bind"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_MOUNTS,
          .type = &value_bind, FIELD(value.mounts) },
        { OPTION(0, "bind-ro", "The same, read-only"),
          REQUIRED("PATH[:PATH[:OPTIONS]]"), .group = HELP_MOUNTS, KEY("Files", "BindReadOnly"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_MOUNTS,
          .type = &value_bind_read_only, FIELD(value.mounts) },
        { OPTION(0, "inaccessible", "Hide this file or directory of the machine"),
          REQUIRED("PATH"), .group = HELP_MOUNTS, KEY("Files", "Inaccessible"), .trust = TRUST_PRIVILEGED,
          .mask = MASK_MOUNTS,
          .type = &value_inaccessible, FIELD(value.mounts) },
        { OPTION(0, "tmpfs", "Empty directory in memory"),
          REQUIRED("PATH[:OPTIONS]"), .group = HELP_MOUNTS, KEY("Files", "TemporaryFileSystem"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_MOUNTS,
          .type = &value_tmpfs, FIELD(value.mounts) },
        { OPTION(0, "overlay", "Overlay of directories, the last but one takes the changes"),
          REQUIRED("PATH[:PATH...]:PATH"), .group = HELP_MOUNTS, KEY("Files", "Overlay"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_MOUNTS,
          .type = &value_overlay, FIELD(value.mounts) },
        { OPTION(0, "overlay-ro", "The same, read-only"),
          REQUIRED("PATH[:PATH...]:PATH"), .group = HELP_MOUNTS, KEY("Files", "OverlayReadOnly"),
          .trust = TRUST_PRIVILEGED, .mask = MASK_MOUNTS,
          .type = &value_overlay_read_only, FIELD(value.mounts) },

        /* — input and output — */
        { OPTION(0, "console", "The machine's console: interactive, read-only, passive, pipe or autopipe"),
          REQUIRED("MODE"), .group = HELP_OUTPUT,
          .type = &value_console, FIELD(value.output.console) },
        { OPTION('P', "pipe", "The same as --console=pipe"),
          .implied = "pipe", .group = HELP_OUTPUT,
          .type = &value_console, FIELD(value.output.console) },
        { OPTION(0, "background", "Background color of the terminal meanwhile; empty for none"),
          REQUIRED("COLOR"), .group = HELP_OUTPUT,
          .type = &value_color, FIELD(value.output.background) },

        /* — credentials — */
        { OPTION(0, "set-credential", "Credential with this value"),
          REQUIRED("ID:VALUE"), .group = HELP_CREDENTIALS,
          .type = &value_literal_credentials, FIELD(value.credentials) },
        { OPTION(0, "load-credential", "Credential read from a file, a socket, or our own credential of "
                                       "this name"),
          REQUIRED("ID:PATH"), .group = HELP_CREDENTIALS,
          .type = &value_loaded_credentials, FIELD(value.credentials) },

        /* — in files only — */
        LIMIT("CPU"),
        LIMIT("FSIZE"),
        LIMIT("DATA"),
        LIMIT("STACK"),
        LIMIT("CORE"),
        LIMIT("RSS"),
        LIMIT("NOFILE"),
        LIMIT("AS"),
        LIMIT("NPROC"),
        LIMIT("MEMLOCK"),
        LIMIT("LOCKS"),
        LIMIT("SIGPENDING"),
        LIMIT("MSGQUEUE"),
        LIMIT("NICE"),
        LIMIT("RTPRIO"),
        LIMIT("RTTIME"),

        /* — in the environment only — */
        { .variable = "SYSTEMD_NSPAWN_API_VFS_WRITABLE",
          .type = &value_api_vfs_writable, FIELD(value.env.api_vfs_writable) },
        { .variable = "SYSTEMD_NSPAWN_CHECK_OS_RELEASE",
          .type = &value_bool, FIELD(value.env.check_os_release), .fallback = "yes" },
        { .variable = "SYSTEMD_NSPAWN_CONTAINER_SERVICE",
          .type = &value_word, FIELD(value.env.container_service), .fallback = "systemd-nspawn" },
        { .variable = "SYSTEMD_NSPAWN_USE_CGNS",
          .type = &value_bool, FIELD(value.env.use_cgns), .fallback = "yes" },
        { .variable = "SYSTEMD_NSPAWN_LOCK",
          .type = &value_bool, FIELD(value.env.lock), .fallback = "yes" },
        { .variable = "SYSTEMD_NSPAWN_TMPFS_TMP",
          .type = &value_bool, FIELD(value.env.tmpfs_tmp), .fallback = "yes" },
        { .variable = "SYSTEMD_DISSECT_FILE_SYSTEMS",
          .type = &value_word, FIELD(value.env.file_systems),
          .fallback = "btrfs:erofs:ext4:f2fs:squashfs:vfat:xfs" },
        { .variable = "SYSTEMD_LOOP_DIRECT_IO",
          .type = &value_auto_mode, FIELD(value.env.loop_direct_io), .fallback = "auto" },
        { .variable = "SYSTEMD_NSPAWN_NETWORK_MAC",
          .type = &value_mac_address, FIELD(value.env.network_mac_set) },
        { .variable = "SYSTEMD_SECCOMP",
          .type = &value_bool, FIELD(value.env.seccomp), .fallback = "yes" },
        { .variable = "SYSTEMD_TINT_BACKGROUND",
          .type = &value_bool, FIELD(value.env.tint_background), .fallback = "yes" },
        { .variable = "SYSTEMD_ADJUST_TERMINAL_TITLE",
          .type = &value_bool, FIELD(value.env.adjust_title), .fallback = "yes" },
};

const size_t settings_table_size = ELEMENTSOF(settings_table);

_Static_assert(ELEMENTSOF(settings_table) <= SETTINGS_MAX, "raise SETTINGS_MAX");
