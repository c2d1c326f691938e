/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, in the host's namespaces. The kernel calls the program whenever a
 * process of the cgroup, or of one below, opens or makes a device node; a result of 0 is -EPERM for the process. A
 * rule is a comparison that jumps to the end if it allows the access; what no rule allows falls out before that. It is
 * kept short because the kernel's verifier takes its time for each instruction at every start. Programs of several
 * cgroups on the way to the root are all asked, so ours can only narrow what the service manager's own program allows.
 * Made by hand with bpf(2): no compiler, no library, nothing pinned. */

#include "device-program.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

#define RULE_INSTRUCTIONS_MAX 4
#define FIXED_INSTRUCTIONS 16
#define RULES_MAX 480 /* keeps us below BPF_MAXINSNS, 4096 */

enum {
        R_SCRATCH = BPF_REG_0,
        R_TYPE = BPF_REG_2,
        R_ACCESS = BPF_REG_3,
        R_MAJOR = BPF_REG_4,
        R_MINOR = BPF_REG_5,
        R_NUMBER = BPF_REG_6, /* both */
};

#define CONTEXT(field) ((short) offsetof(struct bpf_cgroup_dev_ctx, field))

#define LOAD(dst, field)                                                                                              \
        ((struct bpf_insn){                                                                                           \
                .code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = (dst), .src_reg = BPF_REG_1, .off = CONTEXT(field) })
#define ALU_IMM(op, dst, value)                                                                                       \
        ((struct bpf_insn){ .code = BPF_ALU | (op) | BPF_K, .dst_reg = (dst), .imm = (int32_t) (value) })
#define COPY(dst, src) ((struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src) })
#define ALU(op, dst, src) ((struct bpf_insn){ .code = BPF_ALU | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src) })
#define JUMP_IF_NOT(reg, value, over)                                                                                 \
        ((struct bpf_insn){                                                                                           \
                .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = (reg), .imm = (int32_t) (value), .off = (over) })
#define JUMP_TO_ALLOW(reg, value)                                                                                     \
        ((struct bpf_insn){ .code = BPF_JMP32 | BPF_JEQ | BPF_K, .dst_reg = (reg), .imm = (int32_t) (value) })
#define EXIT() ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })

static int bpf(int command, union bpf_attr *attr) {
        long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

        return r < 0 ? -errno : (int) r;
}

typedef struct Code {
        struct bpf_insn *at;
        size_t n;
} Code;

static void emit(Code *code, struct bpf_insn instruction) {
        code->at[code->n++] = instruction;
}

/* One comparison for a full number, since the kernel's own device numbers have 12 and 20 bits too. The jump's target is
 * filled in at the end: it is the same for all. */
static void emit_match(Code *code, const DeviceRule *rule) {
        if (rule->major == DEVICE_ANY && rule->minor == DEVICE_ANY)
                emit(code, JUMP_TO_ALLOW(R_TYPE, rule->type)); /* is known to be */
        else if (rule->minor == DEVICE_ANY)
                emit(code, JUMP_TO_ALLOW(R_MAJOR, rule->major));
        else if (rule->major == DEVICE_ANY)
                emit(code, JUMP_TO_ALLOW(R_MINOR, rule->minor));
        else
                emit(code, JUMP_TO_ALLOW(R_NUMBER, rule->major << 20 | rule->minor));
}

static void emit_rule(Code *code, const DeviceRule *rule) {
        if ((rule->access & DEVICE_RWM) != DEVICE_RWM) {
                emit(code, COPY(R_SCRATCH, R_ACCESS));
                emit(code, ALU_IMM(BPF_AND, R_SCRATCH, ~rule->access & DEVICE_RWM));
                emit(code, JUMP_IF_NOT(R_SCRATCH, 0, 1)); /* over the match */
        }
        emit_match(code, rule);
}

/* The rules of one type, jumped over as a whole for devices of the other. */
static void emit_type(Code *code, DeviceType type, const DeviceRule *rules, size_t n_rules) {
        size_t start = code->n;

        emit(code, JUMP_IF_NOT(R_TYPE, type, 0));
        for (size_t i = 0; i < n_rules; i++)
                if (rules[i].type == type)
                        emit_rule(code, &rules[i]);
        code->at[start].off = (short) (code->n - start - 1);
}

static size_t compile(const DeviceRule *rules, size_t n_rules, struct bpf_insn *instructions) {
        Code code = { .at = instructions };

        emit(&code, LOAD(R_TYPE, access_type)); /* the type in the low half, the access in the high one */
        emit(&code, COPY(R_ACCESS, R_TYPE));
        emit(&code, ALU_IMM(BPF_AND, R_TYPE, 0xffff));
        emit(&code, ALU_IMM(BPF_RSH, R_ACCESS, 16));
        emit(&code, LOAD(R_MAJOR, major));
        emit(&code, LOAD(R_MINOR, minor));
        emit(&code, COPY(R_NUMBER, R_MAJOR));
        emit(&code, ALU_IMM(BPF_LSH, R_NUMBER, 20));
        emit(&code, ALU(BPF_OR, R_NUMBER, R_MINOR));
        emit_type(&code, DEVICE_CHAR, rules, n_rules);
        emit_type(&code, DEVICE_BLOCK, rules, n_rules);
        emit(&code, ALU_IMM(BPF_MOV, BPF_REG_0, 0));
        emit(&code, EXIT());

        if (n_rules == 0)
                return code.n; /* the verifier refuses what no jump leads to */
        for (size_t i = 0; i < code.n; i++)
                if (code.at[i].code == (BPF_JMP32 | BPF_JEQ | BPF_K))
                        code.at[i].off = (short) (code.n - i - 1);
        emit(&code, ALU_IMM(BPF_MOV, BPF_REG_0, 1));
        emit(&code, EXIT());
        return code.n;
}

int device_program_load(const DeviceRule *rules, size_t n_rules) {
        _cleanup_free_ struct bpf_insn *code = NULL;
        union bpf_attr attr = {
                .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                .expected_attach_type = BPF_CGROUP_DEVICE,
                .license = (uint64_t) (uintptr_t) "LGPL-2.1-or-later",
                .prog_name = "nspawn_devices",
        };
        int r;

        if (n_rules > RULES_MAX)
                return -E2BIG;
        code = calloc(FIXED_INSTRUCTIONS + n_rules * RULE_INSTRUCTIONS_MAX, sizeof(*code));
        if (!code)
                return -ENOMEM;
        attr.insn_cnt = (uint32_t) compile(rules, n_rules, code);
        attr.insns = (uint64_t) (uintptr_t) code;

        r = bpf(BPF_PROG_LOAD, &attr); /* program fds are always O_CLOEXEC */
        return r == -ENOSYS || r == -EINVAL ? -EOPNOTSUPP : r;
}

int device_program_attach(int program_fd, int cgroup_fd) {
        union bpf_attr attr = {
                .target_fd = (uint32_t) cgroup_fd,
                .attach_bpf_fd = (uint32_t) program_fd,
                .attach_type = BPF_CGROUP_DEVICE,
                .attach_flags = BPF_F_ALLOW_MULTI,
        };
        int r = bpf(BPF_PROG_ATTACH, &attr);

        return r == -ENOSYS ? -EOPNOTSUPP : r;
}
