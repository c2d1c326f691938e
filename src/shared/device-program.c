/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor, in the host's namespaces. The kernel calls the program whenever
 * a process of the cgroup, or of one below, opens or makes a device node; a result of 0 is -EPERM for the
 * process. Every rule becomes one straight run of instructions that jumps to the next rule at the first thing
 * that does not match; what no rule allows falls out at the end. Programs of several cgroups on the way to
 * the root are all asked, so ours can only narrow what the service manager's own program allows. Made by hand
 * with bpf(2): no compiler, no library, nothing pinned. */

#include "device-program.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

#define RULE_INSTRUCTIONS_MAX 8
#define FIXED_INSTRUCTIONS 8
#define RULES_MAX 480 /* keeps us below BPF_MAXINSNS, 4096 */

enum {
        R_SCRATCH = BPF_REG_0,
        R_TYPE = BPF_REG_2,
        R_ACCESS = BPF_REG_3,
        R_MAJOR = BPF_REG_4,
        R_MINOR = BPF_REG_5,
};

#define CONTEXT(field) ((short) offsetof(struct bpf_cgroup_dev_ctx, field))

#define LOAD(dst, field)                                                                                     \
        ((struct bpf_insn){ .code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = (dst), .src_reg = BPF_REG_1,       \
                            .off = CONTEXT(field) })
#define ALU_IMM(op, dst, value)                                                                              \
        ((struct bpf_insn){ .code = BPF_ALU | (op) | BPF_K, .dst_reg = (dst), .imm = (int32_t) (value) })
#define COPY(dst, src)                                                                                       \
        ((struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src) })
#define JUMP_IF_NOT(reg, value)                                                                              \
        ((struct bpf_insn){ .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = (reg), .imm = (int32_t) (value) })
#define EXIT() ((struct bpf_insn){ .code = BPF_JMP | BPF_EXIT })

static int bpf(int command, union bpf_attr *attr) {
        long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

        return r < 0 ? -errno : (int) r;
}

/* The jumps of a rule go to where the next one begins, which is known when the rule is complete. */
static size_t compile_rule(const DeviceRule *rule, struct bpf_insn *code) {
        size_t n = 0;

        code[n++] = JUMP_IF_NOT(R_TYPE, rule->type);
        if (rule->major != DEVICE_ANY)
                code[n++] = JUMP_IF_NOT(R_MAJOR, rule->major);
        if (rule->minor != DEVICE_ANY)
                code[n++] = JUMP_IF_NOT(R_MINOR, rule->minor);
        if ((rule->access & DEVICE_RWM) != DEVICE_RWM) {
                code[n++] = COPY(R_SCRATCH, R_ACCESS);
                code[n++] = ALU_IMM(BPF_AND, R_SCRATCH, ~rule->access & DEVICE_RWM);
                code[n++] = JUMP_IF_NOT(R_SCRATCH, 0);
        }
        code[n++] = ALU_IMM(BPF_MOV, BPF_REG_0, 1);
        code[n++] = EXIT();

        for (size_t i = 0; i < n; i++)
                if (code[i].code == (BPF_JMP32 | BPF_JNE | BPF_K))
                        code[i].off = (short) (n - i - 1);
        return n;
}

static size_t compile(const DeviceRule *rules, size_t n_rules, struct bpf_insn *code) {
        size_t n = 0;

        code[n++] = LOAD(R_TYPE, access_type); /* the type in the low half, the access in the high one */
        code[n++] = COPY(R_ACCESS, R_TYPE);
        code[n++] = ALU_IMM(BPF_AND, R_TYPE, 0xffff);
        code[n++] = ALU_IMM(BPF_RSH, R_ACCESS, 16);
        code[n++] = LOAD(R_MAJOR, major);
        code[n++] = LOAD(R_MINOR, minor);
        for (size_t i = 0; i < n_rules; i++)
                n += compile_rule(&rules[i], code + n);
        code[n++] = ALU_IMM(BPF_MOV, BPF_REG_0, 0);
        code[n++] = EXIT();
        return n;
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
