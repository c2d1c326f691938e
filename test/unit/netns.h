/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Network namespaces for tests, which leave those of the machine alone. Needs root. */

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "netlink.h"
#include "test.h"

static inline int own_netns(void) {
        int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        ASSERT_TRUE(fd >= 0);
        return fd;
}

/* Moves the test into namespaces of its own: an empty network, and a /run of its own for lock files. */
static inline void enter_test_host(void) {
        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
                TEST_FAIL("this test needs root, for network namespaces of its own: %m");
        ASSERT_TRUE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0);
        ASSERT_TRUE(mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") >= 0);
}

/* A socket for the links of those. */
static inline Netlink *host(void) {
        static Netlink *nl;

        if (!nl) {
                enter_test_host();
                ASSERT_OK(netlink_open(&nl));
        }
        return nl;
}

/* A new network namespace, which lives as long as the fd. */
static inline int new_netns(void) {
        int own = own_netns(), fd;

        ASSERT_TRUE(unshare(CLONE_NEWNET) >= 0);
        fd = own_netns();
        ASSERT_TRUE(setns(own, CLONE_NEWNET) >= 0);
        close(own);
        return fd;
}
