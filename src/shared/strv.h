/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* NULL-terminated arrays of owned strings. NULL is a valid empty array. */

#include "macros.h"

void strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_free_p)

size_t strv_length(char *const *v);

/* Appends; *v is unchanged on failure. strv_push() takes ownership of s in any case. */
int strv_push(char ***v, char *s) _must_check_;
int strv_append(char ***v, const char *s) _must_check_;
int strv_append_printf(char ***v, const char *format, ...) _printf_(2, 3) _must_check_;

/* A deep copy, NULL only when out of memory or v is NULL. */
char **strv_copy(char *const *v);

/* The first element that equals s, or NULL. */
const char *strv_find(char *const *v, const char *s);

/* Environment blocks: an element NAME=… replaces an earlier one of the same NAME. */
int strv_env_set(char ***v, const char *assignment) _must_check_;
/* The value of NAME in an environment block, or NULL. */
const char *strv_env_get(char *const *v, const char *name);

#define STRV_FOREACH(s, v) for (char *const *s = (v); s && *s; s++)
