/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what "process" says of the command. Its environment is the whole one, and its users are
 * numbers: neither is an option's, which add to what is usual and ask the machine for names. Of the five sets of
 * capabilities the effective one is read and makes no difference: whatever it is, execve(2) makes it anew. */

#include <linux/capability.h>
#include <stdio.h>

#include "config/capability.h"
#include "config/names.h"
#include "config/oci-reader.h"
#include "config/value-types.h"
#include "log.h"
#include "strv.h"

#define ID_MAX (UINT32_MAX - 1)
#define SIZE_MAX_OF_TERMINAL 65535u

static int apply_argument(OciReader *r, const JsonValue *value) {
        return OCI_SAY(r, value.payload.argv, json_value_string(value));
}

/* A name need not be one that a shell would take; a variable that comes twice has its last value. */
static int apply_variable(OciReader *r, const JsonValue *value) {
        const char *text = json_value_string(value);
        size_t name = strcspn(text, "=");

        if (name == 0 || !text[name])
                return oci_refuse(r, -EINVAL, "\"%s\" is not an assignment NAME=VALUE", text);
        return strv_env_set(&r->settings->value.oci.environment, text) < 0 ? log_oom() : 0;
}

static int apply_directory(OciReader *r, const JsonValue *value) {
        return OCI_SAY(r, value.payload.chdir, json_value_string(value));
}

static int apply_group(OciReader *r, const JsonValue *value) {
        OciConfig *oci = &r->settings->value.oci;
        uint64_t number;
        gid_t *bigger;

        if (json_value_unsigned(value, ID_MAX, &number) < 0)
                return oci_refuse(r, -EINVAL, "this number is out of range");
        bigger = reallocarray(oci->groups, oci->n_groups + 1, sizeof(gid_t));
        if (!bigger)
                return log_oom();
        oci->groups = bigger;
        oci->groups[oci->n_groups++] = (gid_t) number;
        return 0;
}

/* As the specification has it, what the kernel does not have is warned of and left out. */
static int add_capability(OciReader *r, const JsonValue *value, uint64_t *set) {
        const char *name = json_value_string(value);
        int n = startswith(name, "CAP_") ? capability_from_name(name) : -EINVAL;

        if (n < 0)
                log_warning("%s/config.json: %s: \"%s\" is no capability, leaving it out", r->bundle, r->path, name);
        else
                *set |= UINT64_C(1) << n;
        return 0;
}

#define DEFINE_SET(name)                                                                                              \
        static int apply_##name(OciReader *r, const JsonValue *value) {                                               \
                return add_capability(r, value, &r->settings->value.oci.capabilities.name);                           \
        }

DEFINE_SET(bounding)
DEFINE_SET(permitted)
DEFINE_SET(inheritable)
DEFINE_SET(ambient)

static int apply_effective(OciReader *r, const JsonValue *value) {
        uint64_t unused = 0;

        return add_capability(r, value, &unused);
}

/* The kernel raises to the ambient set what is in both others, and nothing else. */
static int apply_capabilities(OciReader *r, const JsonValue *value) {
        CapabilitySets *sets = &r->settings->value.oci.capabilities;

        (void) value;
        sets->set = true;
        sets->ambient &= sets->permitted & sets->inheritable;
        return 0;
}

static void format_limit(uint64_t value, char *ret, size_t size) {
        (void) snprintf(ret, size, value == UINT64_MAX ? "infinity" : "%llu", (unsigned long long) value);
}

static int apply_limit(OciReader *r, const JsonValue *value) {
        __typeof__(r->process.limit) limit = r->process.limit;
        const ResourceLimit *limits = r->settings->value.security.rlimit;
        char soft[24], hard[24], text[128];
        unsigned before = 0, after = 0;
        int error;

        (void) value;
        memset(&r->process.limit, 0, sizeof(r->process.limit));
        if (isempty(limit.type) || !limit.soft.set || !limit.hard.set)
                return oci_refuse(r, -EINVAL, "type, soft and hard are all needed");
        if (!startswith(limit.type, "RLIMIT_"))
                return oci_refuse(r, -EINVAL, "\"%s\" is not the name of a resource limit", limit.type);
        format_limit(limit.soft.value, soft, sizeof(soft));
        format_limit(limit.hard.value, hard, sizeof(hard));
        (void) snprintf(text, sizeof(text), "%.40s=%s:%s", limit.type, soft, hard);
        for (size_t i = 0; i < RLIM_NLIMITS; i++)
                before += limits[i].set;
        error = OCI_SAY(r, value.security.rlimit, text);
        for (size_t i = 0; i < RLIM_NLIMITS; i++)
                after += limits[i].set;
        if (error >= 0 && after == before)
                return oci_refuse(r, -EINVAL, "%s is given a second time", limit.type);
        return error;
}

static int apply_size(OciReader *r, const JsonValue *value) {
        OciConfig *oci = &r->settings->value.oci;

        (void) value;
        oci->rows = (unsigned) r->process.height.value;
        oci->columns = (unsigned) r->process.width.value;
        return 0;
}

static int apply_user(OciReader *r, const JsonValue *value) {
        OciConfig *oci = &r->settings->value.oci;

        (void) value;
        oci->uid = (uid_t) r->process.uid.value;
        oci->gid = (gid_t) r->process.gid.value;
        oci->umask_set = r->process.umask.set;
        oci->umask = (mode_t) r->process.umask.value;
        return 0;
}

static int apply_oom_score(OciReader *r, const JsonValue *value) {
        char text[24];

        (void) value;
        (void) snprintf(text, sizeof(text), "%lli", (long long) r->process.oom_score.value);
        return OCI_SAY(r, value.security.oom_score_adjust_set, text);
}

static int apply_process(OciReader *r, const JsonValue *value) {
        int error = 0;

        (void) value;
        r->process.present = true;
        if (r->process.no_new_privileges != OCI_UNSAID)
                error = OCI_SAY(r, value.security.no_new_privileges,
                                r->process.no_new_privileges == OCI_TRUE ? "yes" : "no");
        if (error >= 0 && r->process.terminal != OCI_TRUE)
                error = OCI_SAY(r, value.output.console, "pipe");
        return error;
}

int oci_process_finish(OciReader *r) {
        if (!r->process.present)
                return oci_refuse_at(r, "process", -EINVAL, "is missing");
        if (!r->settings->value.payload.argv || isempty(r->settings->value.payload.argv[0]))
                return oci_refuse_at(r, "process.args", -EINVAL, "names no program");
        if (!r->settings->value.payload.chdir)
                return oci_refuse_at(r, "process.cwd", -EINVAL, "is missing");
        r->settings->value.oci.user_set = true;
        return 0;
}

#define NUMBER(p, member, m)                                                                                          \
        { .path = p, .kind = OCI_UNSIGNED, .offset = OCI_FIELD(member), .max = m }
#define CAPABILITIES(name)                                                                                            \
        OCI_CONTAINER("process.capabilities." #name, OCI_ARRAY), {                                                    \
                .path = "process.capabilities." #name "[]", .kind = OCI_STRING, .apply = apply_##name                 \
        }

static const OciRow rows[] = {
        { .path = "process", .kind = OCI_OBJECT, .apply = apply_process },
        { .path = "process.terminal", .kind = OCI_BOOL, .offset = OCI_FIELD(process.terminal) },
        { .path = "process.consoleSize", .kind = OCI_OBJECT, .apply = apply_size },
        NUMBER("process.consoleSize.height", process.height, SIZE_MAX_OF_TERMINAL),
        NUMBER("process.consoleSize.width", process.width, SIZE_MAX_OF_TERMINAL),
        { .path = "process.user", .kind = OCI_OBJECT, .apply = apply_user },
        NUMBER("process.user.uid", process.uid, ID_MAX),
        NUMBER("process.user.gid", process.gid, ID_MAX),
        NUMBER("process.user.umask", process.umask, 0777),
        OCI_CONTAINER("process.user.additionalGids", OCI_ARRAY),
        { .path = "process.user.additionalGids[]", .kind = OCI_UNSIGNED, .apply = apply_group },
        OCI_CONTAINER("process.args", OCI_ARRAY),
        { .path = "process.args[]", .kind = OCI_STRING, .apply = apply_argument },
        OCI_CONTAINER("process.env", OCI_ARRAY),
        { .path = "process.env[]", .kind = OCI_STRING, .apply = apply_variable },
        { .path = "process.cwd", .kind = OCI_STRING, .apply = apply_directory },
        { .path = "process.capabilities", .kind = OCI_OBJECT, .apply = apply_capabilities },
        CAPABILITIES(bounding),
        CAPABILITIES(effective),
        CAPABILITIES(permitted),
        CAPABILITIES(inheritable),
        CAPABILITIES(ambient),
        OCI_CONTAINER("process.rlimits", OCI_ARRAY),
        { .path = "process.rlimits[]", .kind = OCI_OBJECT, .apply = apply_limit },
        { .path = "process.rlimits[].type", .kind = OCI_STRING, .offset = OCI_FIELD(process.limit.type) },
        NUMBER("process.rlimits[].soft", process.limit.soft, 0),
        NUMBER("process.rlimits[].hard", process.limit.hard, 0),
        { .path = "process.noNewPrivileges", .kind = OCI_BOOL, .offset = OCI_FIELD(process.no_new_privileges) },
        { .path = "process.oomScoreAdj",
          .kind = OCI_SIGNED,
          .offset = OCI_FIELD(process.oom_score),
          .apply = apply_oom_score },
        OCI_REFUSED("process.apparmorProfile", "AppArmor profiles cannot be set"),
        OCI_REFUSED("process.selinuxLabel", "use --selinux-context="),
        OCI_REFUSED("process.scheduler", "a scheduling policy cannot be set"),
        OCI_REFUSED("process.ioPriority", "an I/O priority cannot be set"),
        OCI_REFUSED("process.execCPUAffinity", "use --cpu-affinity="),
};

const OciRows oci_process_rows = { rows, ELEMENTSOF(rows) };
