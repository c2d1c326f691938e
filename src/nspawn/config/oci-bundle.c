/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: config.json is walked from its top. Each value is looked up by its path in the tables of
 * config/oci-*.c, which know what it must be and where it goes; containers come after what they hold. The file is the
 * user's own word, like the command line, which wins over it, so it may say anything; but it is mostly written by
 * programs and rarely read, so nothing in it is guessed at: what has no row is unknown to the specification that this
 * was made from (1.2) and ignored as it demands, and what has a row is done or refused by name.
 *
 * The bundle is a source of settings as a .nspawn file is, and in its place. What there is no option for goes to
 * OciConfig. */

#include "config/oci-bundle.h"

#include <fcntl.h>

#include "config/oci-reader.h"
#include "config/value-types.h"
#include "fd.h"
#include "log.h"
#include "strv.h"

#define CONFIG_SIZE_MAX (1024u * 1024u)
#define DEPTH_MAX 32u
#define ELEMENTS_MAX 16384u

/* — the top — */

static int apply_version(OciReader *r, const JsonValue *value) {
        (void) value;
        if (!startswith(r->version, "1."))
                return oci_refuse(r, -EOPNOTSUPP, "\"%s\" is not supported, version 1 is", r->version);
        return 0;
}

static int apply_root(OciReader *r, const JsonValue *value) {
        int error;

        (void) value;
        if (isempty(r->root.path))
                return oci_refuse_at(r, "root.path", -EINVAL, "is missing");
        error = oci_host_path(r, r->root.path, &r->settings->value.source.directory);
        if (error < 0)
                return error;
        return r->root.read_only == OCI_TRUE ? OCI_SAY(r, value.source.read_only, "yes") : 0;
}

static int apply_host_name(OciReader *r, const JsonValue *value) {
        return OCI_SAY(r, value.identity.hostname, json_value_string(value));
}

static const OciRow top_rows[] = {
        { .path = "", .kind = OCI_OBJECT },
        { .path = "ociVersion", .kind = OCI_STRING, .offset = OCI_FIELD(version), .apply = apply_version },
        { .path = "root", .kind = OCI_OBJECT, .apply = apply_root },
        { .path = "root.path", .kind = OCI_STRING, .offset = OCI_FIELD(root.path) },
        { .path = "root.readonly", .kind = OCI_BOOL, .offset = OCI_FIELD(root.read_only) },
        { .path = "hostname", .kind = OCI_STRING, .apply = apply_host_name },
        OCI_REFUSED("domainname", "the machine's domain name cannot be set"),
        OCI_REFUSED("vm", "this program runs no virtual machines"),
        OCI_REFUSED("windows", "this is Linux"),
        OCI_REFUSED("solaris", "this is Linux"),
        OCI_REFUSED("zos", "this is Linux"),
        OCI_REFUSED("freebsd", "this is Linux"),
};

static const OciRows oci_top_rows = { top_rows, ELEMENTSOF(top_rows) };
static const OciRows *const tables[] = { &oci_top_rows,     &oci_process_rows, &oci_mounts_rows,    &oci_linux_rows,
                                         &oci_seccomp_rows, &oci_devices_rows, &oci_resources_rows, &oci_hooks_rows };

void oci_bundle_list(void (*each)(const char *path, const char *refusal, void *userdata), void *userdata) {
        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                for (size_t i = 0; i < tables[t]->n_rows; i++)
                        each(tables[t]->rows[i].path, tables[t]->rows[i].refusal, userdata);
}

/* — the walk — */

static const OciRow *find_row(const char *pattern) {
        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                for (size_t i = 0; i < tables[t]->n_rows; i++)
                        if (streq(tables[t]->rows[i].path, pattern))
                                return &tables[t]->rows[i];
        return NULL;
}

static const struct {
        JsonKind json;
        const char *expects;
} kinds[] = {
        [OCI_OBJECT] = { JSON_OBJECT, "an object" }, [OCI_ARRAY] = { JSON_ARRAY, "an array" },
        [OCI_MAP] = { JSON_OBJECT, "an object" },    [OCI_STRING] = { JSON_STRING, "a string" },
        [OCI_BOOL] = { JSON_BOOL, "true or false" }, [OCI_UNSIGNED] = { JSON_INTEGER, "a number" },
        [OCI_SIGNED] = { JSON_INTEGER, "a number" },
};

static int store(OciReader *r, const OciRow *row, const JsonValue *value) {
        void *field = (char *) r + row->offset;
        uint64_t number = 0;
        int64_t with_sign = 0;
        int error = 0;

        switch (row->kind) {
        case OCI_STRING:
                *(const char **) field = json_value_string(value);
                break;
        case OCI_BOOL:
                *(OciTruth *) field = json_value_bool(value) ? OCI_TRUE : OCI_FALSE;
                break;
        case OCI_UNSIGNED:
                error = json_value_unsigned(value, row->max > 0 ? row->max : UINT64_MAX, &number);
                *(OciNumber *) field = (OciNumber){ true, number };
                break;
        case OCI_SIGNED:
                error = json_value_signed(value, INT64_MIN, INT64_MAX, &with_sign);
                *(OciNumber *) field = (OciNumber){ true, (uint64_t) with_sign };
                break;
        case OCI_OBJECT:
        case OCI_ARRAY:
        case OCI_MAP:
        case OCI_ANY:
                break;
        }
        return error < 0 ? oci_refuse(r, -EINVAL, "this number is out of range") : 0;
}

/* A property that says nothing asks for nothing. */
static bool says_nothing(const JsonValue *value) {
        switch (json_value_kind(value)) {
        case JSON_NULL:
                return true;
        case JSON_STRING:
                return !*json_value_string(value);
        case JSON_ARRAY:
                return json_array_size(value) == 0;
        case JSON_OBJECT:
                return !json_member_next(value, NULL);
        case JSON_BOOL:
                return !json_value_bool(value);
        case JSON_INTEGER:
        case JSON_REAL:
                break;
        }
        return false;
}

static int walk(OciReader *r, char *pattern, size_t size, const JsonValue *value);

static int walk_member(OciReader *r, char *pattern, size_t size, const JsonMember *member) {
        size_t n_path = strlen(r->path), n_pattern = strlen(pattern);
        const char *key = json_member_key(member), *dot = n_path > 0 ? "." : "";
        int error = 0;

        if (snprintf(pattern + n_pattern, size - n_pattern, "%s%s", dot, key) < (int) (size - n_pattern) && *key) {
                (void) snprintf(r->path + n_path, sizeof(r->path) - n_path, "%s%s", dot, key);
                error = walk(r, pattern, size, json_member_value(member));
        }
        pattern[n_pattern] = 0; /* what is longer is no property that we know */
        if (error >= 0)
                r->path[n_path] = 0;
        return error;
}

static int walk_elements(OciReader *r, char *pattern, size_t size, const JsonValue *value) {
        size_t n_path = strlen(r->path), n_pattern = strlen(pattern), n = json_array_size(value);
        int error = 0;

        if (n > ELEMENTS_MAX)
                return oci_refuse(r, -E2BIG, "has more than %u elements", ELEMENTS_MAX);
        (void) snprintf(pattern + n_pattern, size - n_pattern, "[]");
        for (size_t i = 0; i < n && error >= 0; i++) {
                const JsonValue *element = json_array_at(value, i);

                (void) snprintf(r->path + n_path, sizeof(r->path) - n_path, "[%zu]", i);
                error = json_value_kind(element) == JSON_NULL ? oci_refuse(r, -EINVAL, "an element cannot be null")
                                                              : walk(r, pattern, size, element);
        }
        pattern[n_pattern] = 0;
        if (error >= 0)
                r->path[n_path] = 0;
        return error;
}

static int walk_map(OciReader *r, char *pattern, size_t size, const JsonValue *value) {
        size_t n_path = strlen(r->path), n_pattern = strlen(pattern);
        int error = 0;

        (void) snprintf(pattern + n_pattern, size - n_pattern, "[]");
        for (const JsonMember *m = NULL; error >= 0 && (m = json_member_next(value, m));) {
                r->key = json_member_key(m);
                (void) snprintf(r->path + n_path, sizeof(r->path) - n_path, "[\"%s\"]", r->key);
                error = walk(r, pattern, size, json_member_value(m));
        }
        pattern[n_pattern] = 0;
        if (error >= 0)
                r->path[n_path] = 0;
        return error;
}

static int walk(OciReader *r, char *pattern, size_t size, const JsonValue *value) {
        const OciRow *row = find_row(pattern);
        int error = 0;

        if (!row)
                log_debug("%s/config.json: %s: not known, ignored", r->bundle, r->path);
        if (!row || json_value_kind(value) == JSON_NULL)
                return 0;
        if (row->refusal)
                return says_nothing(value) ? 0 : oci_refuse(r, -EOPNOTSUPP, "not supported: %s", row->refusal);
        if (row->kind == OCI_ANY)
                return row->apply ? row->apply(r, value) : 0;
        if (json_value_kind(value) != kinds[row->kind].json)
                return oci_refuse(r, -EINVAL, "must be %s", kinds[row->kind].expects);

        if (row->offset > 0)
                error = store(r, row, value);
        if (row->kind == OCI_OBJECT)
                for (const JsonMember *m = NULL; error >= 0 && (m = json_member_next(value, m));)
                        error = walk_member(r, pattern, size, m);
        if (error >= 0 && row->kind == OCI_ARRAY)
                error = walk_elements(r, pattern, size, value);
        if (error >= 0 && row->kind == OCI_MAP)
                error = walk_map(r, pattern, size, value);
        if (error >= 0 && row->apply)
                error = row->apply(r, value);
        return error;
}

/* — the whole — */

/* No file of the tree is touched. */
static int say_usual(OciReader *r) {
        int error;

        error = OCI_SAY(r, value.integration.resolv_conf, "off");
        if (error >= 0)
                error = OCI_SAY(r, value.integration.timezone, "off");
        if (error >= 0)
                error = OCI_SAY(r, value.integration.link_journal, "no");
        return error;
}

static int read_all(OciReader *r, const JsonValue *value) {
        char pattern[160] = "";
        int error;

        if (json_value_kind(value) != JSON_OBJECT)
                return oci_refuse(r, -EINVAL, "this is no object");
        error = walk(r, pattern, sizeof(pattern), value);
        if (error < 0)
                return error;
        if (!r->version)
                return oci_refuse_at(r, "ociVersion", -EINVAL, "is missing");
        if (!r->settings->value.source.directory)
                return oci_refuse_at(r, "root", -EINVAL, "is missing");
        error = oci_process_finish(r);
        if (error >= 0)
                error = oci_linux_finish(r);
        if (error >= 0)
                error = oci_hooks_finish(r);
        if (error >= 0)
                error = say_usual(r);
        return error;
}

static int parse(const char *bundle, const char *text, size_t size, JsonValue **ret) {
        _cleanup_free_ char *why = NULL;
        int r;

        r = json_value_load();
        if (r < 0)
                return log_error_errno(r, "--oci-bundle= takes json-c (libjson-c.so.5), which is not installed");
        r = json_value_parse(text, size, DEPTH_MAX, ret, &why);
        if (r == -EBADMSG)
                log_error("%s/config.json: %s", bundle, why);
        return r == -ENOMEM ? log_oom() : r;
}

int oci_config_parse(const char *bundle, const char *text, size_t size, Settings *ret) {
        _cleanup_settings_ Settings s = {};
        OciReader reader = { .bundle = bundle, .settings = &s };
        _cleanup_json_ JsonValue *value = NULL;
        int r;

        s.value.oci.bundle = strdup(bundle);
        if (!s.value.oci.bundle)
                return log_oom();
        settings_mark(&s, value.oci);
        r = parse(bundle, text, size, &value);
        if (r >= 0)
                r = read_all(&reader, value);
        strv_free(reader.mount.options);
        oci_seccomp_done(&reader);
        oci_hook_done(&reader.hook.hook);
        free(reader.annotations);
        if (r < 0)
                return r;
        *ret = TAKE(s, (Settings){});
        return 0;
}

int oci_bundle_load(Settings *cli, Settings *ret) {
        const char *bundle = cli->value.oci.bundle;
        _cleanup_settings_ Settings s = {};
        _cleanup_free_ char *path = NULL, *text = NULL;
        SourceConfig *source = &cli->value.source;
        size_t size;
        int r;

        if (source_path(source) || source->template) {
                log_error("--oci-bundle= names the machine's root itself: it cannot be used with --directory=, "
                          "--image=, --mstack= or --template=");
                return -EINVAL;
        }
        if (asprintf(&path, "%s/config.json", bundle) < 0)
                return log_oom();
        r = read_file_at(AT_FDCWD, path, CONFIG_SIZE_MAX, &text, &size);
        if (r == -EBADF || r == -ENXIO)
                return log_error_errno(r, "%s: not a regular file", path);
        if (r < 0)
                return log_error_errno(r, "%s: %m; --oci-bundle= takes a directory with this file in it", path);
        r = oci_config_parse(bundle, text, size, &s);
        if (r < 0)
                return r;
        value_oci_bundle.destroy(&cli->value.oci);
        cli->value.oci = TAKE(s.value.oci, (OciConfig){});
        source->directory = TAKE_PTR(s.value.source.directory);
        settings_mark(cli, value.source.directory);
        *ret = TAKE(s, (Settings){});
        return 0;
}

/* — the type — */

static int parse_bundle(UNUSED_TYPE_ORIGIN, const char *text, void *field) {
        OciConfig *oci = field;
        char *path;
        int r;

        r = value_make_host_path(text, &path);
        return r < 0 ? r : value_replace_string(&oci->bundle, path);
}

static void destroy_bundle(void *field) {
        OciConfig *oci = field;

        free(oci->bundle);
        free(oci->groups);
        strv_free(oci->environment);
        strv_free(oci->masked);
        strv_free(oci->read_only);
        strv_free(oci->sysctl);
        strv_free(oci->cgroup);
        for (size_t i = 0; i < oci->n_devices; i++)
                free(oci->devices[i].path);
        free(oci->devices);
        for (size_t t = 0; t < _OCI_HOOK_TIME_MAX; t++) {
                for (size_t i = 0; i < oci->hooks[t].n_items; i++)
                        oci_hook_done(&oci->hooks[t].items[i]);
                free(oci->hooks[t].items);
        }
        free(oci->state);
        free(oci->device_rules);
        value_destroy_mounts(&oci->mounts);
        seccomp_profile_done(&oci->seccomp);
}

const ValueType value_oci_bundle = {
        .size = sizeof(OciConfig),
        .parse = parse_bundle,
        .destroy = destroy_bundle,
        .expects = "a path",
        .completion = COMPLETE_DIRECTORY,
};
