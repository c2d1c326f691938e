/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: every call has a list of rules: those with conditions in the order of the profile, of which the
 * first whose conditions hold decides, and one without, or else the default action. Most calls have no conditions, and
 * all of these with the same action share a verdict; any other call has one of its own. Numbers without a name do not
 * exist, whatever the default action is: C libraries then fall back to an older call, and nothing younger than the
 * table slips through a profile that only forbids.
 *
 * Arguments are compared as 64 bits, in two halves. */

#include "plan/seccomp-profile.h"

#include <linux/seccomp.h>

#include "log.h"
#include "plan/seccomp-emitter.h"
#include "strv.h"

/* What all calls of one verdict have in common. */
typedef struct Answer {
        const char *name; /* of the only call, if it has conditions; else NULL */
        uint32_t action;  /* if no condition holds */
} Answer;

enum { ANSWER_UNKNOWN, ANSWER_ALLOW, ANSWER_DEFAULT, FIRST_ANSWER };

typedef struct Compilation {
        const SyscallTable *table;
        const SeccompProfile *profile;
        uint16_t *of_entries;
        Answer *answers;
        size_t n_answers;
} Compilation;

static bool rule_names(const SeccompRule *rule, const char *name) {
        return strv_find(rule->names, name);
}

/* — verdicts — */

static uint16_t find_answer(Compilation *c, uint32_t action) {
        for (size_t i = ANSWER_ALLOW; i < c->n_answers; i++)
                if (!c->answers[i].name && c->answers[i].action == action)
                        return (uint16_t) i;
        c->answers[c->n_answers] = (Answer){ .action = action };
        return (uint16_t) c->n_answers++;
}

static bool is_permissive(uint32_t action) {
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* Rules without conditions, for all calls they name. given: which calls have had one. */
static int take_plain_rule(Compilation *c, const SeccompRule *rule, bool *given) {
        STRV_FOREACH(name, rule->names) {
                const SyscallEntry *entry = syscall_table_find(c->table, *name);
                uint16_t answer = find_answer(c, rule->action);
                size_t i = entry ? (size_t) (entry - c->table->entries) : 0;

                if (!entry)
                        continue;
                if (given[i] && c->of_entries[i] != answer)
                        return log_error_errno(-EINVAL,
                                               "linux.seccomp: two rules without args give \"%s\" different actions",
                                               *name);
                given[i] = true;
                c->of_entries[i] = answer;
        }
        return 0;
}

static void take_conditions(Compilation *c, const SeccompRule *rule) {
        STRV_FOREACH(name, rule->names) {
                const SyscallEntry *entry = syscall_table_find(c->table, *name);
                uint16_t *verdict = entry ? &c->of_entries[entry - c->table->entries] : NULL;

                if (!verdict || c->answers[*verdict].name)
                        continue;
                c->answers[c->n_answers] = (Answer){ .name = *name, .action = c->answers[*verdict].action };
                *verdict = (uint16_t) c->n_answers++;
        }
}

static void warn_of_missing(const Compilation *c, const SeccompRule *rule) {
        STRV_FOREACH(name, rule->names)
        if (!is_permissive(rule->action) && !syscall_table_find(c->table, *name))
                log_warning("linux.seccomp: there is no system call \"%s\", its rule is left out", *name);
}

static int decide(Compilation *c) {
        _cleanup_free_ bool *given = calloc(c->table->n_entries, sizeof(bool));
        const SeccompProfile *p = c->profile;
        int r = 0;

        if (!given)
                return -ENOMEM;
        for (size_t i = 0; i < c->table->n_entries; i++)
                c->of_entries[i] = ANSWER_DEFAULT;
        for (size_t i = 0; i < p->n_rules && r >= 0; i++)
                if (p->rules[i].n_conditions == 0)
                        r = take_plain_rule(c, &p->rules[i], given);
        for (size_t i = 0; i < p->n_rules && r >= 0; i++) {
                if (p->rules[i].n_conditions > 0)
                        take_conditions(c, &p->rules[i]);
                warn_of_missing(c, &p->rules[i]);
        }
        return r;
}

/* — instructions — */

/* Goes on at if_true if the half at hand is greater than k, at if_equal or if_less. */
static size_t emit_three_ways(SeccompEmitter *e, uint32_t k, size_t greater, size_t equal, size_t less) {
        size_t next = seccomp_emit_branch(e, BPF_JEQ, k, equal, less);

        return seccomp_emit_branch(e, BPF_JGT, k, greater, next);
}

/* The lower half decides where the upper ones are equal. condition: BPF_JEQ, BPF_JGT or BPF_JGE. */
static size_t emit_comparison(SeccompEmitter *e, const SeccompCondition *c, int condition, size_t yes, size_t no) {
        uint32_t low = (uint32_t) c->value, high = (uint32_t) (c->value >> 32);
        size_t next = seccomp_emit_branch(e, condition, low, yes, no);

        next = seccomp_emit_load_low(e, c->argument, next);
        next = condition == BPF_JEQ ? seccomp_emit_branch(e, BPF_JEQ, high, next, no)
                                    : emit_three_ways(e, high, yes, next, no);
        return seccomp_emit_load_high(e, c->argument, next);
}

static size_t emit_masked(SeccompEmitter *e, const SeccompCondition *c, size_t yes, size_t no) {
        size_t next = seccomp_emit_branch(e, BPF_JEQ, (uint32_t) c->value_two, yes, no);

        next = seccomp_emit_mask(e, (uint32_t) c->value, next);
        next = seccomp_emit_load_low(e, c->argument, next);
        next = seccomp_emit_branch(e, BPF_JEQ, (uint32_t) (c->value_two >> 32), next, no);
        next = seccomp_emit_mask(e, (uint32_t) (c->value >> 32), next);
        return seccomp_emit_load_high(e, c->argument, next);
}

static size_t emit_condition(SeccompEmitter *e, const SeccompCondition *c, size_t yes, size_t no) {
        switch (c->op) {
        case SECCOMP_EQUAL:
                return emit_comparison(e, c, BPF_JEQ, yes, no);
        case SECCOMP_NOT_EQUAL:
                return emit_comparison(e, c, BPF_JEQ, no, yes);
        case SECCOMP_GREATER:
                return emit_comparison(e, c, BPF_JGT, yes, no);
        case SECCOMP_LESS_EQUAL:
                return emit_comparison(e, c, BPF_JGT, no, yes);
        case SECCOMP_GREATER_EQUAL:
                return emit_comparison(e, c, BPF_JGE, yes, no);
        case SECCOMP_LESS:
                return emit_comparison(e, c, BPF_JGE, no, yes);
        case SECCOMP_MASKED_EQUAL:
                break;
        }
        return emit_masked(e, c, yes, no);
}

static size_t emit_answer(SeccompEmitter *e, uint16_t verdict, const void *userdata) {
        const Compilation *c = userdata;
        const Answer *answer = &c->answers[verdict];
        size_t next = seccomp_emit_return(e, answer->action);

        for (size_t i = answer->name ? c->profile->n_rules : 0; i-- > 0;) {
                const SeccompRule *rule = &c->profile->rules[i];
                size_t no = next, yes;

                if (rule->n_conditions == 0 || !rule_names(rule, answer->name))
                        continue;
                yes = seccomp_emit_return(e, rule->action);
                for (size_t k = rule->n_conditions; k-- > 0;)
                        yes = emit_condition(e, &rule->conditions[k], yes, no);
                next = yes;
        }
        return next;
}

/* An ABI that shares its architecture with an earlier one is x32. */
static unsigned abis_of(const SyscallTable *table, const SeccompProfile *profile) {
        unsigned abis = 1;

        for (size_t abi = 1; abi < table->n_abis; abi++) {
                bool second = false, wanted = false;

                for (size_t i = 0; i < abi; i++)
                        second = second || table->audit_arch[i] == table->audit_arch[abi];
                for (size_t i = 0; i < profile->n_architectures; i++)
                        wanted = wanted || profile->architectures[i] == table->audit_arch[abi];
                if (second ? profile->x32 : wanted)
                        abis |= 1u << abi;
        }
        return abis;
}

int seccomp_profile_compile(const SyscallTable *table, const SeccompProfile *profile, SeccompProgram *ret) {
        size_t n_max = FIRST_ANSWER + profile->n_rules + table->n_entries;
        _cleanup_free_ uint16_t *of_entries = calloc(table->n_entries, sizeof(uint16_t));
        _cleanup_free_ Answer *answers = calloc(n_max, sizeof(Answer));
        Compilation c = { table, profile, of_entries, answers, FIRST_ANSWER };
        SeccompVerdicts verdicts = {
                .of_entries = of_entries,
                .unknown = ANSWER_UNKNOWN,
                .allow = ANSWER_ALLOW,
                .abis = abis_of(table, profile),
                .emit = emit_answer,
                .userdata = &c,
        };
        int r;

        if (!of_entries || !answers)
                return -ENOMEM;
        answers[ANSWER_UNKNOWN].action = SECCOMP_RET_ERRNO | ENOSYS;
        answers[ANSWER_ALLOW].action = SECCOMP_RET_ALLOW;
        answers[ANSWER_DEFAULT].action = profile->default_action;
        r = n_max > UINT16_MAX ? -E2BIG : decide(&c);
        if (r < 0)
                return r;
        verdicts.n = c.n_answers;
        r = seccomp_emit_program(table, &verdicts, ret);
        if (r >= 0)
                ret->flags = profile->flags;
        return r;
}
