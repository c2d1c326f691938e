/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: called by the inner stage as its very last act before execve(2), because from then on its own
 * system calls are filtered too, and the policy is the user's to choose.
 *
 * SECCOMP_FILTER_FLAG_SPEC_ALLOW is not given, on purpose, unless a bundle asks for it. It would switch off the
 * mitigations against speculation attacks that the kernel adds for filtered processes. Kernels of our floor (5.16
 * and later) add none by default, which is what makes the filter cheap. One that does was booted with
 * spec_store_bypass_disable=seccomp or spectre_v2_user=seccomp, and that is a wish to be respected. */

#include "engine/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

int seccomp_load(const SeccompProgram *program, bool log) {
        const struct sock_fprog fprog = {
                .len = (unsigned short) program->n_instructions,
                .filter = (struct sock_filter *) program->instructions, /* the kernel only reads it */
        };

        if (program->n_instructions == 0)
                return 0;
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags | (log ? SECCOMP_FILTER_FLAG_LOG : 0),
                    &fprog) < 0)
                return log_error_errno(-errno, "cannot load the system call filter: %m");
        return 0;
}
