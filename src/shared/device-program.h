/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which device nodes the processes of a cgroup may open and create: an allow-list, compiled to a BPF
 * program. */

#include <stdint.h>

#include "macros.h"

#define DEVICE_ANY UINT32_MAX

typedef enum DeviceType {
        DEVICE_BLOCK = 1, /* the numbers are the kernel's, BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_* */
        DEVICE_CHAR = 2,
} DeviceType;

enum {
        DEVICE_MKNOD = 1,
        DEVICE_READ = 2,
        DEVICE_WRITE = 4,
        DEVICE_RW = DEVICE_READ | DEVICE_WRITE,
        DEVICE_RWM = DEVICE_RW | DEVICE_MKNOD,
};

/* Every access asked for at once must be allowed by one and the same rule. */
typedef struct DeviceRule {
        DeviceType type;
        uint32_t major, minor; /* DEVICE_ANY: all of them */
        uint32_t access;       /* DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE */
} DeviceRule;

/* Compiles and loads the rules. Gives a program fd, which can be attached to any number of cgroups.
 * -EOPNOTSUPP: the kernel has no device programs; -EPERM: we may not load one; -E2BIG: too many rules. */
int device_program_load(const DeviceRule *rules, size_t n_rules) _must_check_;

/* Attaches it: what others attached here or above must allow an access too. It lives as long as the cgroup.
 * -EPERM also means that a program above forbids others below it. */
int device_program_attach(int program_fd, int cgroup_fd) _must_check_;
