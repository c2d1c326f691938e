/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How config.json is walked: by tables of properties, one for each subject. For the files of config/oci-*.c. */

#include "config/settings.h"
#include "json-value.h"

/* Members that belong together are collected here, until all of what they are in has been read. */
typedef struct OciNumber {
        bool set;
        uint64_t value; /* of a signed property: to be cast */
} OciNumber;

typedef enum OciTruth { OCI_UNSAID, OCI_FALSE, OCI_TRUE } OciTruth;

typedef struct OciMapping {
        OciNumber inside, outside, count;
} OciMapping;

typedef struct OciReader {
        const char *bundle;
        Settings *settings;
        const char *key; /* of a member of a map */
        char path[256];  /* of what is read, for messages: "mounts[3].type" */

        const char *version;

        struct {
                const char *path;
                OciTruth read_only;
        } root;

        struct {
                bool present;
                OciTruth terminal, no_new_privileges;
                OciNumber height, width, uid, gid, umask, oom_score;
                struct {
                        const char *type;
                        OciNumber soft, hard;
                } limit;
        } process;

        struct {
                const char *destination, *type, *source;
                char **options;
        } mount;

        struct {
                struct {
                        const char *type, *path;
                } one;
                bool pid, mount, uts, ipc, user, network, cgroup;
        } namespaces;

        struct {
                OciMapping one, users, groups;
        } mappings;

        struct {
                OciTruth allow;
                const char *type, *access;
                OciNumber major, minor;
        } rule;

        struct {
                const char *path, *type;
                OciNumber major, minor, mode, uid, gid;
        } device;

        struct {
                const char *path;
                OciNumber timeout;
                OciHook hook;
        } hook;
        char *annotations; /* as JSON */

        struct {
                OciNumber limit, reservation, swap, shares, quota, period, burst, idle, processes, weight;
                const char *cpus, *mems;
                struct {
                        OciNumber major, minor, rate;
                } throttle;
        } resources;
        const char *propagation;

        struct {
                const char *default_action, *action;
                OciNumber default_error, error;
                SeccompRule rule;
                struct {
                        OciNumber index, value, value_two;
                        const char *op;
                } condition;
        } seccomp;
} OciReader;

typedef enum OciKind {
        OCI_OBJECT, /* its members have rows */
        OCI_ARRAY,  /* its elements have one, "name[]" */
        OCI_STRING,
        OCI_BOOL,
        OCI_UNSIGNED, /* up to max */
        OCI_SIGNED,
        OCI_MAP, /* an object of strings, of which each has a row: "name[]"; what is read is its name */
        OCI_ANY, /* not looked at */
} OciKind;

/* One property. Where offset is not 0 its value goes to that field of OciReader: a const char *, an OciTruth or an
 * OciNumber. apply() is called after that, and after all that it holds; failure is logged. A NULL is as if it were not
 * there. */
typedef struct OciRow {
        const char *path; /* "[]" stands for every index */
        OciKind kind;
        size_t offset;
        uint64_t max;
        int (*apply)(OciReader *r, const JsonValue *value);
        const char *refusal; /* says why a bundle in which it says anything is refused */
} OciRow;

#define OCI_FIELD(member) offsetof(OciReader, member)
#define OCI_CONTAINER(p, k)                                                                                           \
        { .path = p, .kind = k }
#define OCI_REFUSED(p, why)                                                                                           \
        { .path = p, .kind = OCI_ANY, .refusal = why }

typedef struct OciRows {
        const OciRow *rows;
        size_t n_rows;
} OciRows;

extern const OciRows oci_process_rows, oci_mounts_rows, oci_linux_rows, oci_seccomp_rows, oci_devices_rows,
        oci_resources_rows, oci_hooks_rows;

/* What can be told only when all is read. Logs. */
int oci_process_finish(OciReader *r);
int oci_linux_finish(OciReader *r);
int oci_hooks_finish(OciReader *r);

void oci_hook_done(OciHook *hook);

/* Frees what a rule that was not finished holds. */
void oci_seccomp_done(OciReader *r);

/* Logs a line that names what is read, and gives error. */
int oci_refuse(const OciReader *r, int error, const char *format, ...) _printf_(3, 4);
/* The same for a property by its path. */
int oci_refuse_at(const OciReader *r, const char *path, int error, const char *format, ...) _printf_(4, 5);

/* Says what an option would say. The option's own words are the message if it cannot be. */
int oci_say(OciReader *r, size_t offset, const char *text) _must_check_;
#define OCI_SAY(r, member, text) oci_say(r, offsetof(Settings, member), text)

/* A path on the host: a relative one begins in the bundle. */
int oci_host_path(const OciReader *r, const char *text, char **ret) _must_check_;

/* A path in the guest as it is said in what is read. */
int oci_guest_path(const OciReader *r, const char *text, char **ret) _must_check_;
