/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/progress.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"
#include "test.h"

TEST_MAIN

/* The service manager's side: a socket in the abstract namespace. */
static int become_notified(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n;
        char name[64];

        n = snprintf(name, sizeof(name), "@test-progress-%i", getpid());
        (void) memcpy(&address.sun_path[1], &name[1], (size_t) n - 1);
        ASSERT_OK(fd);
        ASSERT_OK(bind(fd, (struct sockaddr *) &address,
                       (socklen_t) (offsetof(struct sockaddr_un, sun_path) + (size_t) n)));
        ASSERT_OK(setenv("NOTIFY_SOCKET", name, true));
        return fd;
}

static void expect(int fd, const char *text) {
        char data[256] = "";

        (void) recv(fd, data, sizeof(data) - 1, 0);
        ASSERT_STREQ(data, text);
}

TEST(the_manager_hears_of_it) {
        _cleanup_close_ int fd = become_notified();
        Progress progress = { .quiet = true };

        progress_show(&progress, "copying: %i", 1);
        expect(fd, ""); /* what is over soon is no news */
        progress.next_tell_usec = 1;
        progress_show(&progress, "copying: %i", 2);
        expect(fd, "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=copying: 2");
        progress_show(&progress, "copying: %i", 3);
        expect(fd, "");
        progress_end(&progress);
}

static char passed[64];

static void pass_on(const char *line, void *userdata) {
        ASSERT_TRUE(userdata == passed);
        (void) snprintf(passed, sizeof(passed), "%s", line);
}

TEST(a_stage_passes_it_on) {
        _cleanup_close_ int fd = become_notified();
        Progress progress = { .quiet = true, .pass_on = pass_on, .userdata = passed, .next_tell_usec = 1 };

        progress_show(&progress, "%s", "half");
        expect(fd, "");
        ASSERT_STREQ(passed, "half");
}
