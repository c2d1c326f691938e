/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MachineConfig: what the user asked for, complete and valid. It is made once, by config_resolve(), and const
 * from then on: every start of the machine, the one after a reboot inside included, reads the same one.
 * Strings and arrays are owned by it; NULL means "none", never "unset" (the bitmap in Settings is the only
 * notion of unset). Code outside config/ takes the sub-structs it needs, not the whole. */

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "config/image-policy.h"
#include "config/seccomp-profile.h"
#include "ip-address.h"
#include "macros.h"

typedef enum StartMode {
        START_COMMAND, /* run argv, or a login shell if it is empty, as PID 1 */
        START_STUB,    /* -a: our own init as PID 1, argv or the shell as PID 2 */
        START_BOOT,    /* -b: find init; argv are its arguments */
} StartMode;

/* yes: an error if it cannot be had. auto: do without and say so. */
typedef enum AutoMode { AUTO_NO, AUTO_YES, AUTO_AUTO } AutoMode;

typedef enum ConsoleMode {
        CONSOLE_DEFAULT, /* interactive if stdin and stdout are terminals, else read-only */
        CONSOLE_INTERACTIVE,
        CONSOLE_READ_ONLY,
        CONSOLE_PASSIVE,
        CONSOLE_PIPE,
        CONSOLE_AUTOPIPE, /* pipe, or interactive if stdin and stdout are terminals */
} ConsoleMode;

typedef enum LinkJournal {
        LINK_JOURNAL_NO,
        LINK_JOURNAL_AUTO,
        LINK_JOURNAL_HOST,
        LINK_JOURNAL_TRY_HOST,
        LINK_JOURNAL_GUEST,
        LINK_JOURNAL_TRY_GUEST,
} LinkJournal;

typedef enum ResolvConfMode {
        RESOLV_CONF_OFF,
        RESOLV_CONF_COPY_HOST,
        RESOLV_CONF_COPY_STATIC,
        RESOLV_CONF_COPY_UPLINK,
        RESOLV_CONF_COPY_STUB,
        RESOLV_CONF_REPLACE_HOST,
        RESOLV_CONF_REPLACE_STATIC,
        RESOLV_CONF_REPLACE_UPLINK,
        RESOLV_CONF_REPLACE_STUB,
        RESOLV_CONF_BIND_HOST,
        RESOLV_CONF_BIND_STATIC,
        RESOLV_CONF_BIND_UPLINK,
        RESOLV_CONF_BIND_STUB,
        RESOLV_CONF_DELETE,
        RESOLV_CONF_AUTO,
} ResolvConfMode;

typedef enum TimezoneMode {
        TIMEZONE_OFF,
        TIMEZONE_COPY,
        TIMEZONE_BIND,
        TIMEZONE_SYMLINK,
        TIMEZONE_DELETE,
        TIMEZONE_AUTO,
} TimezoneMode;

typedef enum VolatileMode { VOLATILE_NO, VOLATILE_YES, VOLATILE_STATE, VOLATILE_OVERLAY } VolatileMode;

/* How much of /sys and /proc/sys the guest may write: nothing, /proc/sys/net, or all of it unmasked. */
typedef enum ApiVfsWritable {
        API_VFS_WRITABLE_NO,
        API_VFS_WRITABLE_YES,
        API_VFS_WRITABLE_NETWORK,
} ApiVfsWritable;

typedef enum SettingsMode { SETTINGS_NO, SETTINGS_YES, SETTINGS_OVERRIDE, SETTINGS_TRUSTED } SettingsMode;

/* Directories of the machine that are exchanged: root becomes its root. All are absolute and none is "/". */
typedef struct PivotConfig {
        char *root;   /* NULL: nothing is */
        char *former; /* where what has been the root will be, in the new one; NULL: nowhere */
} PivotConfig;

/* Where the root comes from. After config_resolve() machine is set, and one of directory, image
 * and mstack unless there is only something to clean up. */
typedef struct SourceConfig {
        char *directory; /* absolute path on the host, symlinks resolved */
        char *image;     /* the same, of a disk or disk image, instead of a directory; or NULL */
        char *mstack;    /* the same, of a mount stack */
        ImagePolicy image_policy;
        char *root_hash;           /* of the image, hexadecimal digits, or NULL */
        char *root_hash_signature; /* "base64:…" or an absolute path, or NULL */
        char *verity_data;         /* path of the hashes, or NULL */
        char *image_key_file;      /* path of the key to what is encrypted, or NULL */
        bool no_ask_password;
        char *machine; /* a valid machine name */
        char *template; /* absolute path of the tree that directory becomes a copy of if it is missing or empty; or NULL */
        bool ephemeral;
        bool read_only;
        VolatileMode volatile_mode;
        PivotConfig pivot;
        SettingsMode settings;
        bool cleanup; /* --cleanup: remove what a dead machine left, start nothing */
} SourceConfig;

/* What the user knows the machine's root by. */
static inline const char *source_path(const SourceConfig *source) {
        return source->image ?: source->mstack ?: source->directory;
}

/* Whether the machine can write to its root directory, be it that all is forgotten. */
static inline bool source_root_is_writable(const SourceConfig *source) {
        return !source->read_only || source->volatile_mode == VOLATILE_OVERLAY;
}

/* What runs, and how it is told to stop. */
typedef struct PayloadConfig {
        StartMode mode;
        char **argv;
        char **environment; /* NAME=VALUE, in the order given, names unique */
        char *user;         /* name or number, resolved inside the guest; NULL for root */
        char *chdir;        /* absolute path inside the guest, or NULL */
        int kill_signal;    /* 0: the default for what PID 1 turns out to be */
        uint64_t stop_timeout_usec;
        bool notify_ready;
} PayloadConfig;

typedef struct IdentityConfig {
        char *hostname;  /* NULL: the machine name */
        sd_id128_t uuid; /* SD_ID128_NULL: the tree's machine-id, else a random one */
} IdentityConfig;

/* The unit on the host that holds the machine's processes. */
typedef struct UnitConfig {
        char *slice;       /* NULL: machine.slice */
        char **properties; /* NAME=VALUE for the scope */
        AutoMode registration;
        bool keep_unit;
        bool user_scope; /* --user: the user's manager instead of the system's */
} UnitConfig;

typedef enum UsersMode {
        USERS_NO,
        USERS_YES,      /* the range that the tree's owner is in */
        USERS_IDENTITY, /* the host's own first 64K users */
        USERS_PICK,     /* a free range */
        USERS_FIXED,    /* base and count */
} UsersMode;

typedef struct UsersRange {
        UsersMode mode;
        bool if_supported; /* USERS_NO where the kernel has no user namespaces */
        uid_t base;
        uint32_t count;
} UsersRange;

/* How the tree's files come to belong to the machine's users. */
typedef enum UsersOwnership {
        OWNERSHIP_DEFAULT, /* not after config_resolve() */
        OWNERSHIP_OFF,     /* as they are */
        OWNERSHIP_MAP,     /* by an ID-mapped mount */
        OWNERSHIP_FOREIGN, /* the same, and they must be in the foreign range */
        OWNERSHIP_CHOWN,   /* they are given to them on disk */
        OWNERSHIP_AUTO,    /* the best that is possible */
} UsersOwnership;

typedef struct UserNamespaceConfig {
        UsersRange range;
        UsersOwnership ownership;
        unsigned delegate; /* ranges for machines in it; 0, for they take a service that is not used */
} UserNamespaceConfig;

/* Users of the host that the machine has too, with their homes. */
typedef struct BindUsersConfig {
        char **names;
        char **groups; /* the machine's, that they are in */
        char *shell;   /* NULL: the machine's default; "": each one's of the host; else a path in the machine */
} BindUsersConfig;

/* A HOST[:GUEST] pair of interface names. Without GUEST it is equal to host, but for macvlan and ipvlan it is
 * NULL then, and the name is made from the host's with a prefix. */
typedef struct InterfacePair {
        char *host, *guest;
} InterfacePair;

/* A port of the host that leads to one of the machine. */
typedef struct PortForward {
        uint8_t protocol;  /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
        IpAddress address; /* of the host; AF_UNSPEC: all it has; 0.0.0.0 or ::: all of that family */
        uint16_t host, guest;
} PortForward;

typedef struct NetworkConfig {
        bool private_network; /* implied by every other member but ports */
        bool veth;
        char *bridge; /* or NULL */
        char *zone;   /* or NULL */
        InterfacePair *veth_extra;
        size_t n_veth_extra;
        InterfacePair *interfaces;
        size_t n_interfaces;
        InterfacePair *macvlan;
        size_t n_macvlan;
        InterfacePair *ipvlan;
        size_t n_ipvlan;
        char *namespace_path; /* or NULL */
        PortForward *ports;
        size_t n_ports;
} NetworkConfig;

static inline bool network_has_links(const NetworkConfig *n) {
        return n->veth || n->bridge || n->zone || n->n_veth_extra > 0 || n->n_interfaces > 0 || n->n_macvlan > 0 ||
                n->n_ipvlan > 0;
}

/* Whether the machine has a network of its own, also before config_resolve() has set what follows from the rest. */
static inline bool network_is_private(const NetworkConfig *n) {
        return n->private_network || n->namespace_path || network_has_links(n);
}

typedef struct ResourceLimit {
        bool set;
        rlim_t soft, hard; /* RLIM_INFINITY for "infinity" */
} ResourceLimit;

/* Socket address families, as sets of bits: family n is bit n. */
typedef struct AddressFamilies {
        bool restricted; /* false: all are permitted */
        bool allow_list; /* those listed are permitted, instead of forbidden */
        uint64_t listed;
} AddressFamilies;

/* All that the command starts with, instead of what is usual and of what follows from the network. */
typedef struct CapabilitySets {
        bool set;
        uint64_t bounding, permitted, inheritable, ambient;
} CapabilitySets;

typedef struct SecurityConfig {
        CapabilitySets capabilities; /* a bundle's: what is added and dropped counts on top of it */
        uint64_t capability_add, capability_drop, ambient; /* bit n is capability n; all ones for "all" */
        bool no_new_privileges;
        bool nesting;                         /* the machine is to run machines and containers itself */
        char **syscall_allow, **syscall_deny; /* names or @groups, as given */
        AddressFamilies address_families;
        bool suppress_sync;
        char *selinux_context;       /* label of the payload, or NULL */
        char *selinux_apifs_context; /* label of all files in file systems made for the machine, or NULL */
        ResourceLimit rlimit[RLIM_NLIMITS];
        bool oom_score_adjust_set;
        int oom_score_adjust;
        bool cpu_affinity_set;
        cpu_set_t cpu_affinity;
        char *personality; /* architecture name, or NULL */
} SecurityConfig;

typedef struct IntegrationConfig {
        ResolvConfMode resolv_conf;
        TimezoneMode timezone;
        LinkJournal link_journal;
} IntegrationConfig;

/* Where the machine's journal goes on the host besides, and how much of it is kept. */
#define FORWARD_JOURNAL_SOCKET "/run/host/journal/socket"
#define FORWARD_JOURNAL_CREDENTIAL "journal.forward_to_socket"

typedef struct AmountLimit {
        bool set;
        uint64_t value;
} AmountLimit;

typedef struct ForwardJournalConfig {
        char *path;                                    /* absolute; NULL: nowhere */
        AmountLimit max_use, keep_free, max_file_size; /* bytes */
        AmountLimit max_files;
} ForwardJournalConfig;

static inline bool forward_journal_is_limited(const ForwardJournalConfig *c) {
        return c->max_use.set || c->keep_free.set || c->max_file_size.set || c->max_files.set;
}

typedef enum MountKind {
        MOUNT_BIND,
        MOUNT_TMPFS,
        MOUNT_OVERLAY,
        MOUNT_INACCESSIBLE,
        MOUNT_FILE_SYSTEM, /* a new one of a type, as a bundle asks for it */
} MountKind;

/* Whose the files of a bind are in the guest. */
typedef enum BindIdmap {
        BIND_IDMAP_NONE,
        BIND_IDMAP_MAP,   /* as in the tree */
        BIND_IDMAP_ROOT,  /* what is the source's owner's is root's, and nothing else is anybody's */
        BIND_IDMAP_OWNER, /* the same for the target's owner */
        BIND_IDMAP_USER,  /* the same for two users that were named */
} BindIdmap;

/* BIND_IDMAP_USER: one user and one group of the host, by name or number, and their numbers in the guest. */
typedef struct BindMap {
        char *user, *group; /* group NULL: the user's own */
        uid_t guest_uid;
        gid_t guest_gid;
} BindMap;

/* One --bind=, --tmpfs=, --overlay= or --inaccessible=. All paths are absolute. The destination and sources
 * in the guest have no "." or ".." parts; sources on the host may have "..", which means what it means to the
 * kernel. */
typedef struct CustomMount {
        MountKind kind;
        char **sources;        /* bind: one; overlay: the lowers, topmost last; "" for a temporary one */
        bool *source_in_guest; /* per source: a "+" prefix, the path is below the guest's root */
        char *upper;           /* overlay only; NULL when read-only, "" for a temporary directory */
        bool upper_in_guest;
        char *destination; /* absolute, inside the guest */
        char *type;        /* file system: its type, else NULL */
        char *options;     /* tmpfs: mount options as given, "mode=0755" if none were; file system: its own or NULL */
        uint64_t attributes; /* MOUNT_ATTR_* that a bundle asks for */
        bool private_mount;  /* a bundle's: what the host mounts below the source later does not show */
        bool read_only, recursive, optional;
        BindIdmap idmap;
        BindMap map;
} CustomMount;

typedef struct MountsConfig {
        CustomMount *items;
        size_t n_items;
} MountsConfig;

/* True if there is a mount on / itself, which takes the place of the tree: that is only read then. */
static inline bool mounts_have_root(const MountsConfig *mounts) {
        for (size_t i = 0; i < mounts->n_items; i++)
                if (streq(mounts->items[i].destination, "/"))
                        return true;
        return false;
}

/* A device node or FIFO that a bundle wants. */
typedef struct OciDevice {
        char *path;
        mode_t mode; /* with its type */
        dev_t number;
        uid_t uid;
        gid_t gid;
} OciDevice;

/* Devices that a bundle lets the machine use. */
typedef struct OciDeviceRule {
        bool block;
        uint32_t major, minor; /* UINT32_MAX: all of them */
        bool read, write, make;
} OciDeviceRule;

/* When a bundle's hooks are run. */
typedef enum OciHookTime {
        OCI_HOOK_PRESTART, /* before the command, in the order of these */
        OCI_HOOK_CREATE_RUNTIME,
        OCI_HOOK_POSTSTART, /* once it runs */
        OCI_HOOK_POSTSTOP,  /* when all of the run is gone */
        _OCI_HOOK_TIME_MAX,
} OciHookTime;

/* A program of the host. */
typedef struct OciHook {
        char *path;  /* absolute */
        char **argv; /* NULL: path alone */
        char **environment;
        uint64_t timeout_usec; /* 0: none */
} OciHook;

typedef struct OciHooks {
        OciHook *items;
        size_t n_items;
} OciHooks;

/* What only an OCI bundle says. What there is an option for as well is where that option's value is. */
typedef struct OciConfig {
        char *bundle; /* absolute path on the host; NULL: the machine is not made from one */

        char **environment; /* all of it, but for what options add */
        CapabilitySets capabilities;
        bool user_set;
        uid_t uid;
        gid_t gid;
        gid_t *groups;
        size_t n_groups;
        bool umask_set;
        mode_t umask;
        unsigned rows, columns; /* of the console where no terminal says it; 0: as usual */

        MountsConfig mounts; /* not after config_resolve(): in the machine's then */
        bool writable_sysfs;
        char **masked, **read_only; /* paths in the guest */
        OciDevice *devices;
        size_t n_devices;
        OciDeviceRule *device_rules;
        size_t n_device_rules;
        char **sysctl; /* NAME=VALUE, the name a path below /proc/sys */
        char **cgroup; /* FILE=VALUE, of its control group, in this order */
        OciHooks hooks[_OCI_HOOK_TIME_MAX];
        char *state;               /* what hooks are told that is known beforehand: members of a JSON object */
        SeccompProfile seccomp;    /* in place of the usual filter, if it is set */
        unsigned long propagation; /* MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE; 0: as usual */
} OciConfig;

typedef struct Credential {
        char *id;
        char *path; /* the file or socket on the host that data was read from, NULL for a literal one */
        void *data;
        size_t size;
} Credential;

typedef struct CredentialsConfig {
        Credential *items;
        size_t n_items;
} CredentialsConfig;

typedef struct OutputConfig {
        ConsoleMode console;
        char *background; /* of an SGR sequence, such as "44"; NULL or "" for no tint */
        bool quiet;
        bool dry_run; /* print the plan, start nothing */
} OutputConfig;

/* What can be had through environment variables only. */
typedef struct EnvironmentConfig {
        ApiVfsWritable api_vfs_writable;
        char *container_service; /* the value of container= inside and of the registration's Service */
        bool check_os_release;
        bool use_cgns;
        bool share_ipc, share_uts;    /* with the host */
        bool share_pid, share_system; /* the same; not after config_resolve() */
        bool lock;
        bool tmpfs_tmp;
        char *file_systems; /* that may be mounted of an image, separated by colons */
        AutoMode loop_direct_io;
        bool seccomp;
        bool log_seccomp; /* the kernel logs what the filter refuses */
        bool tint_background;
        bool adjust_title;
        bool network_mac_set;
        uint8_t network_mac[6]; /* of host0 */
} EnvironmentConfig;

typedef struct MachineConfig {
        SourceConfig source;
        PayloadConfig payload;
        IdentityConfig identity;
        UnitConfig unit;
        UserNamespaceConfig users;
        BindUsersConfig bind_users;
        NetworkConfig network;
        SecurityConfig security;
        IntegrationConfig integration;
        ForwardJournalConfig forward_journal;
        MountsConfig mounts;
        OciConfig oci;
        CredentialsConfig credentials;
        OutputConfig output;
        EnvironmentConfig env;
} MachineConfig;

/* A bundle's tree mostly lacks the places for what is mounted in it: they are made before it becomes read-only. */
static inline bool config_root_is_closed_last(const MachineConfig *config) {
        return config->oci.bundle && config->source.read_only && config->source.volatile_mode == VOLATILE_NO &&
                !mounts_have_root(&config->mounts);
}

/* Frees what config holds and leaves it zeroed. */
void machine_config_free(MachineConfig *config);
