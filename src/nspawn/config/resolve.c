/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor before anything is changed. Order matters in four places. The
 * tree is located before the settings file, since the file lies beside it. Everything is merged before
 * anything is judged, since a refusal may need a switch and a key together. Refusals come before
 * implications, which would hide who said what. And credentials are read last, when nothing else can fail. */

#include "config/resolve.h"

#include <limits.h>
#include <linux/capability.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/capability.h"
#include "config/command-line.h"
#include "config/credentials.h"
#include "config/names.h"
#include "config/settings-file.h"
#include "config/versioned.h"
#include "log.h"
#include "strv.h"

/* — where the tree is — */

static bool is_image(mode_t mode) {
        return S_ISREG(mode) || S_ISBLK(mode);
}

/* What a machine can be made from. Each kind but the first has a suffix, which is not part of the machine's name. */
static const struct {
        size_t offset; /* into SourceConfig */
        const char *suffix, *what;
        bool image;
} kinds[] = {
        { offsetof(SourceConfig, directory), "", "root directory", false },
        { offsetof(SourceConfig, image), ".raw", "disk image", true },
        { offsetof(SourceConfig, mstack), ".mstack", "mount stack", false },
};

static char **source_of_kind(SourceConfig *source, size_t kind) {
        return (char **) ((char *) source + kinds[kind].offset);
}

/* The kind that is given, or the first if none is. */
static size_t kind_of_source(SourceConfig *source) {
        for (size_t i = 1; i < ELEMENTSOF(kinds); i++)
                if (*source_of_kind(source, i))
                        return i;
        return 0;
}

/* 1 if there is something of this kind at path, or versions of it in a directory, else 0. */
static int take_source(SourceConfig *source, size_t kind, const char *path, const char *version_suffix) {
        bool image = kinds[kind].image && !*version_suffix;
        struct stat st;
        char *found;

        if (asprintf(&found, "%s%s%s", path, kinds[kind].suffix, version_suffix) < 0)
                return log_oom();
        if (stat(found, &st) < 0 || !(image ? is_image(st.st_mode) : S_ISDIR(st.st_mode))) {
                free(found);
                return 0;
        }
        *source_of_kind(source, kind) = found;
        return 1;
}

/* A directory, or else a disk image, or a mount stack of that name, or a directory of versions of it. */
static int find_machine_at(const char *place, const char *name, SourceConfig *source) {
        _cleanup_free_ char *path = NULL;
        int r = 0;

        if (asprintf(&path, "%s/%s", place, name) < 0)
                return log_oom();
        for (size_t i = 0; i < ELEMENTSOF(kinds) && r == 0; i++) {
                r = take_source(source, i, path, "");
                if (r == 0)
                        r = take_source(source, i, path, ".v");
        }
        return r;
}

static int place_machine(const char *place, const char *name, char **ret) {
        char *path;

        if (asprintf(&path, "%s/%s", place, name) < 0)
                return log_oom();
        *ret = path;
        return 0;
}

static int search_machine(const char *name, const char *const *search, SourceConfig *source) {
        static const char *const standard[] = {
                "/etc/machines",
                "/run/machines",
                "/var/lib/machines",
                "/var/lib/container",
                "/usr/local/lib/machines",
                "/usr/lib/machines",
                NULL,
        };

        for (const char *const *d = search ?: standard; *d; d++) {
                int r = find_machine_at(*d, name, source);

                if (r != 0)
                        return MIN(r, 0);
        }
        if (source->template) /* it will be made there */
                return place_machine(search ? search[0] : "/var/lib/machines", name, &source->directory);
        log_error("there is no directory tree \"%s\" in /var/lib/machines or the other places for machines, and no "
                  "image or mount stack of that name; give it with --directory=, --image= or --mstack=",
                  name);
        return -ENOENT;
}

static int check_source(const char *path, mode_t mode, size_t kind) {
        bool image = kinds[kind].image;

        if (!image && is_image(mode))
                return log_error_errno(-ENOTDIR, "cannot use %s as %s: %m; disk images go with --image=", path,
                                       kinds[kind].what);
        if (!image && !S_ISDIR(mode))
                return log_error_errno(-ENOTDIR, "cannot use %s as %s: %m", path, kinds[kind].what);
        if (image && S_ISDIR(mode))
                return log_error_errno(-EISDIR, "cannot use %s as disk image: %m; directory trees go with --directory=",
                                       path);
        if (image && !is_image(mode))
                return log_error_errno(-EBADF, "cannot use %s as disk image: it is neither a file nor a disk", path);
        return 0;
}

/* A tree that is yet to be made: no symlinks on the way there. If there is no way there, that is said when it is made. */
static int canonicalize_parent(char **path) {
        const char *base = strrchr(*path, '/') + 1;
        _cleanup_free_ char *parent = strndup(*path, MAX((size_t) (base - *path - 1), (size_t) 1)), *real = NULL;
        char *whole;

        if (!parent)
                return log_oom();
        real = realpath(parent, NULL);
        if (!real)
                return 0;
        if (asprintf(&whole, "%s/%s", streq(real, "/") ? "" : real, base) < 0)
                return log_oom();
        free(*path);
        *path = whole;
        return 0;
}

/* Replaces the path by one without symlinks. */
static int canonicalize_source(char **path, size_t kind, bool may_be_missing) {
        struct stat st;
        char *real;
        int r;

        if (stat(*path, &st) < 0 && errno == ENOENT && may_be_missing)
                return canonicalize_parent(path);
        if (stat(*path, &st) < 0)
                return log_error_errno(-errno, "cannot use %s as %s: %m", *path, kinds[kind].what);
        r = check_source(*path, st.st_mode, kind);
        if (r < 0)
                return r;
        real = realpath(*path, NULL);
        if (!real)
                return log_error_errno(-errno, "cannot resolve the path %s: %m", *path);
        free(*path);
        *path = real;
        return 0;
}

/* The last part of an absolute path, "" for the root. */
static const char *base_name(const char *path) {
        return strrchr(path, '/') + 1;
}

/* The machine that is the host's own tree goes by the host's name, any other by what it is made from. */
static int name_from_path(const char *path, const char *kind_suffix, char **ret) {
        char host[HOST_NAME_MAX + 1] = "";
        const char *base = base_name(path), *suffix;
        _cleanup_free_ char *stem = NULL;
        int r;

        if (!*base) {
                (void) gethostname(host, sizeof(host) - 1);
                base = host;
        }
        suffix = *kind_suffix ? endswith(base, kind_suffix) : NULL;
        stem = strndup(base, suffix ? (size_t) (suffix - base) : strlen(base));
        if (!stem)
                return log_oom();
        base = stem;
        r = machine_name_clean(base, ret);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "cannot make a machine name of \"%s\", give one with --machine=",
                                       base);
        return 0;
}

/* Name and parent are those of the path as it was given, so that a symlink names the machine. Only a path
 * that has no name of its own, like "..", is taken for what it leads to. All versions of a tree have the name of
 * the directory they are in. */
static int name_tree(Settings *cli) {
        SourceConfig *source = &cli->value.source;
        size_t kind = kind_of_source(source);
        char **path = source_of_kind(source, kind);
        _cleanup_free_ char *given = strdup(*path);
        const char *named;
        int r;

        if (!given)
                return log_oom();
        r = versioned_pick(path, &given, kinds[kind].suffix, kinds[kind].image);
        if (r >= 0)
                r = canonicalize_source(path, kind, source->template);
        if (r < 0)
                return r;
        named = streq(base_name(given), "..") ? *path : given;

        if (*base_name(named)) {
                cli->tree_parent = strndup(named, MAX((size_t) (base_name(named) - named - 1), (size_t) 1));
                if (!cli->tree_parent)
                        return log_oom();
        }
        if (!source->machine)
                return name_from_path(named, kinds[kind].suffix, &cli->plain_name);
        cli->plain_name = strdup(source->machine);
        return cli->plain_name ? 0 : log_oom();
}

/* Alone with --ephemeral, the template is the tree. */
static int locate_template(Settings *cli) {
        SourceConfig *source = &cli->value.source;

        if (!source->template || source->cleanup || source_path(source))
                return 0;
        if (source->ephemeral) {
                source->directory = TAKE_PTR(source->template);
                settings_mark(cli, value.source.directory);
                return 0;
        }
        if (source->machine)
                return 0;
        log_error("--template= needs --directory= or --machine=, to say what is made of it");
        return -EINVAL;
}

int config_locate(Settings *cli, const char *const *search) {
        SourceConfig *source = &cli->value.source;
        int r;

        if (!!source->directory + !!source->image + !!source->mstack > 1) {
                log_error("--directory=, --image= and --mstack= cannot be used together");
                return -EINVAL;
        }
        if (source->cleanup && !source->machine && !source_path(source)) {
                log_error("--cleanup needs --machine=, --directory=, --image= or --mstack=");
                return -EINVAL;
        }
        if (source->cleanup && source->machine) {
                cli->plain_name = strdup(source->machine);
                return cli->plain_name ? 0 : log_oom();
        }
        r = locate_template(cli);
        if (r < 0)
                return r;

        if (!source_path(source)) {
                if (source->machine)
                        r = search_machine(source->machine, search, source);
                else {
                        source->directory = getcwd(NULL, 0);
                        r = source->directory ? 0 : log_error_errno(-errno, "cannot find out where I am: %m");
                }
                if (r < 0)
                        return r;
                settings_mark(cli, value.source.directory);
                settings_mark(cli, value.source.image);
                settings_mark(cli, value.source.mstack);
        }
        return name_tree(cli);
}

/* — what does not go together — */

static bool has_network_member(const NetworkConfig *n) {
        return n->veth || n->bridge || n->zone || n->n_veth_extra > 0 || n->n_interfaces > 0 ||
                n->n_macvlan > 0 || n->n_ipvlan > 0;
}

static bool refuse_two_starts(const Settings *s) {
        return s->boot && s->as_pid2;
}

static bool refuse_user_scope(const Settings *s) {
        return s->value.unit.user_scope;
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

static bool refuse_bridge_and_zone(const Settings *s) {
        return s->value.network.bridge && s->value.network.zone;
}

static bool refuse_namespace_and_members(const Settings *s) {
        return s->value.network.namespace_path && has_network_member(&s->value.network);
}

static bool refuse_ambient_boot(const Settings *s) {
        return s->boot && s->value.security.ambient != 0;
}

static bool refuse_ambient_outside(const Settings *s) {
        const SecurityConfig *c = &s->value.security;
        uint64_t bounding = capability_default_set | c->capability_add;
        const NetworkConfig *n = &s->value.network;

        if (n->private_network || n->namespace_path || has_network_member(n))
                bounding |= UINT64_C(1) << CAP_NET_ADMIN;
        bounding &= ~c->capability_drop;
        return (c->ambient & ~bounding) != 0;
}

static bool refuse_users_and_writable_api(const Settings *s) {
        return s->value.users.range.mode != USERS_NO && s->value.env.api_vfs_writable == API_VFS_WRITABLE_YES;
}

static bool refuse_users_and_host_network(const Settings *s) {
        const NetworkConfig *n = &s->value.network;

        return s->value.users.range.mode != USERS_NO && s->value.env.api_vfs_writable == API_VFS_WRITABLE_NETWORK &&
                !n->private_network && !n->namespace_path && !has_network_member(n);
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
        const NetworkConfig *n = &s->value.network;

        return s->value.security.nesting && s->value.users.range.mode != USERS_NO && !n->private_network &&
                !n->namespace_path && !has_network_member(n);
}

static bool has_mount_on(const Settings *s, const char *path, bool hidden) {
        const MountsConfig *mounts = &s->value.mounts;

        for (size_t i = 0; i < mounts->n_items; i++)
                if (streq(mounts->items[i].destination, path) && (!hidden || mounts->items[i].kind == MOUNT_INACCESSIBLE))
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

static const struct {
        bool (*applies)(const Settings *s);
        const char *message;
} refusals[] = {
        { refuse_two_starts, "--boot and --as-pid2 cannot be used together" },
        { refuse_user_scope, "--user needs --private-users=managed, which this program cannot do" },
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
        { refuse_mount_on_interface,
          "nothing can be mounted on /run/host: that is where the machine finds what this program tells it" },
        { refuse_hidden_system, "--inaccessible= cannot hide /run, /dev or /proc: no machine runs without them" },
        { refuse_protected_directory,
          "--root-hash=, --root-hash-sig=, --verity-data= and --image-key-file= are for disk images only" },
        { refuse_bridge_and_zone, "--network-bridge= and --network-zone= cannot be used together" },
        { refuse_namespace_and_members,
          "--network-namespace-path= cannot be used with other network options than "
          "--private-network" },
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
        { refuse_no_bind_user, "--bind-user-shell= and --bind-user-group= are of no use without --bind-user=" },
        { refuse_chown_of_nothing,
          "--private-users-ownership=chown writes to the tree, which --read-only, --volatile=, --ephemeral, --mstack= and "
          "a mount on / keep as it is: leave one of them out, or use --private-users-ownership=map" },
        { refuse_nesting_on_host_network,
          "--nesting with --private-users= needs a network of the machine's own: add --private-network, "
          "--network-veth or another network option" },
};

static int check_refusals(const Settings *s) {
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (refusals[i].applies(s)) {
                        log_error("%s", refusals[i].message);
                        return -EINVAL;
                }
        return 0;
}

/* — what follows — */

/* NAME=VALUE without a "." in NAME, as the kernel does with what it does not know itself. In a variable's
 * name "-" becomes "_". */
static int add_boot_variable(char *argument, char ***environment, bool *ret_taken) {
        size_t name = strcspn(argument, "=");
        _cleanup_free_ char *assignment = strdup(argument);

        if (!assignment)
                return -ENOMEM;
        for (size_t i = 0; i < name; i++)
                if (assignment[i] == '-')
                        assignment[i] = '_';
        *ret_taken = argument[name] == '=' && variable_name_is_valid(assignment, name);
        return *ret_taken ? strv_env_set(environment, assignment) : 0;
}

static int split_boot_arguments(PayloadConfig *payload) {
        size_t kept = 0;

        for (size_t i = 0; payload->argv && payload->argv[i]; i++) {
                char *argument = payload->argv[i];
                bool taken = false;

                if (add_boot_variable(argument, &payload->environment, &taken) < 0)
                        return log_oom();
                payload->argv[i] = NULL;
                if (taken)
                        free(argument);
                else
                        payload->argv[kept++] = argument;
        }
        return 0;
}

/* The name of a copy is its own, so that several run side by side. */
static int derive_machine_name(SourceConfig *source, const char *plain_name) {
        size_t n = MIN(strlen(plain_name), (size_t) 47); /* leaves 17 of the 64 bytes that a name may have */
        uint64_t random;

        if (source->machine)
                return 0;
        if (!source->ephemeral) {
                source->machine = strdup(plain_name);
                return source->machine ? 0 : log_oom();
        }
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return log_error_errno(errno_or_eio(), "cannot get random bytes: %m");
        while (n > 1 && plain_name[n - 1] == '.') /* no hyphen may follow a dot */
                n--;
        if (asprintf(&source->machine, "%.*s-%016llx", (int) n, plain_name, (unsigned long long) random) < 0)
                return log_oom();
        return 0;
}

static int apply_implications(Settings *s, const char *plain_name) {
        MachineConfig *c = &s->value;
        NetworkConfig *n = &c->network;
        int r;

        c->payload.mode = s->boot ? START_BOOT : s->as_pid2 ? START_STUB : START_COMMAND;
        n->veth = n->veth || n->bridge || n->zone;
        n->private_network = n->private_network || n->namespace_path || has_network_member(n);
        c->source.read_only =
                c->source.read_only || c->source.volatile_mode != VOLATILE_NO || mounts_have_root(&c->mounts);

        if (c->users.ownership == OWNERSHIP_DEFAULT)
                c->users.ownership = c->users.range.mode == USERS_PICK ? OWNERSHIP_AUTO : OWNERSHIP_OFF;

        if (c->payload.mode == START_BOOT) {
                r = split_boot_arguments(&c->payload);
                if (r < 0)
                        return r;
        }
        return derive_machine_name(&c->source, plain_name);
}

/* — the whole — */

/* Moves the four sources into s, strongest first. */
static int merge_all(Settings *cli, Settings *file, Settings *s) {
        _cleanup_settings_ Settings environment = {}, defaults = {};
        bool override = file && cli->value.source.settings == SETTINGS_OVERRIDE;
        int r;

        r = settings_from_environment(&environment);
        if (r < 0)
                return r;
        r = settings_from_defaults(&defaults);
        if (r < 0)
                return r;

        settings_merge(s, override ? file : cli);
        if (file)
                settings_merge(s, override ? cli : file);
        settings_merge(s, &environment);
        settings_merge(s, &defaults);
        return 0;
}

static int resolve(Settings *cli, Settings *file, Settings *s) {
        _cleanup_free_ char *plain_name = TAKE_PTR(cli->plain_name);
        int r;

        r = merge_all(cli, file, s);
        if (r < 0)
                return r;
        r = check_refusals(s);
        if (r < 0)
                return r;
        r = apply_implications(s, plain_name);
        if (r < 0)
                return r;
        return credentials_load(&s->value.credentials);
}

int config_resolve(Settings *cli, Settings *file, MachineConfig *ret) {
        _cleanup_settings_ Settings s = {};
        int r;

        r = resolve(cli, file, &s);
        settings_free(cli);
        if (file)
                settings_free(file);
        if (r < 0)
                return r;
        *ret = TAKE(s.value, (MachineConfig){});
        return 0;
}

static int load_file_of(const Settings *cli, Settings *ret) {
        const SourceConfig *source = &cli->value.source;
        SettingsMode mode = settings_has(cli, value.source.settings) ? source->settings : SETTINGS_YES;

        if (source->cleanup)
                return 0;
        return config_load_file(cli->plain_name, cli->tree_parent, mode, NULL, ret);
}

int config_read(int argc, char *const argv[], MachineConfig *ret) {
        _cleanup_settings_ Settings cli = {}, file = {};
        int r;

        r = command_line_parse(argc, argv, &cli);
        if (r < 0)
                return r;
        if (r == 0) {
                command_line_show(&cli, stdout);
                return 0;
        }
        r = config_locate(&cli, NULL);
        if (r < 0)
                return r;
        r = load_file_of(&cli, &file);
        if (r < 0)
                return r;
        r = config_resolve(&cli, &file, ret);
        return r < 0 ? r : 1;
}
