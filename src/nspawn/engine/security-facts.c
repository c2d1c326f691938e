/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs once, early, in the supervisor. A handful of system calls and one small file. */

#include "engine/security-facts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "parse.h"

#define NR_OPEN_DEFAULT (1024 * 1024)

/* The bounding set counts too: a capability that was dropped from it cannot be given to a guest. */
static uint64_t read_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
        uint64_t bounding = 0;

        for (unsigned long i = 0; i < 64; i++) {
                int r = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
                if (r < 0)
                        break;
                if (r > 0)
                        bounding |= UINT64_C(1) << i;
        }

        if (syscall(SYS_capget, &header, data) < 0)
                return 0;
        return bounding & (data[0].permitted | ((uint64_t) data[1].permitted << 32));
}

static rlim_t read_nr_open(void) {
        _cleanup_free_ char *text = NULL;
        unsigned long long value;

        if (read_file_at(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &text, NULL) < 0 || sscanf(text, "%llu", &value) != 1)
                return NR_OPEN_DEFAULT;
        return (rlim_t) value;
}

static struct rlimit read_limit_of_pid1(__rlimit_resource_t resource) {
        struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

        if (prlimit(1, resource, NULL, &limit) < 0)
                (void) getrlimit(resource, &limit);
        return limit;
}

void security_facts_read(SecurityFacts *ret) {
        *ret = (SecurityFacts){
                .capabilities = read_capabilities(),
                .nr_open = read_nr_open(),
                .nproc = read_limit_of_pid1(RLIMIT_NPROC),
                .sigpending = read_limit_of_pid1(RLIMIT_SIGPENDING),
                .seccomp_disabled = parse_bool(getenv("SYSTEMD_SECCOMP") ?: "") == 0,
        };
}
