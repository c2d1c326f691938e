/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, while the machine is being set up. The conversation with the
 * manager:
 *
 *   AddMatch(JobRemoved): sent at once, nobody waits for the reply
 *   StartTransientUnit: sent as soon as the connection has its name, which is the scope's Controller
 *   ← job path
 *   ← JobRemoved(job, "done"): the processes have been moved, started() is called
 *
 * The manager sends RequestStop to the Controller alone, so no match is needed, but every user of the bus
 * can send a signal to us: it counts only if it comes from the owner of the manager's name.
 *
 * The side road: the unit exists. Either a supervisor has just ended and its scope is going, or one was
 * killed and left it, or a machine of that name is running. A Controller that is empty or gone from the bus
 * tells the first two, which are stopped and tried again, from the third, which is an error. The name alone
 * proves nothing, a machine may be called "session-1": the unit has to be in the machine's slice, too.
 *
 * Older managers lack some of the properties (SCOPE_WITH_*). They say so by name and change nothing, so we try
 * again without. */

#include "host/scope.h"

#include <stdarg.h>
#include <stdio.h>

#include "host/unit-property.h"
#include "log.h"

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define SCOPE_INTERFACE "org.freedesktop.systemd1.Scope"

#define START_TIMEOUT_USEC (60 * 1000000ULL)
#define RETRY_USEC (20 * 1000ULL)
#define RETRIES_MAX 250U

struct Scope {
        ManagerBus *bus;
        const ScopeRequest *request; /* until started() */
        ScopeEvents events;
        char unit[SCOPE_NAME_MAX];
        char *path;    /* of the unit's object */
        char *manager; /* unique bus name of the manager */
        char *job;     /* path of the job we wait for, or NULL */
        bool clearing; /* that job removes a stale scope */
        bool up;
        unsigned with;
        unsigned retries;
        sd_bus_message *start_call; /* built, waiting for the connection */
        sd_bus_slot *call, *match_call, *filter, *owner_call;
        sd_event_source *deadline, *retry;
};

static int send_start(Scope *s);

/* The bus filters by unit name. The library cannot: it looks for strings in front of which only strings
 * stand. So the match is made by hand, and on_message() takes what it lets through. */
static int call_match(Scope *s, const char *member, sd_bus_message_handler_t handler) {
        char match[512];

        (void) snprintf(match, sizeof(match),
                        "type='signal',sender='" MANAGER "',path='" MANAGER_PATH "',"
                        "interface='" MANAGER_INTERFACE "',member='JobRemoved',arg2='%s'",
                        s->unit);
        return sd_bus_call_method_async(manager_bus_get(s->bus), handler ? &s->match_call : NULL,
                                        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        member, handler, s, "s", match);
}

static void finish(Scope *s, int error, const char *why) {
        s->request = NULL;
        s->up = error == 0;
        s->deadline = sd_event_source_unref(s->deadline);
        s->retry = sd_event_source_unref(s->retry);
        s->call = sd_bus_slot_unref(s->call);
        (void) call_match(s, "RemoveMatch", NULL);
        s->events.started(error, why, s->events.userdata);
}

/* Ends the start with an error. The words are the manager's or ours; the logger escapes them. */
static void _printf_(3, 4) fail(Scope *s, int error, const char *format, ...) {
        char what[512], why[800];
        va_list ap;

        if (!s->request)
                return;
        va_start(ap, format);
        (void) vsnprintf(what, sizeof(what), format, ap);
        va_end(ap);
        (void) snprintf(why, sizeof(why), "cannot start %s: %s", s->unit, what);
        finish(s, error < 0 ? error : -EIO, why);
}

static int call_manager(Scope *s, sd_bus_message_handler_t handler, const char *member, const char *types, ...) {
        va_list ap;
        int r;

        s->call = sd_bus_slot_unref(s->call);
        va_start(ap, types);
        r = sd_bus_call_method_asyncv(manager_bus_get(s->bus), &s->call, MANAGER, MANAGER_PATH, MANAGER_INTERFACE,
                                      member, handler, s, types, ap);
        va_end(ap);
        if (r < 0)
                fail(s, r, "cannot call the manager's %s(): %s", member, strerror(-r));
        return r;
}

/* Everything up to the Controller, which is known later: send_start() adds it and closes the array. */
static int build_start(Scope *s) {
        sd_bus_message *m = NULL;
        int r;

        s->start_call = sd_bus_message_unref(s->start_call);
        r = sd_bus_message_new_method_call(manager_bus_get(s->bus), &m, MANAGER, MANAGER_PATH, MANAGER_INTERFACE,
                                           "StartTransientUnit");
        if (r < 0)
                return r;
        s->start_call = m;
        if ((r = sd_bus_message_append(m, "ss", s->unit, "fail")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0)
                return r;
        return scope_request_append(s->request, s->with, m);
}

/* — a unit that exists already — */

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Scope *s = userdata;

        s->retry = sd_event_source_unref(s->retry);
        (void) send_start(s);
        return 0;
}

static void retry_soon(Scope *s) {
        int r;

        if (s->retries++ >= RETRIES_MAX) {
                fail(s, -EBUSY, "the scope of an earlier machine of this name does not go away");
                return;
        }
        s->retry = sd_event_source_unref(s->retry);
        r = sd_event_add_time_relative(manager_bus_event(s->bus), &s->retry, CLOCK_MONOTONIC,
                                       s->retries > 1 ? RETRY_USEC : 0, 1000, on_retry, s);
        if (r < 0)
                fail(s, r, "%s", strerror(-r));
}

/* A reply holds the job that is now waited for, and comes from the only one who may end it. */
static int take_job(Scope *s, sd_bus_message *reply) {
        const char *job, *sender = sd_bus_message_get_sender(reply);

        if (sd_bus_message_read(reply, "o", &job) < 0 || !sender)
                return -EBADMSG;
        free(s->job);
        s->job = strdup(job);
        free(s->manager);
        s->manager = strdup(sender);
        return s->job && s->manager ? 0 : -ENOMEM;
}

static int on_stop_reply(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;

        if (sd_bus_message_is_method_error(m, NULL) || take_job(s, m) < 0) {
                log_debug("could not stop the stale %s: %s", s->unit, bus_reply_error(m));
                retry_soon(s);
        }
        return 0;
}

static int ask(Scope *s, const char *interface, const char *property, sd_bus_message_handler_t handler) {
        int r;

        s->call = sd_bus_slot_unref(s->call);
        r = sd_bus_call_method_async(manager_bus_get(s->bus), &s->call, MANAGER, s->path,
                                     "org.freedesktop.DBus.Properties", "Get", handler, s, "ss", interface, property);
        if (r < 0)
                fail(s, r, "%s", strerror(-r));
        return 0;
}

static int on_slice(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        const char *found = "", *own = unit_property_last(s->request->properties, "Slice");

        if (sd_bus_message_is_method_error(m, NULL) ||
            (sd_bus_message_read(m, "v", "s", &found) >= 0 && isempty(found)))
                retry_soon(s); /* a unit that has gone has no slice */
        else if (!streq(found, own ?: s->request->slice ?: "machine.slice"))
                fail(s, -EEXIST, "a unit of this name exists and is not a machine's; pick another name with -M");
        else {
                s->clearing = true;
                (void) call_manager(s, on_stop_reply, "StopUnit", "ss", s->unit, "replace");
        }
        return 0;
}

static int on_controller_owner(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        int alive = false;

        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "b", &alive) >= 0 && !alive)
                return ask(s, SCOPE_INTERFACE, "Slice", on_slice);
        fail(s, -EEXIST,
             "a machine of this name is running; stop it with \"machinectl terminate %s\" or pick another name with "
             "-M",
             s->request->machine);
        return 0;
}

/* A supervisor that has just left the bus may still be in the manager's books. */
static int ask_controller_owner(Scope *s, const char *controller) {
        int r;

        s->call = sd_bus_slot_unref(s->call);
        r = sd_bus_call_method_async(manager_bus_get(s->bus), &s->call, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                     on_controller_owner, s, "s", controller);
        if (r < 0)
                fail(s, r, "%s", strerror(-r));
        return 0;
}

static int on_controller(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        const char *controller = "";

        if (sd_bus_message_is_method_error(m, NULL))
                retry_soon(s); /* it has gone in the meantime */
        else if (sd_bus_message_read(m, "v", "s", &controller) >= 0 && isempty(controller))
                return ask(s, SCOPE_INTERFACE, "Slice", on_slice);
        else
                return ask_controller_owner(s, controller);
        return 0;
}

static int on_examined(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        const char *active, *sub;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_enter_container(m, 'a', NULL) < 0 ||
            sd_bus_message_enter_container(m, 'r', NULL) <= 0 ||
            sd_bus_message_read(m, "sssss", NULL, NULL, NULL, &active, &sub) < 0) {
                fail(s, -EEXIST, "a unit of this name exists: %s", bus_reply_error(m));
                return 0;
        }
        log_debug("%s exists: %s (%s)", s->unit, active, sub);

        if (streq(active, "failed"))
                (void) sd_bus_call_method_async(manager_bus_get(s->bus), NULL, MANAGER, MANAGER_PATH,
                                                MANAGER_INTERFACE, "ResetFailedUnit", NULL, NULL, "s", s->unit);
        else if (!streq(active, "inactive"))
                return ask(s, SCOPE_INTERFACE, "Controller", on_controller);
        retry_soon(s);
        return 0;
}

static void examine(Scope *s) {
        (void) call_manager(s, on_examined, "ListUnitsByNames", "as", 1, s->unit);
}

/* — the start itself — */

/* Leaves out a property that this manager does not have. */
static bool without_unknown_property(Scope *s, const sd_bus_error *e) {
        static const struct {
                unsigned bit;
                const char *name;
        } optional[] = {
                { SCOPE_WITH_PIDFDS, "PIDFDs" },
                { SCOPE_WITH_COREDUMP_RECEIVE, "CoredumpReceive" },
        };

        if (!sd_bus_error_has_name(e, SD_BUS_ERROR_PROPERTY_READ_ONLY) || !e->message)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(optional); i++)
                if ((s->with & optional[i].bit) && strstr(e->message, optional[i].name)) {
                        s->with &= ~optional[i].bit;
                        log_debug("the service manager has no %s= on scopes", optional[i].name);
                        return true;
                }
        return false;
}

static int on_start_reply(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);
        int r;

        if (!error) {
                r = take_job(s, m);
                if (r < 0)
                        fail(s, r, "the manager's reply: %s", strerror(-r));
        } else if (without_unknown_property(s, error))
                (void) send_start(s);
        else if (sd_bus_error_has_name(error, MANAGER ".UnitExists") ||
                 sd_bus_error_has_name(error, MANAGER ".TransactionIsDestructive"))
                examine(s);
        else
                fail(s, -sd_bus_error_get_errno(error), "%s", bus_reply_error(m));
        return 0;
}

static int send_start(Scope *s) {
        const char *own;
        int r = s->start_call ? 0 : build_start(s);

        s->clearing = false;
        s->call = sd_bus_slot_unref(s->call);
        if (r >= 0 && (r = sd_bus_get_unique_name(manager_bus_get(s->bus), &own)) >= 0 &&
            (r = sd_bus_message_append(s->start_call, "(sv)", "Controller", "s", own)) >= 0 &&
            (r = sd_bus_message_close_container(s->start_call)) >= 0 &&
            (r = sd_bus_message_append(s->start_call, "a(sa(sv))", 0)) >= 0)
                r = sd_bus_call_async(manager_bus_get(s->bus), &s->call, s->start_call, on_start_reply, s, 0);
        s->start_call = sd_bus_message_unref(s->start_call);
        if (r < 0)
                fail(s, r, "%s", strerror(-r));
        return r;
}

static void job_removed(Scope *s, sd_bus_message *m) {
        const char *job, *result;

        /* The manager answers before it removes the job, so the job is known here if it is ours. */
        if (sd_bus_message_read(m, "uoss", NULL, &job, NULL, &result) < 0 || !streq_ptr(job, s->job) ||
            !streq_ptr(sd_bus_message_get_sender(m), s->manager))
                return;
        free(TAKE_PTR(s->job));
        if (s->clearing)
                retry_soon(s);
        else if (streq(result, "done"))
                finish(s, 0, NULL);
        else
                fail(s, -EIO, "the job ended with result \"%s\"", result);
}

/* — requests to stop — */

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        Scope *s = userdata;
        const char *owner, *claimed = s->manager;
        char *copy;

        s->owner_call = sd_bus_slot_unref(s->owner_call);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &owner) < 0)
                return 0;
        if (streq_ptr(owner, claimed)) {
                s->events.stop_requested(s->events.userdata);
                return 0;
        }
        log_debug("ignored a request to stop from %s, which is not the service manager", claimed);
        copy = strdup(owner);
        free(s->manager);
        s->manager = copy;
        return 0;
}

/* The manager gets another unique name when it executes itself anew: whoever is not known is looked up. */
static void verify_sender(Scope *s, const char *sender) {
        if (s->owner_call || !sender)
                return;
        free(s->manager);
        s->manager = strdup(sender);
        (void) sd_bus_call_method_async(manager_bus_get(s->bus), &s->owner_call, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", on_owner, s,
                                        "s", MANAGER);
}

static void stop_requested(Scope *s, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        if (!streq_ptr(sd_bus_message_get_path(m), s->path))
                return;
        if (!s->owner_call && streq_ptr(sender, s->manager))
                s->events.stop_requested(s->events.userdata);
        else
                verify_sender(s, sender);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        if (sd_bus_message_is_signal(m, SCOPE_INTERFACE, "RequestStop"))
                stop_requested(userdata, m);
        else if (sd_bus_message_is_signal(m, MANAGER_INTERFACE, "JobRemoved"))
                job_removed(userdata, m);
        else
                return 0;
        return 1;
}

/* — outside — */

static void on_ready(int error, void *userdata) {
        Scope *s = userdata;

        if (error < 0)
                fail(s, error, "no connection to the service manager: %s", strerror(-error));
        else
                (void) send_start(s);
}

/* The connection may be up already, and started() must not be called from scope_start(). */
static int on_begin(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Scope *s = userdata;

        s->retry = sd_event_source_unref(s->retry);
        manager_bus_when_ready(s->bus, on_ready, s);
        return 0;
}

static int on_deadline(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        fail(userdata, -ETIMEDOUT, "the service manager does not answer");
        return 0;
}

static int on_match_added(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        if (sd_bus_message_is_method_error(m, NULL))
                fail(userdata, -EIO, "the bus sends no signals: %s", bus_reply_error(m));
        return 0;
}

static int listen_and_schedule(Scope *s) {
        sd_bus *bus = manager_bus_get(s->bus);
        int r;

        if ((r = sd_bus_path_encode(MANAGER_PATH "/unit", s->unit, &s->path)) < 0 ||
            (r = sd_bus_add_filter(bus, &s->filter, on_message, s)) < 0 ||
            (r = call_match(s, "AddMatch", on_match_added)) < 0)
                return r;
        r = sd_event_add_time_relative(manager_bus_event(s->bus), &s->deadline, CLOCK_MONOTONIC, START_TIMEOUT_USEC,
                                       1000000, on_deadline, s);
        if (r < 0)
                return r;
        return sd_event_add_time_relative(manager_bus_event(s->bus), &s->retry, CLOCK_MONOTONIC, 0, 1, on_begin, s);
}

int scope_start(ManagerBus *bus, const ScopeRequest *request, const ScopeEvents *events, Scope **ret) {
        Scope *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return log_oom();
        s->bus = bus;
        s->request = request;
        s->events = *events;
        s->with = SCOPE_WITH_PIDFDS | SCOPE_WITH_COREDUMP_RECEIVE;
        r = scope_unit_name(request->machine, s->unit);
        if (r >= 0)
                r = build_start(s);
        if (r >= 0)
                r = listen_and_schedule(s);
        if (r < 0) {
                if (r != -EINVAL)
                        (void) log_error_errno(r, "cannot ask for %s: %m", s->unit);
                scope_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static void farewell(Scope *s, const char *member, const char *types, ...) {
        sd_bus_message *m = NULL;
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_message_new_method_call(manager_bus_get(s->bus), &m, MANAGER, MANAGER_PATH, MANAGER_INTERFACE,
                                           member);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r >= 0)
                (void) manager_bus_farewell(s->bus, m);
        sd_bus_message_unref(m);
}

void scope_end(Scope *s) {
        if (!s->up)
                return;
        s->up = false;
        /* Without a controller a stop is immediate: what is left gets SIGKILL, and an empty scope goes at
         * once and not when the manager notices that it is empty. The next machine of this name must not meet it. */
        farewell(s, "AbandonScope", "s", s->unit);
        farewell(s, "StopUnit", "ss", s->unit, "replace");
}

void scope_free(Scope *s) {
        if (!s)
                return;
        manager_bus_when_ready(s->bus, NULL, s);
        sd_bus_slot_unref(s->call);
        sd_bus_slot_unref(s->match_call);
        sd_bus_slot_unref(s->filter);
        sd_bus_slot_unref(s->owner_call);
        sd_event_source_unref(s->deadline);
        sd_event_source_unref(s->retry);
        sd_bus_message_unref(s->start_call);
        free(s->path);
        free(s->manager);
        free(s->job);
        free(s);
}
