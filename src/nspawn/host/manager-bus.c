/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. The connection is opened first thing, so that
 * authentication and Hello go back and forth while the machine is being set up. Everything is a message
 * and a callback on the one event loop: synchronous sd-bus calls would wait for the bus while the set-up
 * has work to do. Messages queued before the connection is up follow it in order, but a message that names
 * us (a scope's Controller) or carries descriptors has to wait for manager_bus_when_ready().
 *
 * Whether there is a bus at all is decided by looking at files, since a host without systemd is an
 * ordinary case and must not cost anything. */

#include "host/manager-bus.h"

#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

struct ManagerBus {
        sd_event *event;
        sd_bus *bus;
        bool connected;
        bool closing;
        int error; /* of a connection that is lost */
        manager_bus_ready_t ready;
        void *ready_userdata;
        unsigned n_farewells; /* unanswered */
        bool no_such_unit;    /* the answer to one of them */
};

static void call_ready(ManagerBus *b) {
        manager_bus_ready_t ready = TAKE_PTR(b->ready);

        if (ready)
                ready(b->error, b->ready_userdata);
}

static int on_connected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        ManagerBus *b = userdata;

        b->connected = true;
        call_ready(b);
        return 0;
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        ManagerBus *b = userdata;

        b->error = -ECONNRESET;
        if (b->connected && !b->closing)
                log_warning("the bus closed our connection: requests to stop the machine through the service "
                            "manager no longer arrive");
        call_ready(b);
        return 0;
}

/* The address to connect to, with the path of its socket if it is one that can be looked at. */
static int find_address(bool user_scope, char *address, size_t size) {
        const char *e = getenv(user_scope ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
        const char *runtime = getenv("XDG_RUNTIME_DIR"), *path;
        int n;

        if (!isempty(e))
                n = snprintf(address, size, "%s", e);
        else if (!user_scope)
                n = snprintf(address, size, "unix:path=/run/dbus/system_bus_socket");
        else if (!isempty(runtime))
                n = snprintf(address, size, "unix:path=%s/bus", runtime);
        else
                return -ENOENT;
        if (n >= (int) size)
                return -ENAMETOOLONG;

        path = isempty(e) ? startswith(address, "unix:path=") : NULL;
        return path && access(path, F_OK) < 0 ? -errno : 0;
}

static int start(ManagerBus *b, const char *address) {
        int r;

        if ((r = sd_bus_new(&b->bus)) < 0 || (r = sd_bus_set_address(b->bus, address)) < 0 ||
            (r = sd_bus_set_bus_client(b->bus, true)) < 0 || (r = sd_bus_set_connected_signal(b->bus, true)) < 0 ||
            /* The calls that end a machine are sent after the loop. */
            (r = sd_bus_set_close_on_exit(b->bus, false)) < 0 ||
            (r = sd_bus_set_allow_interactive_authorization(b->bus, isatty(STDIN_FILENO))) < 0)
                return r;

        /* Both signals are made up by the library; the bus is not asked for anything. */
        r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
                                      "Connected", on_connected, NULL, b);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
                                      "Disconnected", on_disconnected, NULL, b);
        if (r < 0)
                return r;
        r = sd_bus_start(b->bus);
        return r < 0 ? r : sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
}

int manager_bus_open(sd_event *event, bool user_scope, ManagerBus **ret) {
        char address[512];
        ManagerBus *b;
        int r;

        if (sd_booted() <= 0)
                return -ENOENT;
        r = find_address(user_scope, address, sizeof(address));
        if (r < 0)
                return r;
        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->event = sd_event_ref(event);
        r = start(b, address);
        if (r < 0) {
                (void) manager_bus_close(b, 0);
                return r;
        }
        *ret = b;
        return 0;
}

static void await_farewells(ManagerBus *b, uint64_t timeout_usec) {
        uint64_t now = clock_usec(), end = now + timeout_usec;

        for (; b->n_farewells > 0 && now < end; now = clock_usec()) {
                int r = sd_bus_process(b->bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(b->bus, end - now);
                if (r < 0 && r != -EINTR)
                        return;
        }
}

bool manager_bus_close(ManagerBus *b, uint64_t timeout_usec) {
        bool no_such_unit;

        if (!b)
                return false;
        b->closing = true;
        b->ready = NULL;
        if (b->bus) {
                await_farewells(b, timeout_usec);
                (void) sd_bus_detach_event(b->bus);
                sd_bus_close(b->bus);
                sd_bus_unref(b->bus);
        }
        sd_event_unref(b->event);
        no_such_unit = b->no_such_unit;
        free(b);
        return no_such_unit;
}

void manager_bus_when_ready(ManagerBus *b, manager_bus_ready_t ready, void *userdata) {
        if (!ready && b->ready_userdata != userdata)
                return;
        b->ready = ready;
        b->ready_userdata = userdata;
        if (manager_bus_state(b) != 0)
                call_ready(b);
}

int manager_bus_state(const ManagerBus *b) {
        return b->error < 0 ? b->error : b->connected;
}

sd_bus *manager_bus_get(ManagerBus *b) {
        return b->bus;
}

sd_event *manager_bus_event(ManagerBus *b) {
        return b->event;
}

static int on_farewell(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        ManagerBus *b = userdata;

        b->n_farewells--;
        if (sd_bus_message_is_method_error(m, "org.freedesktop.systemd1.NoSuchUnit"))
                b->no_such_unit = true;
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("a call to end the machine failed: %s", bus_reply_error(m));
        return 0;
}

int manager_bus_farewell(ManagerBus *b, sd_bus_message *call) {
        int r = sd_bus_call_async(b->bus, NULL, call, on_farewell, b, 0);

        if (r < 0)
                return log_debug_errno(r, "could not send a call to end the machine: %m");
        b->n_farewells++;
        return 0;
}

const char *bus_reply_error(sd_bus_message *reply) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (!e)
                return "no error";
        return !isempty(e->message) ? e->message : e->name ? e->name : "unknown error";
}
