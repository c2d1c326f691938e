/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: "linux.seccomp" becomes a SeccompProfile, of which plan/seccomp-profile.c makes the program.
 * Names of system calls are not judged here: profiles are written for many architectures and kernels, and name
 * calls that this one does not have. */

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "config/oci-reader.h"
#include "log.h"
#include "strv.h"

#define ERRNO_MAX 4095u
#define NAME_MAX_OF_CALL 63u

#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 0xc0000102u
#endif

void seccomp_profile_done(SeccompProfile *profile) {
        for (size_t i = 0; i < profile->n_rules; i++) {
                strv_free(profile->rules[i].names);
                free(profile->rules[i].conditions);
        }
        free(profile->rules);
        free(profile->architectures);
}

static SeccompProfile *profile_of(OciReader *r) {
        return &r->settings->value.oci.seccomp;
}

/* — actions — */

static const struct {
        const char *name;
        uint32_t action;
        bool data; /* takes a number: of an error, or for the tracer */
} actions[] = {
        { "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
        { "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
        { "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
        { "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
        { "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
        { "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
        { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
        { "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
};

static int make_action(OciReader *r, const char *name, const OciNumber *error, uint32_t *ret) {
        if (isempty(name))
                return oci_refuse(r, -EINVAL, "the action is missing");
        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                if (!streq(name, actions[i].name))
                        continue;
                if (error->set && !actions[i].data)
                        return oci_refuse(r, -EINVAL, "%s takes no number of an error", name);
                *ret = actions[i].action | (actions[i].data ? (uint32_t) (error->set ? error->value : EPERM) : 0);
                return 0;
        }
        return oci_refuse(r, -EOPNOTSUPP, "the action \"%s\" is not supported", name);
}

/* — rules — */

static int add_condition(SeccompRule *rule, const SeccompCondition *condition) {
        SeccompCondition *bigger = reallocarray(rule->conditions, rule->n_conditions + 1, sizeof(SeccompCondition));

        if (!bigger)
                return log_oom();
        rule->conditions = bigger;
        rule->conditions[rule->n_conditions++] = *condition;
        return 0;
}

static int apply_condition(OciReader *r, const JsonValue *value) {
        static const struct {
                const char *name;
                SeccompOperator op;
        } operators[] = {
                { "SCMP_CMP_EQ", SECCOMP_EQUAL },
                { "SCMP_CMP_NE", SECCOMP_NOT_EQUAL },
                { "SCMP_CMP_LT", SECCOMP_LESS },
                { "SCMP_CMP_LE", SECCOMP_LESS_EQUAL },
                { "SCMP_CMP_GT", SECCOMP_GREATER },
                { "SCMP_CMP_GE", SECCOMP_GREATER_EQUAL },
                { "SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQUAL },
        };
        __typeof__(r->seccomp.condition) c = r->seccomp.condition;

        (void) value;
        memset(&r->seccomp.condition, 0, sizeof(r->seccomp.condition));
        if (!c.index.set || !c.value.set || isempty(c.op))
                return oci_refuse(r, -EINVAL, "index, value and op are all needed");
        for (size_t i = 0; i < ELEMENTSOF(operators); i++)
                if (streq(c.op, operators[i].name)) {
                        const SeccompCondition condition = {
                                .argument = (unsigned) c.index.value,
                                .op = operators[i].op,
                                .value = c.value.value,
                                .value_two = c.value_two.value,
                        };

                        return add_condition(&r->seccomp.rule, &condition);
                }
        return oci_refuse(r, -EOPNOTSUPP, "the operator \"%s\" is not supported", c.op);
}

static int apply_name(OciReader *r, const JsonValue *value) {
        const char *name = json_value_string(value);

        if (isempty(name) || strlen(name) > NAME_MAX_OF_CALL || *name == '@')
                return oci_refuse(r, -EINVAL, "\"%s\" is not the name of a system call", name);
        return strv_append(&r->seccomp.rule.names, name) < 0 ? log_oom() : 0;
}

static int add_rule(OciReader *r, SeccompRule *rule) {
        SeccompProfile *profile = profile_of(r);
        SeccompRule *bigger = reallocarray(profile->rules, profile->n_rules + 1, sizeof(SeccompRule));

        if (!bigger)
                return log_oom();
        profile->rules = bigger;
        profile->rules[profile->n_rules++] = TAKE(*rule, (SeccompRule){});
        return 0;
}

/* Two conditions on one argument are each enough, by what other runtimes make of them: a rule for each condition. */
static bool argument_comes_twice(const SeccompRule *rule) {
        unsigned seen = 0;

        for (size_t i = 0; i < rule->n_conditions; i++) {
                if (seen & 1u << rule->conditions[i].argument)
                        return true;
                seen |= 1u << rule->conditions[i].argument;
        }
        return false;
}

static int add_alternatives(OciReader *r, const SeccompRule *rule) {
        int error = 0;

        for (size_t i = 0; i < rule->n_conditions && error >= 0; i++) {
                SeccompRule one = { .names = strv_copy(rule->names), .action = rule->action };

                error = one.names ? add_condition(&one, &rule->conditions[i]) : log_oom();
                if (error >= 0)
                        error = add_rule(r, &one);
                strv_free(one.names);
                free(one.conditions);
        }
        return error;
}

static int apply_rule(OciReader *r, const JsonValue *value) {
        SeccompRule *rule = &r->seccomp.rule;
        int error;

        (void) value;
        if (!rule->names)
                return oci_refuse(r, -EINVAL, "names no system call");
        error = make_action(r, r->seccomp.action, &r->seccomp.error, &rule->action);
        r->seccomp.action = NULL;
        r->seccomp.error = (OciNumber){};
        if (error >= 0)
                error = argument_comes_twice(rule) ? add_alternatives(r, rule) : add_rule(r, rule);
        oci_seccomp_done(r);
        return error;
}

void oci_seccomp_done(OciReader *r) {
        strv_free(r->seccomp.rule.names);
        free(r->seccomp.rule.conditions);
        r->seccomp.rule = (SeccompRule){};
}

/* — the profile — */

static int apply_architecture(OciReader *r, const JsonValue *value) {
        static const struct {
                const char *name;
                uint32_t audit_arch;
        } architectures[] = {
                { "X86", AUDIT_ARCH_I386 },
                { "X86_64", AUDIT_ARCH_X86_64 },
                { "ARM", AUDIT_ARCH_ARM },
                { "AARCH64", AUDIT_ARCH_AARCH64 },
                { "PPC", AUDIT_ARCH_PPC },
                { "PPC64", AUDIT_ARCH_PPC64 },
                { "PPC64LE", AUDIT_ARCH_PPC64LE },
                { "S390", AUDIT_ARCH_S390 },
                { "S390X", AUDIT_ARCH_S390X },
                { "RISCV64", AUDIT_ARCH_RISCV64 },
                { "LOONGARCH64", AUDIT_ARCH_LOONGARCH64 },
        };
        /* machines that this program does not run on: their calls do not exist on this one */
        static const char *const elsewhere[] = {
                "MIPS",   "MIPS64",   "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32",
                "PARISC", "PARISC64", "M68K",      "SH",     "SHEB",
        };
        const char *text = json_value_string(value), *name = startswith(text, "SCMP_ARCH_");
        SeccompProfile *profile = profile_of(r);

        for (size_t i = 0; name && i < ELEMENTSOF(elsewhere); i++)
                if (streq(name, elsewhere[i]))
                        return 0;
        if (streq_ptr(name, "X32") || streq_ptr(name, "NATIVE")) {
                profile->x32 = profile->x32 || streq(name, "X32");
                return 0;
        }
        for (size_t i = 0; name && i < ELEMENTSOF(architectures); i++)
                if (streq(name, architectures[i].name)) {
                        uint32_t *bigger =
                                reallocarray(profile->architectures, profile->n_architectures + 1, sizeof(uint32_t));

                        if (!bigger)
                                return log_oom();
                        profile->architectures = bigger;
                        profile->architectures[profile->n_architectures++] = architectures[i].audit_arch;
                        return 0;
                }
        return oci_refuse(r, -EOPNOTSUPP, "the architecture \"%s\" is not supported", text);
}

/* There is one thread to synchronize. */
static int apply_flag(OciReader *r, const JsonValue *value) {
        static const struct {
                const char *name;
                unsigned flag;
        } flags[] = {
                { "SECCOMP_FILTER_FLAG_TSYNC", 0 },
                { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
                { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        };
        const char *name = json_value_string(value);

        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (streq(name, flags[i].name)) {
                        profile_of(r)->flags |= flags[i].flag;
                        return 0;
                }
        return oci_refuse(r, -EOPNOTSUPP, "the flag \"%s\" is not supported", name);
}

static int apply_profile(OciReader *r, const JsonValue *value) {
        SeccompProfile *profile = profile_of(r);
        int error;

        if (!json_member_next(value, NULL))
                return 0;
        error = make_action(r, r->seccomp.default_action, &r->seccomp.default_error, &profile->default_action);
        profile->set = error >= 0;
        return error;
}

#define NUMBER(p, member, m)                                                                                          \
        { .path = p, .kind = OCI_UNSIGNED, .offset = OCI_FIELD(member), .max = m }
#define STRING(p, member)                                                                                             \
        { .path = p, .kind = OCI_STRING, .offset = OCI_FIELD(member) }
#define S "linux.seccomp"

static const OciRow rows[] = {
        { .path = S, .kind = OCI_OBJECT, .apply = apply_profile },
        STRING(S ".defaultAction", seccomp.default_action),
        NUMBER(S ".defaultErrnoRet", seccomp.default_error, ERRNO_MAX),
        OCI_CONTAINER(S ".architectures", OCI_ARRAY),
        { .path = S ".architectures[]", .kind = OCI_STRING, .apply = apply_architecture },
        OCI_CONTAINER(S ".flags", OCI_ARRAY),
        { .path = S ".flags[]", .kind = OCI_STRING, .apply = apply_flag },
        OCI_REFUSED(S ".listenerPath", "nobody is told of system calls"),
        OCI_REFUSED(S ".listenerMetadata", "nobody is told of system calls"),
        OCI_CONTAINER(S ".syscalls", OCI_ARRAY),
        { .path = S ".syscalls[]", .kind = OCI_OBJECT, .apply = apply_rule },
        OCI_CONTAINER(S ".syscalls[].names", OCI_ARRAY),
        { .path = S ".syscalls[].names[]", .kind = OCI_STRING, .apply = apply_name },
        STRING(S ".syscalls[].action", seccomp.action),
        NUMBER(S ".syscalls[].errnoRet", seccomp.error, ERRNO_MAX),
        OCI_CONTAINER(S ".syscalls[].args", OCI_ARRAY),
        { .path = S ".syscalls[].args[]", .kind = OCI_OBJECT, .apply = apply_condition },
        NUMBER(S ".syscalls[].args[].index", seccomp.condition.index, 5),
        NUMBER(S ".syscalls[].args[].value", seccomp.condition.value, 0),
        NUMBER(S ".syscalls[].args[].valueTwo", seccomp.condition.value_two, 0),
        STRING(S ".syscalls[].args[].op", seccomp.condition.op),
};

const OciRows oci_seccomp_rows = { rows, ELEMENTSOF(rows) };
