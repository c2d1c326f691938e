/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. The varlink and JSON functions are those of libsystemd, which has them
 * from the version on that machined speaks this interface in; so they are looked up at run time, and declared here,
 * because the headers that the program is built with may be older than the host it runs on.
 *
 * A connection carries one conversation: Register, again a little later where an entry of that name is still there (a
 * machine that has just ended goes from machined's list when its leader's pidfd says so), and the connection is
 * closed. An entry that stays is looked at once: machined keeps that of a unit which has been killed and is active
 * again, so if its leader is dead, we remove it. A machined that ends before it answers is being restarted: a new
 * connection is tried for a while, and then it is the bus's turn. Unregister has a connection of its own, at the
 * machine's end. */

#include "host/machined-varlink.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dl.h"
#include "fd.h"
#include "log.h"
#include "process.h"

#define SOCKET "/run/systemd/machine/io.systemd.Machine"
#define INTERFACE "io.systemd.Machine."
#define DISCONNECTED "io.systemd.Disconnected"
#define REPLY_TIMEOUT_USEC 30000000u
#define UNREGISTER_TIMEOUT_USEC 2000000u
#define RETRY_USEC 20000u
#define RETRIES_MAX 25u
#define LOOK_AFTER 5u
#define FIELDS_MAX 9u

#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC 0x50494446
#endif

typedef struct sd_varlink sd_varlink;
typedef struct sd_json_variant sd_json_variant;
typedef int (*varlink_reply_t)(sd_varlink *link, sd_json_variant *parameters, const char *error, int64_t flags,
                               void *userdata);

static int (*dl_sd_varlink_connect_address)(sd_varlink **ret, const char *address);
static sd_varlink *(*dl_sd_varlink_close_unref)(sd_varlink *link);
static int (*dl_sd_varlink_attach_event)(sd_varlink *link, sd_event *event, int64_t priority);
static int (*dl_sd_varlink_bind_reply)(sd_varlink *link, varlink_reply_t reply);
static void *(*dl_sd_varlink_set_userdata)(sd_varlink *link, void *userdata);
static int (*dl_sd_varlink_set_relative_timeout)(sd_varlink *link, uint64_t usec);
static int (*dl_sd_varlink_invoke)(sd_varlink *link, const char *method, sd_json_variant *parameters);
static int (*dl_sd_varlink_call)(sd_varlink *link, const char *method, sd_json_variant *parameters,
                                 sd_json_variant **ret_parameters, const char **ret_error);
static int (*dl_sd_json_variant_new_string)(sd_json_variant **ret, const char *s);
static int (*dl_sd_json_variant_new_unsigned)(sd_json_variant **ret, uint64_t i);
static int (*dl_sd_json_variant_new_object)(sd_json_variant **ret, sd_json_variant **items, size_t n);
static int (*dl_sd_json_variant_new_array)(sd_json_variant **ret, sd_json_variant **items, size_t n);
static sd_json_variant *(*dl_sd_json_variant_unref)(sd_json_variant *v);
static sd_json_variant *(*dl_sd_json_variant_by_key)(sd_json_variant *v, const char *key);
static uint64_t (*dl_sd_json_variant_unsigned)(sd_json_variant *v);

static int load_varlink(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(sd_varlink_connect_address), DL_SYMBOL(sd_varlink_close_unref),
                DL_SYMBOL(sd_varlink_attach_event),    DL_SYMBOL(sd_varlink_bind_reply),
                DL_SYMBOL(sd_varlink_set_userdata),    DL_SYMBOL(sd_varlink_set_relative_timeout),
                DL_SYMBOL(sd_varlink_invoke),          DL_SYMBOL(sd_varlink_call),
                DL_SYMBOL(sd_json_variant_new_string), DL_SYMBOL(sd_json_variant_new_unsigned),
                DL_SYMBOL(sd_json_variant_new_object), DL_SYMBOL(sd_json_variant_new_array),
                DL_SYMBOL(sd_json_variant_unref),      DL_SYMBOL(sd_json_variant_by_key),
                DL_SYMBOL(sd_json_variant_unsigned),
        };

        return dl_sd_varlink_call ? 0 : dl_load("libsystemd.so.0", symbols, ELEMENTSOF(symbols));
}

/* What is being answered. */
typedef enum Step { STEP_REGISTER, STEP_LOOK, STEP_REMOVE } Step;

struct MachinedLink {
        sd_event *event;
        sd_varlink *link;                   /* NULL between conversations */
        const RegistrationRequest *request; /* until registered() */
        registered_t registered;
        void *userdata;
        sd_event_source *retry;
        unsigned retries, losses;
        Step step;
};

/* — objects — */

/* An object that grows field by field; the first error stays. */
typedef struct Object {
        sd_json_variant *items[2 * FIELDS_MAX]; /* name, value, name, value … */
        size_t n_items;
        int error;
} Object;

static void object_done(Object *o) {
        while (o->n_items > 0)
                (void) dl_sd_json_variant_unref(o->items[--o->n_items]);
}

/* Takes the value, made with this result. */
static void object_add(Object *o, const char *name, int result, sd_json_variant *value) {
        sd_json_variant *key = NULL;

        if (result >= 0)
                result = dl_sd_json_variant_new_string(&key, name);
        if (result < 0) {
                (void) dl_sd_json_variant_unref(value);
                o->error = o->error < 0 ? o->error : result;
                return;
        }
        o->items[o->n_items++] = key;
        o->items[o->n_items++] = value;
}

static void object_add_string(Object *o, const char *name, const char *s) {
        sd_json_variant *v = NULL;
        int r = dl_sd_json_variant_new_string(&v, s);

        object_add(o, name, r, v);
}

static void object_add_unsigned(Object *o, const char *name, uint64_t i) {
        sd_json_variant *v = NULL;
        int r = dl_sd_json_variant_new_unsigned(&v, i);

        object_add(o, name, r, v);
}

/* Ends the object. */
static int object_take(Object *o, sd_json_variant **ret) {
        int r = o->error < 0 ? o->error : dl_sd_json_variant_new_object(ret, o->items, o->n_items);

        object_done(o);
        return r;
}

/* — registering — */

/* The inode number tells processes of one number apart, where the kernel has a file system of its own for pidfds. */
static int leader_id(int pidfd, sd_json_variant **ret) {
        pid_t pid = process_pid(pidfd);
        Object o = {};
        char boot_id[SD_ID128_UUID_STRING_MAX];
        sd_id128_t id;
        struct statfs fs;
        struct stat st;

        if (pid < 0)
                return pid;
        object_add_unsigned(&o, "pid", (uint64_t) pid);
        if (fstatfs(pidfd, &fs) >= 0 && fs.f_type == PID_FS_MAGIC && fstat(pidfd, &st) >= 0 &&
            sd_id128_get_boot(&id) >= 0) {
                object_add_unsigned(&o, "pidfdId", st.st_ino);
                object_add_string(&o, "bootId", sd_id128_to_string(id, boot_id));
        }
        return object_take(&o, ret);
}

static int interface_list(const RegistrationRequest *q, sd_json_variant **ret) {
        sd_json_variant *items[16] = {};
        size_t n = 0;
        int r = 0;

        for (; r >= 0 && n < MIN(q->n_ifindices, ELEMENTSOF(items)); n++)
                r = dl_sd_json_variant_new_unsigned(&items[n], (uint64_t) q->ifindices[n]);
        if (r >= 0)
                r = dl_sd_json_variant_new_array(ret, items, n);
        while (n > 0)
                (void) dl_sd_json_variant_unref(items[--n]);
        return r;
}

/* A path that is no text cannot be told, and machined can do without. */
static void add_root_directory(Object *o, const char *path) {
        sd_json_variant *v = NULL;

        if (path && dl_sd_json_variant_new_string(&v, path) >= 0)
                object_add(o, "rootDirectory", 0, v);
}

static int build_request(const RegistrationRequest *q, sd_json_variant **ret) {
        sd_json_variant *leader = NULL, *interfaces = NULL;
        char id[SD_ID128_STRING_MAX];
        Object o = {};
        int r;

        object_add_string(&o, "name", q->machine);
        if (!sd_id128_is_null(q->uuid))
                object_add_string(&o, "id", sd_id128_to_string(q->uuid, id));
        object_add_string(&o, "service", q->service);
        object_add_string(&o, "class", "container");
        r = leader_id(q->leader_pidfd, &leader);
        object_add(&o, "leaderProcessId", r, leader);
        add_root_directory(&o, q->root_directory);
        if (q->n_ifindices > 0) {
                r = interface_list(q, &interfaces);
                object_add(&o, "ifIndices", r, interfaces);
        }
        return object_take(&o, ret);
}

static int connect_link(sd_varlink **ret) {
        return dl_sd_varlink_connect_address(ret, SOCKET);
}

static void finish(MachinedLink *l, int error, const char *why) {
        registered_t registered = l->registered;

        l->request = NULL;
        l->registered = NULL;
        l->retry = sd_event_source_disable_unref(l->retry);
        l->link = dl_sd_varlink_close_unref(l->link);
        registered(error, why, l->userdata);
}

static int send_request(MachinedLink *l) {
        sd_json_variant *parameters = NULL;
        int r = build_request(l->request, &parameters);

        if (r >= 0)
                r = dl_sd_varlink_invoke(l->link, INTERFACE "Register", parameters);
        (void) dl_sd_json_variant_unref(parameters);
        return r;
}

static int send_about(MachinedLink *l, const char *method) {
        sd_json_variant *parameters = NULL;
        Object o = {};
        int r;

        object_add_string(&o, "name", l->request->machine);
        r = object_take(&o, &parameters);
        if (r >= 0)
                r = dl_sd_varlink_invoke(l->link, method, parameters);
        (void) dl_sd_json_variant_unref(parameters);
        return r;
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error, int64_t flags, void *userdata);

static int begin(MachinedLink *l) {
        int r = l->link ? 0 : connect_link(&l->link);

        if (r < 0)
                return -EOPNOTSUPP;
        (void) dl_sd_varlink_set_userdata(l->link, l);
        if ((r = dl_sd_varlink_set_relative_timeout(l->link, REPLY_TIMEOUT_USEC)) < 0 ||
            (r = dl_sd_varlink_bind_reply(l->link, on_reply)) < 0)
                return r;
        return dl_sd_varlink_attach_event(l->link, l->event, SD_EVENT_PRIORITY_NORMAL);
}

static void lost(MachinedLink *l);

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        MachinedLink *l = userdata;
        int r;

        if (!l->link && begin(l) < 0) {
                lost(l);
                return 0;
        }
        r = l->step == STEP_LOOK         ? send_about(l, INTERFACE "List")
                : l->step == STEP_REMOVE ? send_about(l, INTERFACE "Unregister")
                                         : send_request(l);
        if (r < 0)
                finish(l, r, strerror(-r));
        return 0;
}

/* A reply has to be dealt with before the connection takes the next call. */
static void go_on(MachinedLink *l, Step step) {
        int r;

        l->step = step;
        l->retry = sd_event_source_disable_unref(l->retry);
        r = sd_event_add_time_relative(l->event, &l->retry, CLOCK_MONOTONIC, RETRY_USEC, 1000, on_time, l);
        if (r < 0)
                finish(l, r, strerror(-r));
}

static void lost(MachinedLink *l) {
        l->link = dl_sd_varlink_close_unref(l->link);
        if (l->losses++ < RETRIES_MAX)
                return go_on(l, STEP_REGISTER);
        finish(l, -EOPNOTSUPP, "systemd-machined closes the connection");
}

/* An older or younger machined wants other parameters. */
static bool is_misunderstanding(const char *error) {
        return streq(error, "org.varlink.service.MethodNotFound") ||
                streq(error, "org.varlink.service.InvalidParameter") ||
                streq(error, "org.varlink.service.InterfaceNotFound");
}

static void refused(MachinedLink *l, const char *error) {
        const char *machine = l->request->machine;
        char why[512];

        if (streq(error, INTERFACE "MachineExists")) {
                if (l->retries++ < RETRIES_MAX)
                        return go_on(l, l->retries == LOOK_AFTER ? STEP_LOOK : STEP_REGISTER);
                (void) snprintf(why, sizeof(why),
                                "a machine of this name is registered already; stop it with \"machinectl terminate "
                                "%s\" "
                                "or pick another name with -M",
                                machine);
                return finish(l, -EEXIST, why);
        }
        (void) snprintf(why, sizeof(why), "systemd-machined says %s", error);
        finish(l, is_misunderstanding(error) ? -EOPNOTSUPP : -EIO, why);
}

static bool leader_is_dead(sd_json_variant *machine) {
        sd_json_variant *leader = dl_sd_json_variant_by_key(machine, "leader");
        sd_json_variant *pid = leader ? dl_sd_json_variant_by_key(leader, "pid") : NULL;
        _cleanup_close_ int pidfd = pid ? process_open((pid_t) dl_sd_json_variant_unsigned(pid)) : -EBADF;

        return pidfd == -ESRCH || (pidfd >= 0 && !process_alive(pidfd));
}

/* Whatever the answers are, Register has the last word. */
static int on_reply(sd_varlink *link _unused_, sd_json_variant *parameters, const char *error, int64_t flags _unused_,
                    void *userdata) {
        MachinedLink *l = userdata;

        if (!l->registered)
                return 0;
        if (error && streq(error, DISCONNECTED))
                lost(l);
        else if (l->step == STEP_LOOK)
                go_on(l, !error && leader_is_dead(parameters) ? STEP_REMOVE : STEP_REGISTER);
        else if (l->step == STEP_REMOVE)
                go_on(l, STEP_REGISTER);
        else if (error)
                refused(l, error);
        else
                finish(l, 0, NULL);
        return 0;
}

/* — outside — */

int machined_link_open(sd_event *event, MachinedLink **ret) {
        MachinedLink *l;
        int r;

        if (access(SOCKET, F_OK) < 0 || load_varlink() < 0)
                return -EOPNOTSUPP;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        r = connect_link(&l->link);
        if (r < 0) {
                machined_link_close(l);
                return r == -ENOMEM ? r : -EOPNOTSUPP;
        }
        *ret = l;
        return 0;
}

int machined_link_register(MachinedLink *l, const RegistrationRequest *request, registered_t registered,
                           void *userdata) {
        int r;

        l->request = request;
        l->registered = registered;
        l->userdata = userdata;
        l->retries = l->losses = 0;
        l->step = STEP_REGISTER;
        r = begin(l);
        return r < 0 ? r : send_request(l);
}

void machined_link_unregister(const char *machine) {
        sd_json_variant *parameters = NULL;
        const char *error = NULL;
        sd_varlink *link = NULL;
        Object o = {};
        int r = connect_link(&link);

        object_add_string(&o, "name", machine);
        if (r >= 0)
                r = object_take(&o, &parameters);
        if (r >= 0)
                r = dl_sd_varlink_set_relative_timeout(link, UNREGISTER_TIMEOUT_USEC);
        if (r >= 0)
                r = dl_sd_varlink_call(link, INTERFACE "Unregister", parameters, NULL, &error);
        if (r < 0 || error)
                log_debug("could not unregister the machine: %s", error ?: strerror(-r));
        object_done(&o);
        (void) dl_sd_json_variant_unref(parameters);
        (void) dl_sd_varlink_close_unref(link);
}

void machined_link_close(MachinedLink *l) {
        if (!l)
                return;
        sd_event_source_disable_unref(l->retry);
        (void) dl_sd_varlink_close_unref(l->link);
        sd_event_unref(l->event);
        free(l);
}
