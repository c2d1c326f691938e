/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON that somebody wrote by hand or another program made: parsed whole and strictly, then only read. */

#include <stdint.h>

#include "macros.h"

typedef struct json_object JsonValue;
typedef struct lh_entry JsonMember;

typedef enum JsonKind { JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonKind;

/* Loads the JSON library, once for this process. -ENOPKG: it is not there. */
int json_value_load(void) _must_check_;

/* Parses one value, which the text (NUL-terminated, of size bytes) must be, after json_value_load(). -EBADMSG, with a
 * new string in *ret_why that says what is wrong and where, if it is none, nests deeper than depth, holds a NUL or an
 * integer of more than 64 bits, or an object in it has a key twice; -ENOMEM. */
int json_value_parse(const char *text, size_t size, unsigned depth, JsonValue **ret, char **ret_why) _must_check_;
void json_value_free(JsonValue *value);
DEFINE_CLEANUP(JsonValue *, json_value_free)
#define _cleanup_json_ _cleanup_(json_value_free_p)

/* NULL is the null that json has. */
JsonKind json_value_kind(const JsonValue *value);

/* The value, or a string, as JSON text on one line; the caller frees. NULL: out of memory. */
char *json_value_text(const JsonValue *value);
char *json_string_text(const char *s);

/* Of a value of that kind. The string lives as long as the value. */
bool json_value_bool(const JsonValue *value);
const char *json_value_string(const JsonValue *value);

/* -ERANGE: the integer is not within these bounds. */
int json_value_unsigned(const JsonValue *value, uint64_t max, uint64_t *ret) _must_check_;
int json_value_signed(const JsonValue *value, int64_t min, int64_t max, int64_t *ret) _must_check_;

size_t json_array_size(const JsonValue *array);
const JsonValue *json_array_at(const JsonValue *array, size_t i);

/* The members of an object in the order of the text: NULL gives the first, and NULL comes behind the last. */
const JsonMember *json_member_next(const JsonValue *object, const JsonMember *member);
const char *json_member_key(const JsonMember *member);
const JsonValue *json_member_value(const JsonMember *member);
