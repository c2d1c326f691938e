/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: --introspect-cli, the table for programs. The keys are those that systemd 262 prints, in the
 * version of "CLI introspection" that it has; no released specification has them yet. All strings are the program's own
 * and plain ASCII, so writing JSON is a matter of two escapes. */

#include "config/command-line.h"
#include "config/version.h"

#define MEDIA_TYPE "application/vnd.io.systemd.cli-introspection-0"

static void print_string(const char *s, FILE *f) {
        fputc('"', f);
        for (; *s; s++)
                fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
        fputc('"', f);
}

static void print_pair(const char *key, const char *value, FILE *f) {
        if (!value)
                return;
        fprintf(f, ", \"%s\": ", key);
        print_string(value, f);
}

static void print_names(const Setting *row, FILE *f) {
        const char *letter = row->letter ? (char[]){ '-', row->letter, 0 } : NULL;

        fputs(", \"names\": [", f);
        if (letter)
                print_string(letter, f);
        if (row->name)
                fprintf(f, "%s\"--%s\"", letter ? ", " : "", row->name);
        fputc(']', f);
}

/* The same words that "help" as value lists. */
static int print_values(const Setting *row, FILE *f) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *list = open_memstream(&text, &size);
        char *rest;

        if (!list)
                return -ENOMEM;
        setting_list_values(row, list);
        if (fclose(list) < 0)
                return -ENOMEM;
        rest = text;
        fputs(", \"values\": [", f);
        for (const char *value, *separator = ""; (value = strsep(&rest, "\n")) && *value; separator = ", ") {
                fprintf(f, "%s{\"type\": \"value\"", separator);
                print_pair("value", value, f);
                fputc('}', f);
        }
        fputc(']', f);
        return 0;
}

static int print_option(const Setting *row, FILE *f) {
        static const char *const arguments[] = {
                [ARGUMENT_NONE] = "no_argument",
                [ARGUMENT_REQUIRED] = "required_argument",
                [ARGUMENT_OPTIONAL] = "optional_argument",
        };
        Argument argument = row->metavar ? row->argument : ARGUMENT_NONE; /* a deprecated one is not worth a word */
        int r = 0;

        fputs("{\"type\": \"option\"", f);
        print_pair("id", row->name ?: (char[]){ row->letter, 0 }, f);
        print_names(row, f);
        print_pair("argument", arguments[argument], f);
        if (argument != ARGUMENT_NONE) {
                print_pair("value_name", row->metavar, f);
                if (row->type->list || row->type->names)
                        r = print_values(row, f);
        }
        fputs(", \"sections\": [", f);
        print_string(help_group_titles[row->group], f);
        fputc(']', f);
        print_pair("help", row->help, f);
        fputc('}', f);
        return r;
}

int command_line_introspect(FILE *f) {
        const char *separator = "";

        fprintf(f,
                "{\"mediaType\": \"" MEDIA_TYPE "\", \"commands\": [{\"type\": \"command\", \"id\": \"nspawn\", "
                "\"names\": [\"nspawn\"], \"version\": [\"" NSPAWN_VERSION "\"], "
                "\"abstract\": [\"Run a command or boot an operating system in a directory tree.\"], "
                "\"synopsis\": [\"[COMMAND [ARGUMENT...]]\"], \"documentation\": [\"man:nspawn(1)\"], "
                "\"arguments\": [");
        FOREACH_SETTING(row) {
                int r;

                if (!row->help)
                        continue;
                fprintf(f, "%s\n", separator);
                separator = ",";
                r = print_option(row, f);
                if (r < 0)
                        return r;
        }
        fputs("\n]}]}\n", f);
        return 0;
}
