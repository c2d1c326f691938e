/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs once, in the supervisor, before planning. Every probe is a look, never a change. */

#include "host/facts.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "engine/security-facts.h"
#include "fd.h"
#include "host/host-users.h"
#include "log.h"
#include "os-release.h"
#include "plan/uid-range.h"
#include "strv.h"

#define UID_MAP_MAX 32768u /* 340 lines */
#define FILE_SYSTEMS_MAX 16384u
#define CONTEXT_MAX 4096u

static bool can_open(const char *device) {
        _cleanup_close_ int fd = open(device, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        return fd >= 0;
}

/* ID=debian becomes container_host_id=debian. */
static int add_release_field(const char *key, const char *value, void *userdata) {
        static const char *const wanted[] = {
                "ID", "BUILD_ID", "IMAGE_ID", "IMAGE_VERSION", "VARIANT_ID", "VERSION_ID",
        };
        char ***list = userdata;
        char lower[32];

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                if (!streq(key, wanted[i]))
                        continue;
                for (size_t k = 0; k <= strlen(key); k++)
                        lower[k] = (char) tolower(key[k]);
                return strv_append_printf(list, "container_host_%s=%s", lower, value);
        }
        return 0;
}

static int read_host_release(HostFacts *facts) {
        static const char *const places[] = { "/etc/os-release", "/usr/lib/os-release" };
        _cleanup_free_ char *text = NULL;
        int r = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(places) && r == -ENOENT; i++) {
                facts->os_release = places[i];
                r = read_file_at(AT_FDCWD, places[i], OS_RELEASE_MAX, &text, NULL);
        }
        if (r == -ENOENT) {
                facts->os_release = NULL;
                return 0;
        }
        return r < 0 ? r : os_release_parse(text, add_release_field, &facts->container_host);
}

/* A machine that has users of its own has none to give away: not every number is somebody's in there. */
static bool have_user_namespaces(void) {
        _cleanup_free_ char *map = NULL;
        unsigned first, count;

        if (access("/proc/self/ns/user", F_OK) < 0 ||
            read_file_at(AT_FDCWD, "/proc/self/uid_map", UID_MAP_MAX, &map, NULL) < 0)
                return false;
        for (const char *line = map; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (sscanf(line, "%u %*u %u", &first, &count) == 2 && first <= UID_RANGE_MIN &&
                    count >= UID_RANGE_SIZE && UID_RANGE_MIN - first <= count - UID_RANGE_SIZE)
                        return true;
        return false;
}

/* The kernel has this file system if SELinux was not switched off at its start. Until a policy is loaded, all
 * processes are of this context, and another one that is asked for is passed over in silence. */
static bool have_selinux(void) {
        _cleanup_free_ char *types = NULL, *current = NULL;

        return read_file_at(AT_FDCWD, "/proc/filesystems", FILE_SYSTEMS_MAX, &types, NULL) >= 0 &&
                strstr(types, "\tselinuxfs\n") &&
                read_file_at(AT_FDCWD, "/proc/self/attr/current", CONTEXT_MAX, &current, NULL) >= 0 &&
                !streq(current, "kernel");
}

int host_facts_probe(const MachineConfig *config, HostFacts *ret) {
        _cleanup_host_facts_ HostFacts facts = {};
        int r;

        facts.systemd_running = sd_booted() > 0;
        facts.have_fuse = can_open("/dev/fuse");
        facts.have_tun = can_open("/dev/net/tun");
        facts.have_user_namespaces = config->users.range.if_supported && have_user_namespaces();
        facts.have_selinux =
                (config->security.selinux_context || config->security.selinux_apifs_context) && have_selinux();
        security_facts_read(&facts.security);
        facts.security.seccomp_disabled = !config->env.seccomp;
        if (config->network.private_network) {
                if (sd_id128_get_machine(&facts.network.machine_id) < 0)
                        facts.network.machine_id = SD_ID128_NULL;
                facts.network.naming_scheme = network_naming_scheme(getenv("NET_NAMING_SCHEME"));
        }
        r = read_host_release(&facts);
        if (r < 0)
                return log_error_errno(r, "cannot read the host's os-release: %m");
        r = host_users_of_mounts(&config->mounts, &facts.mapped);
        if (r >= 0)
                r = host_users_of_names(config->bind_users.names, &facts.bound, &facts.n_bound);
        if (r < 0)
                return r;

        *ret = facts;
        facts = (HostFacts){};
        return 0;
}

void host_facts_done(HostFacts *facts) {
        strv_free(TAKE_PTR(facts->container_host));
        free(TAKE_PTR(facts->mapped));
        host_users_free(TAKE_PTR(facts->bound), facts->n_bound);
        facts->n_bound = 0;
}
