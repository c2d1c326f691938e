/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, once PID 1 of the guest exists and sits in its cgroup:
 * machined derives the machine's unit from there. Newer versions take the leader as a pidfd
 * (RegisterMachineEx), older ones as a number, which is as good here: the leader is our child, and a
 * child's number is not given to another process before we reap it. So the number is read from the pidfd,
 * and after the reply the pidfd must still stand for it; if not, the entry is taken back.
 *
 * Where machined and our libsystemd have varlink, that is taken (host/machined-varlink.h): it spares the bus some
 * ten messages a machine, which is what many machines at once wait for. What follows here is D-Bus, for hosts before
 * systemd 257.
 *
 * A name that is taken is looked at once: if the leader of that entry is no longer alive, what is left of
 * it is removed and we try again. */

#include "host/machined.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "fd.h"
#include "log.h"
#include "process.h"

#define MACHINED "org.freedesktop.machine1"
#define MACHINED_PATH "/org/freedesktop/machine1"
#define MACHINED_INTERFACE "org.freedesktop.machine1.Manager"

struct Registration {
        ManagerBus *bus;                    /* or NULL */
        const RegistrationRequest *request; /* until registered() */
        registered_t registered;
        void *userdata;
        char *machine;
        int leader; /* a pidfd of our own */
        pid_t pid;  /* the number sent for the leader, 0 if it went as a pidfd */
        bool up;
        bool second_try;
        sd_bus_slot *call;
};

static void finish(Registration *g, int error, const char *why) {
        g->request = NULL;
        g->up = error == 0;
        g->call = sd_bus_slot_unref(g->call);
        g->registered(error, why, g->userdata);
}

static void _printf_(3, 4) fail(Registration *g, int error, const char *format, ...) {
        char why[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(why, sizeof(why), format, ap);
        va_end(ap);
        finish(g, error < 0 ? error : -EIO, why);
}

static int new_call(ManagerBus *bus, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(manager_bus_get(bus), ret, MACHINED, MACHINED_PATH, MACHINED_INTERFACE,
                                              member);
}

static int call_machined(Registration *g, sd_bus_message_handler_t handler, const char *member, const char *argument) {
        g->call = sd_bus_slot_unref(g->call);
        return sd_bus_call_method_async(manager_bus_get(g->bus), &g->call, MACHINED, MACHINED_PATH, MACHINED_INTERFACE,
                                        member, handler, g, "s", argument);
}

/* "(sv)" with an array of simple values. */
static int append_array(sd_bus_message *m, const char *name, char type, const void *data, size_t size) {
        const char variant[] = { 'a', type, 0 };
        int r;

        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 || (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', variant)) < 0 ||
            (r = sd_bus_message_append_array(m, type, data, size)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_with_pidfd(const RegistrationRequest *q, sd_bus_message *m) {
        int r;

        if ((r = sd_bus_message_append(m, "s", q->machine)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0 ||
            (r = append_array(m, "Id", 'y', q->uuid.bytes, sd_id128_is_null(q->uuid) ? 0 : sizeof(q->uuid.bytes))) <
                    0 ||
            (r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Service", "s", q->service, "Class", "s", "container",
                                       "LeaderPIDFD", "h", q->leader_pidfd, "RootDirectory", "s", q->root_directory)) <
                    0 ||
            (r = append_array(m, "NetworkInterfaces", 'i', q->ifindices, q->n_ifindices * sizeof(int))) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_with_pid(const RegistrationRequest *q, sd_bus_message *m, pid_t pid) {
        int r;

        if ((r = sd_bus_message_append(m, "s", q->machine)) < 0 ||
            (r = sd_bus_message_append_array(m, 'y', q->uuid.bytes,
                                             sd_id128_is_null(q->uuid) ? 0 : sizeof(q->uuid.bytes))) < 0 ||
            (r = sd_bus_message_append(m, "ssus", q->service, "container", (uint32_t) pid, q->root_directory)) < 0)
                return r;
        return sd_bus_message_append_array(m, 'i', q->ifindices, q->n_ifindices * sizeof(int));
}

static int on_registered(sd_bus_message *m, void *userdata, sd_bus_error *e);

static int send_with_pidfd(Registration *g) {
        sd_bus_message *m = NULL;
        int r = new_call(g->bus, "RegisterMachineEx", &m);

        g->pid = 0;
        if (r >= 0)
                r = append_with_pidfd(g->request, m);
        if (r >= 0)
                r = sd_bus_call_async(manager_bus_get(g->bus), &g->call, m, on_registered, g, 0);
        sd_bus_message_unref(m);
        return r;
}

static int send_with_pid(Registration *g) {
        sd_bus_message *m = NULL;
        int r = process_pid(g->request->leader_pidfd);

        if (r < 0)
                return r;
        g->pid = r;
        g->call = sd_bus_slot_unref(g->call);
        r = new_call(g->bus, "RegisterMachineWithNetwork", &m);
        if (r >= 0)
                r = append_with_pid(g->request, m, g->pid);
        if (r >= 0)
                r = sd_bus_call_async(manager_bus_get(g->bus), &g->call, m, on_registered, g, 0);
        sd_bus_message_unref(m);
        return r;
}

/* — a name that is taken — */

static int on_stale_removed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        Registration *g = userdata;
        int r;

        g->call = sd_bus_slot_unref(g->call);
        r = send_with_pidfd(g); /* whatever was answered: if the name is still taken, that is the error */
        if (r < 0)
                fail(g, r, "%s", strerror(-r));
        return 0;
}

static int on_leader(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Registration *g = userdata;
        uint32_t leader = 0;
        int r;

        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "v", "u", &leader) >= 0 && leader > 0) {
                _cleanup_close_ int pidfd = process_open((pid_t) leader);

                if (pidfd == -EPERM || (pidfd >= 0 && process_alive(pidfd))) {
                        fail(g, -EEXIST,
                             "it is registered already (leader PID %u); stop it with \"machinectl terminate "
                             "%s\" or pick another name with -M",
                             leader, g->machine);
                        return 0;
                }
        }
        r = call_machined(g, on_stale_removed, "UnregisterMachine", g->machine);
        if (r < 0)
                fail(g, r, "%s", strerror(-r));
        return 0;
}

static int on_taken(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Registration *g = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "o", &path) < 0)
                return on_stale_removed(m, g, NULL); /* gone in the meantime */
        g->call = sd_bus_slot_unref(g->call);
        r = sd_bus_call_method_async(manager_bus_get(g->bus), &g->call, MACHINED, path,
                                     "org.freedesktop.DBus.Properties", "Get", on_leader, g, "ss",
                                     "org.freedesktop.machine1.Machine", "Leader");
        if (r < 0)
                fail(g, r, "%s", strerror(-r));
        return 0;
}

/* — the reply — */

/* No machined: not installed, masked, or not startable. */
static bool is_absent(const sd_bus_error *e) {
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.systemd1.NoSuchUnit",
                "org.freedesktop.systemd1.UnitMasked",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(e, names[i]))
                        return true;
        return false;
}

static void refused(Registration *g, sd_bus_message *m, const sd_bus_error *e) {
        int r = 0;

        if (sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_METHOD) && g->pid == 0)
                r = send_with_pid(g);
        else if (sd_bus_error_has_name(e, MACHINED ".MachineExists") && !g->second_try) {
                g->second_try = true;
                r = call_machined(g, on_taken, "GetMachine", g->machine);
        } else if (is_absent(e)) {
                fail(g, -ENOPKG, "there is no systemd-machined here (Debian has it in systemd-container)");
                return;
        } else
                r = -sd_bus_error_get_errno(e);
        if (r < 0)
                fail(g, r, "%s", sd_bus_error_get_errno(e) == -r ? bus_reply_error(m) : strerror(-r));
}

static int on_registered(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Registration *g = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        if (error)
                refused(g, m, error);
        else if (g->pid > 0 && process_pid(g->request->leader_pidfd) != g->pid) {
                g->up = true;
                machined_unregister(g);
                fail(g, -ESRCH, "the machine ended meanwhile");
        } else
                finish(g, 0, NULL);
        return 0;
}

/* — outside — */

void machined_wake(ManagerBus *bus) {
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(manager_bus_get(bus), &m, MACHINED, MACHINED_PATH,
                                               "org.freedesktop.DBus.Peer", "Ping");

        if (r >= 0 && (r = sd_bus_message_set_expect_reply(m, false)) >= 0)
                r = sd_bus_send(manager_bus_get(bus), m, NULL);
        if (r < 0)
                (void) log_debug_errno(r, "cannot send a message to systemd-machined: %m");
        sd_bus_message_unref(m);
}

/* Only with --keep-unit can the connection be this late: otherwise it has carried the scope's start. */
static void on_ready(int error, void *userdata) {
        Registration *g = userdata;

        if (error >= 0)
                error = send_with_pidfd(g);
        if (error < 0)
                fail(g, error, "no connection to the bus: %s", strerror(-error));
}

static int send_over_bus(Registration *g) {
        int r = g->bus ? manager_bus_state(g->bus) : -EOPNOTSUPP;

        if (r > 0)
                return send_with_pidfd(g);
        if (r == 0)
                manager_bus_when_ready(g->bus, on_ready, g);
        return r;
}

static void on_link_registered(int error, const char *why, void *userdata) {
        Registration *g = userdata;

        if (error == -EOPNOTSUPP && g->bus) {
                log_debug("%s; trying the bus", why);
                error = send_over_bus(g);
                if (error < 0)
                        fail(g, error, "%s", strerror(-error));
        } else
                finish(g, error, why);
}

static int send_registration(Registration *g, MachinedLink *link) {
        int r = link ? machined_link_register(link, g->request, on_link_registered, g) : -EOPNOTSUPP;

        return r == -EOPNOTSUPP ? send_over_bus(g) : r;
}

int machined_register(ManagerBus *bus, MachinedLink *link, const RegistrationRequest *request, registered_t registered,
                      void *userdata, Registration **ret) {
        Registration *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return log_oom();
        g->bus = bus;
        g->request = request;
        g->registered = registered;
        g->userdata = userdata;
        g->leader = fcntl(request->leader_pidfd, F_DUPFD_CLOEXEC, 3);
        g->machine = strdup(request->machine);
        r = g->leader < 0 ? -errno : g->machine ? send_registration(g, link) : -ENOMEM;
        if (r < 0) {
                (void) log_error_errno(r, "cannot register machine \"%s\": %m", request->machine);
                machined_registration_free(g);
                return r;
        }
        *ret = g;
        return 0;
}

void machined_unregister(Registration *g) {
        sd_bus_message *m = NULL;

        if (!g->up)
                return;
        g->up = false;
        /* When machined sees a leader end, it asks the manager to stop the unit, by name, and that must not hit the
         * machine that is started next. On the bus, its reply to us comes after what it has asked the manager. */
        if (!g->bus)
                return machined_link_unregister(g->machine);
        if (new_call(g->bus, "UnregisterMachine", &m) >= 0 && sd_bus_message_append(m, "s", g->machine) >= 0)
                (void) manager_bus_farewell(g->bus, m);
        sd_bus_message_unref(m);
}

bool machined_signal_is_stale(const Registration *g, const struct signalfd_siginfo *si) {
        _cleanup_free_ char *comm = NULL;
        char path[40];

        (void) snprintf(path, sizeof(path), "/proc/%u/comm", si->ssi_pid);
        if (si->ssi_signo != SIGTERM || si->ssi_code != SI_USER || si->ssi_uid != 0 ||
            read_file_at(AT_FDCWD, path, 64, &comm, NULL) < 0 || !streq(comm, "systemd-machine\n"))
                return false;
        return !g || !g->up || !process_alive(g->leader);
}

void machined_registration_free(Registration *g) {
        if (!g)
                return;
        if (g->bus)
                manager_bus_when_ready(g->bus, NULL, g);
        sd_bus_slot_unref(g->call);
        (void) safe_close(g->leader);
        free(g->machine);
        free(g);
}
