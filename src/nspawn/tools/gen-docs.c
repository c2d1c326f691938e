/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs at build time and prints what other files must know about the settings, so that
 * the completions and the manual cannot drift away from the program. The manual's sources hold
 *
 *     @OPTION long-name@        or @OPTION -j@ for an option that is a letter only
 *     @KEY Section.Key@
 *
 *     @OCI taken@              or @OCI refused@
 *
 * on lines of their own, which become the terms of a .TP paragraph; several in a row share its text. The last becomes a
 * list of properties of OCI bundles. A source
 * that names one option must name them all, and likewise for keys: what is missing, unknown or named twice is
 * an error, and ends the build. */

#include <stdarg.h>

#include "config/command-line.h"
#include "config/oci-bundle.h"

static void print_words(const Setting *row, const char *separator) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return;
        setting_list_values(row, f);
        if (fclose(f) >= 0)
                for (char *word = strtok(text, "\n"), *next; word; word = next) {
                        next = strtok(NULL, "\n");
                        printf("%s%s", word, next ? separator : "");
                }
        free(text);
}

static bool has_words(const Setting *row) {
        return row->type->list || row->type->names;
}

static bool is_shown_option(const Setting *row) {
        return (row->name || row->letter) && row->help;
}

/* — bash — */

static void print_bash_options(void) {
        printf("        local options='");
        FOREACH_SETTING(row) {
                if (!is_shown_option(row))
                        continue;
                if (row->letter)
                        printf("-%c ", row->letter);
                if (row->name)
                        printf("--%s ", row->name);
        }
        printf("'\n");
}

static void print_bash_case(const Setting *row) {
        static const char *const actions[] = {
                [COMPLETE_DIRECTORY] = "compgen -A directory -- \"$cur\"",
                [COMPLETE_FILE] = "compgen -A file -- \"$cur\"",
                [COMPLETE_MACHINE] = "compgen -W \"$(machinectl list-images --no-legend --no-pager 2>/dev/null | "
                                     "while read -r name _; do echo \"$name\"; done)\" -- \"$cur\"",
        };

        printf("                ");
        if (row->letter)
                printf("-%c|", row->letter);
        printf("--%s)\n", row->name);
        if (has_words(row)) {
                printf("                        COMPREPLY=( $(compgen -W '");
                print_words(row, " ");
                printf("' -- \"$cur\") ) ;;\n");
        } else if (row->type->completion != COMPLETE_NOTHING)
                printf("                        COMPREPLY=( $(%s) ) ;;\n", actions[row->type->completion]);
        else
                printf("                        COMPREPLY=() ;;\n");
}

static void completion_bash(void) {
        printf("# bash completion for nspawn, generated from its table of settings\n\n"
               "_nspawn() {\n"
               "        local cur prev words cword\n"
               "        _init_completion -n : -s 2>/dev/null || {\n"
               "                cur=${COMP_WORDS[COMP_CWORD]}\n"
               "                prev=${COMP_WORDS[COMP_CWORD-1]}\n"
               "                [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
               "                [[ $cur == = ]] && cur=\n"
               "        }\n");
        print_bash_options();
        printf("        case \"$prev\" in\n");
        FOREACH_SETTING(row)
                if (is_shown_option(row) && row->name && row->argument == ARGUMENT_REQUIRED)
                        print_bash_case(row);
        printf("                *)\n"
               "                        if [[ $cur == -* ]]; then\n"
               "                                COMPREPLY=( $(compgen -W \"$options\" -- \"$cur\") )\n"
               "                        else\n"
               "                                COMPREPLY=( $(compgen -A file -- \"$cur\") )\n"
               "                        fi ;;\n"
               "        esac\n"
               "}\n\n"
               "complete -F _nspawn nspawn\n");
}

/* — zsh — */

/* Text within '…[…]': quotes, brackets and colons have a meaning there. */
static void print_zsh_text(const char *s) {
        for (; *s; s++)
                if (*s == '\'')
                        printf("'\\''");
                else
                        printf(strchr("[]:\\", *s) ? "\\%c" : "%c", *s);
}

static void print_zsh_action(const Setting *row) {
        static const char *const actions[] = {
                [COMPLETE_NOTHING] = " ",
                [COMPLETE_DIRECTORY] = "_directories",
                [COMPLETE_FILE] = "_files",
                [COMPLETE_MACHINE] = "_sd_machines",
        };

        if (!row->metavar || row->argument == ARGUMENT_NONE)
                return;
        printf(row->argument == ARGUMENT_OPTIONAL ? "::" : ":");
        print_zsh_text(row->metavar);
        if (has_words(row)) {
                printf(":(");
                print_words(row, " ");
                printf(")");
        } else
                printf(":%s", actions[row->type->completion]);
}

/* How an option of this spelling takes its argument: "=" also after an equals sign, "=-" only there, "+" also
 * in the same word. */
static void print_zsh_spec(const Setting *row, const char *dashes, const char *name) {
        const char *joint = !row->metavar || row->argument == ARGUMENT_NONE ? ""
                : row->argument == ARGUMENT_OPTIONAL                        ? (dashes[1] ? "=-" : NULL)
                : dashes[1]                                                 ? "="
                                                                            : "+";

        printf(" \\\n        '*%s%s%s[", dashes, name, joint ?: "");
        print_zsh_text(row->help);
        printf("]");
        if (joint)
                print_zsh_action(row);
        printf("'");
}

static void completion_zsh(void) {
        printf("#compdef nspawn\n# generated from nspawn's table of settings\n\n"
               "(( $+functions[_sd_machines] )) || _sd_machines() {\n"
               "        compadd -- ${${(f)\"$(machinectl list-images --no-legend --no-pager "
               "2>/dev/null)\"}%%%% *}\n"
               "}\n\n"
               "_arguments -S -s");
        FOREACH_SETTING(row) {
                char letter[2] = { row->letter };

                if (!is_shown_option(row))
                        continue;
                if (row->letter)
                        print_zsh_spec(row, "-", letter);
                if (row->name)
                        print_zsh_spec(row, "--", row->name);
        }
        printf(" \\\n        '*:: :_normal'\n");
}

/* — fish — */

static void print_fish_text(const char *s) {
        printf("'");
        for (; *s; s++)
                printf(strchr("'\\", *s) ? "\\%c" : "%c", *s);
        printf("'");
}

static void completion_fish(void) {
        static const char *const actions[] = {
                [COMPLETE_NOTHING] = " -x",
                [COMPLETE_DIRECTORY] = " -x -a '(__fish_complete_directories)'",
                [COMPLETE_FILE] = " -r",
                [COMPLETE_MACHINE] = (" -x -a '(machinectl list-images --no-legend --no-pager 2>/dev/null | "
                                      "string split -f1 \" \")'"),
        };

        printf("# fish completion for nspawn, generated from its table of settings\n\n");
        FOREACH_SETTING(row) {
                if (!is_shown_option(row))
                        continue;
                printf("complete -c nspawn");
                if (row->letter)
                        printf(" -s %c", row->letter);
                if (row->name)
                        printf(" -l %s", row->name);
                if (row->argument == ARGUMENT_REQUIRED && has_words(row)) {
                        printf(" -x -a '");
                        print_words(row, " ");
                        printf("'");
                } else if (row->argument == ARGUMENT_REQUIRED)
                        printf("%s", actions[row->type->completion]);
                printf(" -d ");
                print_fish_text(row->help);
                printf("\n");
        }
}

/* — the manual — */

/* roff takes a bare "-" for a hyphen, and a line that begins with a dot for a request. */
static void print_roff(const char *s) {
        for (; *s; s++)
                if (*s == '-')
                        printf("\\-");
                else if (*s == '\\')
                        printf("\\e");
                else
                        printf("%c", *s);
}

static void print_option_term(const Setting *row) {
        bool argument = row->metavar && row->argument != ARGUMENT_NONE;

        if (row->letter)
                printf("\\fB\\-%c\\fR%s", row->letter, row->name ? ", " : "");
        if (row->name) {
                printf("\\fB\\-\\-");
                print_roff(row->name);
                printf("\\fR");
                if (argument) {
                        printf(row->argument == ARGUMENT_OPTIONAL ? "[=\\fI" : "\\fB=\\fR\\fI");
                        print_roff(row->metavar);
                        printf(row->argument == ARGUMENT_OPTIONAL ? "\\fR]" : "\\fR");
                }
        }
        printf("\n");
}

static void print_key_term(const Setting *row) {
        printf("\\fB%s=\\fR", row->key);
        if (row->metavar) {
                printf("\\fI");
                print_roff(row->metavar);
                printf("\\fR");
        }
        printf("\n");
}

static void man_options(void) {
        FOREACH_SETTING(row)
                if (is_shown_option(row)) {
                        printf(".TP\n");
                        print_option_term(row);
                }
}

static void man_keys(void) {
        FOREACH_SETTING(row)
                if (row->key) {
                        printf(".TP\n");
                        print_key_term(row);
                }
}

typedef struct Expansion {
        const char *path;
        unsigned line;
        bool option_seen[SETTINGS_MAX], key_seen[SETTINGS_MAX];
        bool any_option, any_key;
        unsigned errors;
} Expansion;

_printf_(2, 3) static void complain(Expansion *e, const char *format, ...) {
        va_list ap;

        fprintf(stderr, "%s:", e->path);
        if (e->line > 0)
                fprintf(stderr, "%u:", e->line);
        fputc(' ', stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        e->errors++;
}

static const Setting *find_option(const char *name) {
        FOREACH_SETTING(row) {
                if (name[0] == '-' && row->letter == name[1] && !name[2] && !row->name)
                        return row;
                if (streq_ptr(row->name, name))
                        return row;
        }
        return NULL;
}

static const Setting *find_key(const char *name) {
        FOREACH_SETTING(row) {
                const char *key = row->key ? startswith(name, row->section) : NULL;

                if (key && *key == '.' && streq(key + 1, row->key))
                        return row;
        }
        return NULL;
}

/* first: of several terms in a row. */
static void expand(Expansion *e, const char *kind, const Setting *row, const char *name, bool *seen, bool first) {
        if (!row) {
                complain(e, "there is no %s \"%s\"", kind, name);
                return;
        }
        if (seen[row - settings_table])
                complain(e, "the %s \"%s\" is described a second time", kind, name);
        seen[row - settings_table] = true;
        printf(first ? ".TP\n" : ".TQ\n");
}

/* Replaces "@WORD name@" by the name, in place, if the line is that. */
static char *directive(char *line, const char *word) {
        char *name = (char *) startswith(line, word), *end;

        if (!name)
                return NULL;
        end = strchr(name, '@');
        if (!end || end[1] != '\n')
                return NULL;
        *end = 0;
        return name;
}

static void print_taken(const char *path, const char *refusal, void *userdata) {
        bool *any = userdata;

        if (refusal || !*path || endswith(path, "[]"))
                return;
        printf("%s\\fI", *any ? ",\n" : "");
        print_roff(path);
        printf("\\fR");
        *any = true;
}

static void print_refused(const char *path, const char *refusal, void *userdata) {
        (void) userdata;
        if (!refusal)
                return;
        printf(".TP\n.I ");
        print_roff(path);
        printf("\n");
        print_roff(refusal);
        printf(".\n");
}

/* A word of the last kind of directive is not checked for being complete: it is, by being made of the tables. */
static void expand_bundle(Expansion *e, const char *what) {
        bool any = false;

        if (streq(what, "taken")) {
                oci_bundle_list(print_taken, &any);
                printf(".\n");
        } else if (streq(what, "refused"))
                oci_bundle_list(print_refused, NULL);
        else
                complain(e, "there is no list \"%s\" of properties of bundles", what);
}

static void expand_line(Expansion *e, char *line, bool *in_terms) {
        const char *name;
        const Setting *row;

        if ((name = directive(line, "@OPTION "))) {
                row = find_option(name);
                e->any_option = true;
                expand(e, "option", row, name, e->option_seen, !*in_terms);
                if (row)
                        print_option_term(row);
        } else if ((name = directive(line, "@KEY "))) {
                row = find_key(name);
                e->any_key = true;
                expand(e, "key", row, name, e->key_seen, !*in_terms);
                if (row)
                        print_key_term(row);
        } else if ((name = directive(line, "@OCI "))) {
                expand_bundle(e, name);
                name = NULL;
        } else
                printf("%s", line);
        *in_terms = name;
}

static void complain_about_missing(Expansion *e) {
        e->line = 0;
        FOREACH_SETTING(row) {
                size_t i = (size_t) (row - settings_table);
                char letter[3] = { '-', row->letter };

                if (e->any_option && is_shown_option(row) && !e->option_seen[i])
                        complain(e, "the option %s is missing: add @OPTION %s@ and a description", row->name ?: letter,
                                 row->name ?: letter);
                if (e->any_key && row->key && !e->key_seen[i])
                        complain(e, "the key %s= is missing: add @KEY %s.%s@ and a description", row->key,
                                 row->section, row->key);
        }
}

static int man_expand(const char *path) {
        Expansion e = { .path = path };
        FILE *f = fopen(path, "re");
        bool in_terms = false;
        char *line = NULL;
        size_t space = 0;

        if (!f) {
                perror(path);
                return EXIT_FAILURE;
        }
        while (getline(&line, &space, f) > 0) {
                e.line++;
                expand_line(&e, line, &in_terms);
        }
        free(line);
        (void) fclose(f);
        complain_about_missing(&e);
        return e.errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* — for tests — */

static void list(void) {
        FOREACH_SETTING(row) {
                if (row->letter)
                        printf("-%c\n", row->letter);
                if (row->name)
                        printf("--%s\n", row->name);
        }
}

int main(int argc, char *argv[]) {
        static const struct {
                const char *verb;
                void (*run)(void);
        } verbs[] = {
                { "completion-bash", completion_bash },
                { "completion-zsh", completion_zsh },
                { "completion-fish", completion_fish },
                { "man-options", man_options },
                { "man-keys", man_keys },
                { "list", list },
        };

        if (argc == 3 && streq(argv[1], "man-expand"))
                return man_expand(argv[2]);
        for (size_t i = 0; argc == 2 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].verb)) {
                        verbs[i].run();
                        return fflush(stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                }
        fprintf(stderr,
                "gen-docs completion-bash|completion-zsh|completion-fish|man-options|man-keys|list\n"
                "gen-docs man-expand FILE\n");
        return EXIT_FAILURE;
}
