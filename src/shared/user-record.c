/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: json-c writes the text, so that nothing in a string can be more than a string. Out of memory is
 * noticed at the end: what is added to nothing, or is nothing, makes the whole an error. */

#include "user-record.h"

#include <json-c/json_object.h>

#include "dl.h"

#define LIBRARY "libjson-c.so.5"

static __typeof__(json_object_new_object) *dl_json_object_new_object;
static __typeof__(json_object_new_array) *dl_json_object_new_array;
static __typeof__(json_object_new_string) *dl_json_object_new_string;
static __typeof__(json_object_new_int64) *dl_json_object_new_int64;
static __typeof__(json_object_object_add) *dl_json_object_object_add;
static __typeof__(json_object_array_add) *dl_json_object_array_add;
static __typeof__(json_object_to_json_string_ext) *dl_json_object_to_json_string_ext;
static __typeof__(json_object_put) *dl_json_object_put;

int user_record_load(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(json_object_new_object),         DL_SYMBOL(json_object_new_array),
                DL_SYMBOL(json_object_new_string),         DL_SYMBOL(json_object_new_int64),
                DL_SYMBOL(json_object_object_add),         DL_SYMBOL(json_object_array_add),
                DL_SYMBOL(json_object_to_json_string_ext), DL_SYMBOL(json_object_put),
        };

        return dl_load(LIBRARY, symbols, ELEMENTSOF(symbols));
}

/* Takes value. */
static bool add(json_object *object, const char *key, json_object *value) {
        if (value && dl_json_object_object_add(object, key, value) >= 0)
                return true;
        (void) dl_json_object_put(value);
        return false;
}

static bool add_string(json_object *object, const char *key, const char *text) {
        return add(object, key, dl_json_object_new_string(text));
}

static bool add_number(json_object *object, const char *key, uid_t number) {
        return add(object, key, dl_json_object_new_int64(number));
}

static bool add_origin(json_object *object) {
        return add_string(object, "disposition", "container") && add_string(object, "service", "io.systemd.NSpawn");
}

static bool fill_user(json_object *object, const UserRecord *record) {
        return add_string(object, "userName", record->name) && add_number(object, "uid", record->id) &&
                add_number(object, "gid", record->id) && add_string(object, "homeDirectory", record->home) &&
                (!record->shell || add_string(object, "shell", record->shell)) && add_origin(object);
}

static bool fill_group(json_object *object, const UserRecord *record) {
        return add_string(object, "groupName", record->name) && add_number(object, "gid", record->id) &&
                add_origin(object);
}

static bool fill_privileged(json_object *object, const UserRecord *record) {
        json_object *privileged = dl_json_object_new_object(), *list = dl_json_object_new_array(),
                    *password = record->password ? dl_json_object_new_string(record->password) : NULL;
        bool good = privileged && list && (!record->password || password);

        if (good && password)
                good = dl_json_object_array_add(list, TAKE_PTR(password)) >= 0;
        if (good)
                good = add(privileged, "hashedPassword", TAKE_PTR(list));
        if (good)
                good = add(object, "privileged", TAKE_PTR(privileged));
        (void) dl_json_object_put(password);
        (void) dl_json_object_put(list);
        (void) dl_json_object_put(privileged);
        return good;
}

static bool (*const fillers[])(json_object *object, const UserRecord *record) = {
        [USER_RECORD_USER] = fill_user,
        [USER_RECORD_USER_PRIVILEGED] = fill_privileged,
        [USER_RECORD_GROUP] = fill_group,
};

int user_record_format(const UserRecord *record, UserRecordPart part, char **ret) {
        json_object *object = dl_json_object_new_object();
        const char *text = NULL;
        char *copy = NULL;

        if (object && fillers[part](object, record))
                text = dl_json_object_to_json_string_ext(object,
                                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (text)
                copy = strdup(text);
        (void) dl_json_object_put(object);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
