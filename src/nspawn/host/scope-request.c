/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the manager is asked for, as the properties of a StartTransientUnit() call. First comes
 * what makes a machine's scope, then what the user wants of it, which wins where both say something. */

#include "host/scope-request.h"

#include <stdio.h>

#include "host/unit-property.h"
#include "process.h"
#include "strv.h"

/* Given to our own supervisor before the manager kills. */
#define STOP_MARGIN_USEC (15 * 1000000ULL)

int scope_unit_name(const char *machine, char *out) {
        static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.";
        size_t n = 0;

        for (const char *c = machine; *c; c++) {
                if (n + 4 + sizeof(".scope") > SCOPE_NAME_MAX)
                        return -ENAMETOOLONG;
                if (strchr(plain, *c))
                        out[n++] = *c;
                else
                        n += (size_t) sprintf(out + n, "\\x%02x", (unsigned char) *c);
        }
        if (n == 0)
                return -EINVAL;
        memcpy(out + n, ".scope", sizeof(".scope"));
        return 0;
}

static int append_processes(const ScopeRequest *q, unsigned with, sd_bus_message *m) {
        bool pidfds = with & SCOPE_WITH_PIDFDS;
        int r;

        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", pidfds ? "PIDFDs" : "PIDs")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', pidfds ? "ah" : "au")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', pidfds ? "h" : "u")) < 0)
                return r;
        for (size_t i = 0; i < q->n_pidfds; i++) {
                int fd = q->pidfds[i];
                /* The number is safe: the processes are our children and we have not reaped them. */
                pid_t pid = pidfds ? 0 : process_pid(fd);

                if (pid < 0)
                        return pid;
                r = pidfds ? sd_bus_message_append(m, "h", fd) : sd_bus_message_append(m, "u", (uint32_t) pid);
                if (r < 0)
                        return r;
        }
        for (int i = 0; i < 3; i++)
                if ((r = sd_bus_message_close_container(m)) < 0)
                        return r;
        return 0;
}

static int append_fixed(const ScopeRequest *q, unsigned with, sd_bus_message *m) {
        char text[256];
        int r;

        (void) snprintf(text, sizeof(text), "Container %s", q->machine);
        /* mixed: the manager asks the supervisor by RequestStop and sends no signal of its own until the
         * time is over. AddRef would only keep the unit's name taken after the last process has gone. */
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", text, "Delegate", "b", true,
                                  "CollectMode", "s", "inactive-or-failed", "Slice", "s", q->slice ?: "machine.slice",
                                  "KillMode", "s", "mixed");
        if (r >= 0 && q->kill_signal > 0)
                r = sd_bus_message_append(m, "(sv)", "KillSignal", "i", (int32_t) q->kill_signal);
        if (r >= 0 && q->stop_timeout_usec > 0)
                r = sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t",
                                          q->stop_timeout_usec >= UINT64_MAX - STOP_MARGIN_USEC
                                                  ? UINT64_MAX
                                                  : q->stop_timeout_usec + STOP_MARGIN_USEC);
        if (r >= 0 && q->coredump_receive && (with & SCOPE_WITH_COREDUMP_RECEIVE))
                r = sd_bus_message_append(m, "(sv)", "CoredumpReceive", "b", true);
        return r;
}

static int append_devices(const ScopeRequest *q, sd_bus_message *m) {
        static const char *const usual[] = {
                "DevicePolicy=closed",
                "DeviceAllow=/dev/net/tun rwm",
                "DeviceAllow=char-pts rw",
                "DeviceAllow=/dev/fuse rwm",
        };
        int r;

        /* The machine's own cgroup is restricted anyway, so the manager need not load another program. */
        if (!unit_property_given(q->properties, "DevicePolicy") && !unit_property_given(q->properties, "DeviceAllow"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if ((r = unit_property_append(m, usual[i])) < 0)
                        return r;
        STRV_FOREACH(d, q->devices) {
                _cleanup_free_ char *assignment = NULL;

                if (asprintf(&assignment, "DeviceAllow=%s", *d) < 0)
                        return -ENOMEM;
                if ((r = unit_property_append(m, assignment)) < 0)
                        return r;
        }
        return 0;
}

int scope_request_append(const ScopeRequest *request, unsigned with, sd_bus_message *m) {
        int r;

        if ((r = append_processes(request, with, m)) < 0 || (r = append_fixed(request, with, m)) < 0 ||
            (r = append_devices(request, m)) < 0)
                return r;
        STRV_FOREACH(p, request->properties)
        if ((r = unit_property_append(m, *p)) < 0)
                return r;
        return 0;
}
