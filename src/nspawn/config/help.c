/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what is printed instead of starting a machine, made from the table. It goes to
 * standard output, unpaged and never wrapped within a name: callers search it for the literal names of
 * options. */

#include "config/command-line.h"
#include "config/version.h"
#include "log.h"

enum { WIDTH = 80, TEXT_COLUMN = 30 };

const char *const help_group_titles[_HELP_GROUP_MAX] = {
        [HELP_GENERAL] = "General",
        [HELP_SOURCE] = "Root directory",
        [HELP_EXECUTION] = "Execution",
        [HELP_IDENTITY] = "Identity",
        [HELP_UNIT] = "Unit",
        [HELP_USERS] = "User namespace",
        [HELP_NETWORK] = "Network",
        [HELP_SECURITY] = "Security",
        [HELP_RESOURCES] = "Resources",
        [HELP_INTEGRATION] = "Integration",
        [HELP_MOUNTS] = "Mounts",
        [HELP_OUTPUT] = "Input and output",
        [HELP_CREDENTIALS] = "Credentials",
};

/* "  -D --directory=PATH", of which the length is returned. */
static int print_term(const Setting *row, FILE *f) {
        char letter[4] = "  ";

        if (row->letter)
                (void) snprintf(letter, sizeof(letter), "-%c", row->letter);
        if (!row->name)
                return fprintf(f, "  %s", letter);
        if (!row->metavar || (row->argument == ARGUMENT_NONE))
                return fprintf(f, "  %s --%s", letter, row->name);
        return fprintf(f, row->argument == ARGUMENT_OPTIONAL ? "  %s --%s[=%s]" : "  %s --%s=%s", letter, row->name,
                       row->metavar);
}

/* Fills lines from TEXT_COLUMN on, the first of which already has column characters. */
static void print_wrapped(const char *text, int column, FILE *f) {
        while (*text) {
                int length = (int) strcspn(text, " ");

                if (column >= TEXT_COLUMN && column + 1 + length > WIDTH)
                        column = fprintf(f, "\n") - 1;
                if (column < TEXT_COLUMN)
                        column += fprintf(f, "%*s", TEXT_COLUMN - column, "");
                else
                        column += fprintf(f, " ");
                column += fprintf(f, "%.*s", length, text);
                text += length;
                text += *text == ' ';
        }
        fputc('\n', f);
}

static void print_row(const Setting *row, FILE *f) {
        int column = print_term(row, f);

        if (column >= TEXT_COLUMN)
                column = fprintf(f, "\n") - 1;
        print_wrapped(row->help, column, f);
}

void command_line_help(FILE *f) {
        fprintf(f,
                "nspawn [OPTION...] [COMMAND [ARGUMENT...]]\n"
                "nspawn -b [OPTION...] [ARGUMENT-OF-INIT...]\n"
                "\n"
                "Run a command or boot an operating system in a directory tree.\n");

        for (HelpGroup group = 0; group < _HELP_GROUP_MAX; group++) {
                fprintf(f, "\n%s:\n", help_group_titles[group]);
                FOREACH_SETTING(row)
                        if (row->group == group && row->help)
                                print_row(row, f);
        }
        fprintf(f, "\nSee the nspawn(1) man page for details.\n");
}

void setting_list_values(const Setting *row, FILE *f) {
        if (row->type->list)
                row->type->list(f);
        for (size_t i = 0; i < row->type->n_names; i++)
                if (*row->type->names[i])
                        fprintf(f, "%s\n", row->type->names[i]);
}

int command_line_show(const Settings *s, FILE *f) {
        int r = 0;

        switch (s->show) {
        case SHOW_HELP:
                command_line_help(f);
                break;
        case SHOW_VERSION:
                fprintf(f, "systemd %i (nspawn %s)\n", SYSTEMD_VERSION_COMPAT, NSPAWN_VERSION);
                break;
        case SHOW_INTROSPECTION:
                r = command_line_introspect(f);
                break;
        case SHOW_VALUES:
                setting_list_values(s->show_row, f);
                break;
        default:
                break;
        }
        (void) fflush(f);
        return r < 0 ? log_oom() : 0;
}
