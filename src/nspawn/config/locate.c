/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the machine is made from is found before anything else is read, because the settings file
 * lies beside it. Paths are configuration and resolve on the host; what is at their end is only looked at. */

#include "config/locate.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/names.h"
#include "config/versioned.h"
#include "log.h"

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
                return log_error_errno(-EISDIR,
                                       "cannot use %s as disk image: %m; directory trees go with --directory=", path);
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
                return log_error_errno(r, "cannot make a machine name of \"%s\", give one with --machine=", base);
        return 0;
}

/* A bundle's root is mostly called "rootfs"; and no settings file belongs to it. */
static int name_bundle(Settings *cli) {
        const char *machine = cli->value.source.machine;
        _cleanup_free_ char *real = NULL;

        if (machine) {
                cli->plain_name = strdup(machine);
                return cli->plain_name ? 0 : log_oom();
        }
        if (streq(base_name(cli->value.oci.bundle), ".."))
                real = realpath(cli->value.oci.bundle, NULL);
        return name_from_path(real ?: cli->value.oci.bundle, "", &cli->plain_name);
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
        if (cli->value.oci.bundle)
                return name_bundle(cli);

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
        if (source->cleanup && cli->value.oci.bundle)
                return name_bundle(cli);
        if (source->cleanup && !source->machine && !source_path(source)) {
                log_error("--cleanup needs --machine=, --directory=, --image=, --mstack= or --oci-bundle=");
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
