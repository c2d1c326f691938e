/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: json-c reads the text, in its strict mode, which is not strict enough. Of a key that is
 * given twice it takes the last, which is how two readers of one file come to understand different things; it ends
 * strings at a NUL, bends numbers that it cannot hold, and knows single quotes and NaN. So a second reader, which
 * has little more to know than where strings end, since the text is nearly known to be good, looks for these. It
 * compares keys as they are written; one with an escape in it is decoded by json-c first. */

#include "json-value.h"

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#include <stdio.h>

#include "dl.h"
#include "strv.h"

#define LIBRARY "libjson-c.so.5"
#define MEMBERS_MAX 4096u

static __typeof__(json_tokener_new_ex) *dl_json_tokener_new_ex;
static __typeof__(json_tokener_free) *dl_json_tokener_free;
static __typeof__(json_tokener_set_flags) *dl_json_tokener_set_flags;
static __typeof__(json_tokener_parse_ex) *dl_json_tokener_parse_ex;
static __typeof__(json_tokener_get_error) *dl_json_tokener_get_error;
static __typeof__(json_tokener_error_desc) *dl_json_tokener_error_desc;
static __typeof__(json_tokener_get_parse_end) *dl_json_tokener_get_parse_end;
static __typeof__(json_object_put) *dl_json_object_put;
static __typeof__(json_object_get_type) *dl_json_object_get_type;
static __typeof__(json_object_get_boolean) *dl_json_object_get_boolean;
static __typeof__(json_object_get_int64) *dl_json_object_get_int64;
static __typeof__(json_object_get_uint64) *dl_json_object_get_uint64;
static __typeof__(json_object_get_string) *dl_json_object_get_string;
static __typeof__(json_object_get_string_len) *dl_json_object_get_string_len;
static __typeof__(json_object_array_length) *dl_json_object_array_length;
static __typeof__(json_object_array_get_idx) *dl_json_object_array_get_idx;
static __typeof__(json_object_get_object) *dl_json_object_get_object;
static __typeof__(json_object_new_string) *dl_json_object_new_string;
static __typeof__(json_object_to_json_string_ext) *dl_json_object_to_json_string_ext;

int json_value_load(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(json_tokener_new_ex),
                DL_SYMBOL(json_tokener_free),
                DL_SYMBOL(json_tokener_set_flags),
                DL_SYMBOL(json_tokener_parse_ex),
                DL_SYMBOL(json_tokener_get_error),
                DL_SYMBOL(json_tokener_error_desc),
                DL_SYMBOL(json_tokener_get_parse_end),
                DL_SYMBOL(json_object_put),
                DL_SYMBOL(json_object_get_type),
                DL_SYMBOL(json_object_get_boolean),
                DL_SYMBOL(json_object_get_int64),
                DL_SYMBOL(json_object_get_uint64),
                DL_SYMBOL(json_object_get_string),
                DL_SYMBOL(json_object_get_string_len),
                DL_SYMBOL(json_object_array_length),
                DL_SYMBOL(json_object_array_get_idx),
                DL_SYMBOL(json_object_get_object),
                DL_SYMBOL(json_object_new_string),
                DL_SYMBOL(json_object_to_json_string_ext),
        };

        return dl_load(LIBRARY, symbols, ELEMENTSOF(symbols));
}

/* — reading — */

JsonKind json_value_kind(const JsonValue *value) {
        static const JsonKind kinds[] = {
                [json_type_null] = JSON_NULL,     [json_type_boolean] = JSON_BOOL,  [json_type_double] = JSON_REAL,
                [json_type_int] = JSON_INTEGER,   [json_type_object] = JSON_OBJECT, [json_type_array] = JSON_ARRAY,
                [json_type_string] = JSON_STRING,
        };

        return kinds[dl_json_object_get_type(value)];
}

bool json_value_bool(const JsonValue *value) {
        return dl_json_object_get_boolean(value);
}

const char *json_value_string(const JsonValue *value) {
        return dl_json_object_get_string((JsonValue *) value);
}

/* What is too large for a signed number comes out as the largest one. */
int json_value_unsigned(const JsonValue *value, uint64_t max, uint64_t *ret) {
        uint64_t number = dl_json_object_get_uint64(value);

        if (dl_json_object_get_int64(value) < 0 || number > max)
                return -ERANGE;
        *ret = number;
        return 0;
}

int json_value_signed(const JsonValue *value, int64_t min, int64_t max, int64_t *ret) {
        int64_t number = dl_json_object_get_int64(value);

        if (number < min || number > max || (number > 0 && dl_json_object_get_uint64(value) > INT64_MAX))
                return -ERANGE;
        *ret = number;
        return 0;
}

size_t json_array_size(const JsonValue *array) {
        return dl_json_object_array_length(array);
}

const JsonValue *json_array_at(const JsonValue *array, size_t i) {
        return dl_json_object_array_get_idx(array, i);
}

const JsonMember *json_member_next(const JsonValue *object, const JsonMember *member) {
        return member ? member->next : dl_json_object_get_object(object)->head;
}

const char *json_member_key(const JsonMember *member) {
        return lh_entry_k(member);
}

const JsonValue *json_member_value(const JsonMember *member) {
        return lh_entry_v(member);
}

void json_value_free(JsonValue *value) {
        if (value)
                (void) dl_json_object_put(value);
}

char *json_value_text(const JsonValue *value) {
        const char *text = dl_json_object_to_json_string_ext((JsonValue *) value,
                                                             JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        return text ? strdup(text) : NULL;
}

char *json_string_text(const char *s) {
        _cleanup_json_ JsonValue *value = dl_json_object_new_string(s);

        return value ? json_value_text(value) : NULL;
}

/* — the second look — */

typedef struct Scan {
        const char *at;
        char path[256]; /* of what is looked at */
        char **ret_why;
} Scan;

static int complain(Scan *s, const char *what) {
        return asprintf(s->ret_why, "%s%s%s", s->path, *s->path ? ": " : "", what) < 0 ? -ENOMEM : -EBADMSG;
}

/* Each gives the length that the path had before. */
static size_t enter_member(Scan *s, const char *key) {
        size_t n = strlen(s->path);

        (void) snprintf(s->path + n, sizeof(s->path) - n, "%s%s", n > 0 ? "." : "", key);
        return n;
}

static size_t enter_element(Scan *s, size_t i) {
        size_t n = strlen(s->path);

        (void) snprintf(s->path + n, sizeof(s->path) - n, "[%zu]", i);
        return n;
}

static void skip_blanks(Scan *s) {
        s->at += strspn(s->at, " \t\r\n");
}

/* What json-c takes and JSON does not have, such as single quotes, ends here. */
static int expect(Scan *s, char c) {
        char what[32];

        skip_blanks(s);
        if (*s->at != c) {
                (void) snprintf(what, sizeof(what), "%c is missing", c);
                return complain(s, what);
        }
        s->at++;
        return 0;
}

/* The text between the quotes. */
static int scan_string(Scan *s, const char **ret, size_t *ret_size) {
        const char *start = s->at + 1;
        int r = expect(s, '"');

        if (r < 0)
                return r;
        for (; *s->at != '"'; s->at++) {
                if (startswith(s->at, "\\u0000"))
                        return complain(s, "a string holds a NUL");
                if (*s->at == '\\')
                        s->at++;
                if (!*s->at)
                        return complain(s, "a string does not end");
        }
        *ret = start;
        *ret_size = (size_t) (s->at++ - start);
        return 0;
}

static int decode_key(const char *start, size_t size, char **ret) {
        struct json_tokener *tokener;
        JsonValue *value;
        char *key = NULL;

        if (!memchr(start, '\\', size)) {
                *ret = strndup(start, size);
                return *ret ? 0 : -ENOMEM;
        }
        tokener = dl_json_tokener_new_ex(2);
        if (!tokener)
                return -ENOMEM;
        value = dl_json_tokener_parse_ex(tokener, start - 1, (int) size + 2);
        if (value)
                key = strdup(json_value_string(value));
        json_value_free(value);
        dl_json_tokener_free(tokener);
        if (!key)
                return -ENOMEM;
        *ret = key;
        return 0;
}

static int scan_value(Scan *s);

static int scan_member(Scan *s, char **keys, size_t n_keys) {
        const char *start;
        size_t size, n;
        int r;

        r = scan_string(s, &start, &size);
        if (r >= 0)
                r = decode_key(start, size, &keys[n_keys]);
        if (r < 0)
                return r;
        n = enter_member(s, keys[n_keys]);
        if (strv_find(keys, keys[n_keys]) != keys[n_keys])
                return complain(s, "is given a second time");
        r = expect(s, ':');
        if (r >= 0)
                r = scan_value(s);
        if (r >= 0)
                s->path[n] = 0;
        return r;
}

static int scan_object(Scan *s) {
        _cleanup_strv_ char **keys = calloc(MEMBERS_MAX + 1, sizeof(char *));
        size_t n = 0;
        int r;

        if (!keys)
                return -ENOMEM;
        do {
                s->at++; /* the brace or the comma */
                skip_blanks(s);
                if (*s->at == '}')
                        break;
                r = n < MEMBERS_MAX ? scan_member(s, keys, n++) : complain(s, "too many members");
                if (r < 0)
                        return r;
                skip_blanks(s);
        } while (*s->at == ',');
        return expect(s, '}');
}

static int scan_array(Scan *s) {
        size_t i = 0;

        do {
                size_t n = enter_element(s, i++);
                int r;

                s->at++; /* the bracket or the comma */
                skip_blanks(s);
                r = *s->at == ']' ? 0 : scan_value(s);
                if (r < 0)
                        return r;
                s->path[n] = 0;
                skip_blanks(s);
        } while (*s->at == ',');
        return expect(s, ']');
}

/* A number, true, false or null. json-c takes an integer that it cannot hold for the nearest one that it can. */
static int scan_word(Scan *s) {
        size_t n = strcspn(s->at, ",]} \t\r\n");
        bool sign = *s->at == '-';

        if (n == 0 || !strchr("-0123456789tfn", *s->at))
                return complain(s, "a value is missing");
        errno = 0;
        if (sign)
                (void) strtoll(s->at, NULL, 10);
        else if (*s->at >= '0' && *s->at <= '9')
                (void) strtoull(s->at, NULL, 10);
        if (errno == ERANGE)
                return complain(s, "this number is out of range");
        s->at += n;
        return 0;
}

/* As deep as json-c went. */
static int scan_value(Scan *s) {
        const char *start;
        size_t size;

        skip_blanks(s);
        switch (*s->at) {
        case '{':
                return scan_object(s);
        case '[':
                return scan_array(s);
        case '"':
                return scan_string(s, &start, &size);
        default:
                return scan_word(s);
        }
}

/* — parsing — */

static int explain(const char *text, size_t end, const char *what, char **ret_why) {
        unsigned line = 1;

        for (size_t i = 0; i < end; i++)
                line += text[i] == '\n';
        return asprintf(ret_why, "line %u: %s", line, what) < 0 ? -ENOMEM : -EBADMSG;
}

static int parse(struct json_tokener *tokener, const char *text, size_t size, JsonValue **ret, char **ret_why) {
        enum json_tokener_error error;
        JsonValue *value;
        size_t end;

        dl_json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        value = dl_json_tokener_parse_ex(tokener, text, (int) size + 1); /* the NUL behind it ends a number */
        error = dl_json_tokener_get_error(tokener);
        end = MIN(dl_json_tokener_get_parse_end(tokener), size);
        if (error == json_tokener_success) {
                end += strspn(text + end, " \t\r\n");
                if (end == size && value) {
                        *ret = value;
                        return 0;
                }
                if (end == size)
                        return explain(text, end, "there is nothing but null", ret_why);
        }
        json_value_free(value);
        if (error == json_tokener_continue || error == json_tokener_error_parse_eof)
                return explain(text, size, "the text ends too early", ret_why);
        if (error == json_tokener_success)
                return explain(text, end, "there is more text after the end", ret_why);
        return explain(text, end, dl_json_tokener_error_desc(error), ret_why);
}

int json_value_parse(const char *text, size_t size, unsigned depth, JsonValue **ret, char **ret_why) {
        Scan scan = { .at = text, .ret_why = ret_why };
        _cleanup_json_ JsonValue *value = NULL;
        struct json_tokener *tokener;
        int r;

        if (size >= INT32_MAX || strlen(text) != size)
                return asprintf(ret_why, "this is a binary file") < 0 ? -ENOMEM : -EBADMSG;
        tokener = dl_json_tokener_new_ex((int) depth);
        if (!tokener)
                return -ENOMEM;
        r = parse(tokener, text, size, &value, ret_why);
        dl_json_tokener_free(tokener);
        if (r >= 0)
                r = scan_value(&scan);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}
