/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the table of settings is the truth; the manuals, --help, the completions and the fuzzers'
 * corpora are checked against it, and it, with what the manual admits to lack, against the incumbent. A check takes
 * texts and counts complaints, so that each is also run on a text with a mistake in it, which it must find. The
 * files come by environment variables from meson.build. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/test.h"
#include "config/command-line.h"
#include "fd.h"

#define TEXT_MAX (1024U * 1024U)
#define BEGIN_MARK "DIFFERENCES BEGIN"
#define END_MARK "DIFFERENCES END"

/* — texts — */

static char *read_text_at(int dir_fd, const char *path) {
        char *text = NULL;

        if (read_file_at(dir_fd, path, TEXT_MAX, &text, NULL) < 0) {
                fprintf(stderr, "cannot read %s\n", path);
                exit(EXIT_FAILURE);
        }
        return text;
}

static const char *path_of(const char *variable) {
        const char *path = getenv(variable);

        if (!path) {
                fprintf(stderr, "$%s is not set: run this by meson test\n", variable);
                exit(EXIT_FAILURE);
        }
        return path;
}

/* roff, as far as words go: hyphens are themselves and font changes are nothing. */
static void simplify(char *text) {
        char *to = text;

        for (const char *s = text; *s; s++)
                if (s[0] == '\\' && s[1] == '-')
                        *to++ = *++s;
                else if (s[0] == '\\' && s[1] == 'f' && s[2])
                        s += 2;
                else
                        *to++ = *s;
        *to = 0;
}

static char *manual(const char *variable) {
        char *text = read_text_at(AT_FDCWD, path_of(variable));

        simplify(text);
        return text;
}

static char *help(void) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        command_line_help(f);
        (void) fclose(f);
        return text;
}

/* All files of a directory, one after the other. Binary ones count up to their first NUL. */
static char *corpus(const char *variable) {
        DIR *d = opendir(path_of(variable));
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        for (struct dirent *e; d && (e = readdir(d));)
                if (e->d_name[0] != '.') {
                        _cleanup_free_ char *file = read_text_at(dirfd(d), e->d_name);
                        fprintf(f, "%s\n", file);
                }
        if (d)
                (void) closedir(d);
        (void) fclose(f);
        return text;
}

/* — words — */

static bool in_word(char c) {
        return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", c);
}

static char *find_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p++)
                if ((p == text || !in_word(p[-1])) && !in_word(p[n]))
                        return (char *) p;
        return NULL;
}

/* The text without this word: the mistake that every check must find. */
static void spoil(char *text, const char *word) {
        for (char *p; (p = find_word(text, word));)
                memset(p, '?', strlen(word));
}

/* Takes the next long option that text mentions; its dashes are not part of it. */
static const char *next_option(const char *text, char ret[static 64]) {
        for (const char *p = text; (p = strstr(p, "--")); p += 2) {
                size_t n = 0;

                if ((p > text && in_word(p[-1])) || p[2] < 'a' || p[2] > 'z')
                        continue;
                while (in_word(p[2 + n]) && n < 63)
                        n++;
                memcpy(ret, p + 2, n);
                ret[n] = 0;
                return p + 2 + n;
        }
        return NULL;
}

/* — the table — */

static bool is_shown(const Setting *row) {
        return (row->name || row->letter) && row->help;
}

static const Setting *find_option(const char *name) {
        FOREACH_SETTING(row)
                if (is_shown(row) && row->name && streq(row->name, name))
                        return row;
        return NULL;
}

static const Setting *find_key(const char *name) {
        FOREACH_SETTING(row)
                if (row->key && streq(row->key, name))
                        return row;
        return NULL;
}

static const Setting *find_letter(char letter) {
        FOREACH_SETTING(row)
                if (is_shown(row) && row->letter == letter)
                        return row;
        return NULL;
}

/* — checks — */

/* Complaints that are wanted are not shown. */
static bool muted;

static unsigned complain(const char *what, const char *name) {
        if (!muted)
                printf("# %s: %s\n", name, what);
        return 1;
}

#define ASSERT_COMPLAINTS(expr, n)                                                                                    \
        ({                                                                                                            \
                muted = true;                                                                                         \
                ASSERT_EQ(expr, n);                                                                                   \
                muted = false;                                                                                        \
        })

/* Every option, long and short, with these prefixes. */
static unsigned check_options(const char *text, const char *long_prefix, const char *letter_prefix) {
        unsigned errors = 0;

        FOREACH_SETTING(row) {
                char word[80];

                if (is_shown(row) && row->name) {
                        (void) snprintf(word, sizeof(word), "%s%s", long_prefix, row->name);
                        if (!find_word(text, word))
                                errors += complain("missing", word);
                }
                if (is_shown(row) && row->letter) {
                        (void) snprintf(word, sizeof(word), "%s%c", letter_prefix, row->letter);
                        if (!find_word(text, word))
                                errors += complain("missing", word);
                }
        }
        return errors;
}

static unsigned check_keys(const char *text) {
        unsigned errors = 0;

        FOREACH_SETTING(row)
                if (row->key && !find_word(text, row->key))
                        errors += complain("missing", row->key);
        return errors;
}

static unsigned check_variables(const char *text) {
        const char *section = strstr(text, "\n.SH ENVIRONMENT");
        unsigned errors = 0;

        if (!section)
                return complain("missing", "ENVIRONMENT");
        FOREACH_SETTING(row)
                if (row->variable && !find_word(section, row->variable))
                        errors += complain("missing", row->variable);
        return errors;
}

/* No option is mentioned that is not there, but for those of other programs and those that DIFFERENCES admits. */
static unsigned check_mentions(const char *text) {
        static const char *const foreign[] = { "file", "include", "merge", "now" };
        const char *gap = strstr(text, BEGIN_MARK), *gap_end = strstr(text, END_MARK);
        unsigned errors = 0;
        char name[64];

        for (const char *p = text; (p = next_option(p, name));) {
                bool known = find_option(name) || (gap && gap_end && p > gap && p < gap_end);

                for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                        known = known || streq(name, foreign[i]);
                if (!known)
                        errors += complain("is mentioned, and not in the table", name);
        }
        return errors;
}

/* ours: we have it; admitted: the manual says that we have not. One of both. */
static unsigned check_one(const char *name, bool ours, bool admitted) {
        if (ours && admitted)
                return complain("DIFFERENCES says that it is missing, and the table has it", name);
        if (!ours && !admitted)
                return complain("neither in the table nor in DIFFERENCES", name);
        return 0;
}

/* "-b --boot", "--port", "-U" or "Exec.Boot" */
static unsigned check_incumbent_line(const char *line, const char *options, const char *keys) {
        const char *name = strstr(line, "--"), *key = strchr(line, '.');
        char letter = line[0] == '-' && line[1] != '-' ? line[1] : 0;
        const Setting *row;

        if (key) {
                row = find_key(key + 1);
                return check_one(line, row && strncmp(line, row->section, (size_t) (key - line)) == 0,
                                 find_word(keys, key + 1));
        }
        row = name ? find_option(name + 2) : find_letter(letter);
        if (row && letter && row->letter != letter)
                return complain("the letter is not ours", line);
        return check_one(line, row, find_word(options, name ?: line));
}

/* A copy of what is between the marks. */
static char *differences(const char *text) {
        const char *begin = strstr(text, BEGIN_MARK), *end = strstr(text, END_MARK);

        if (!begin || !end || begin > end)
                return strdup("");
        return strndup(begin + strlen(BEGIN_MARK), (size_t) (end - begin) - strlen(BEGIN_MARK));
}

static unsigned check_incumbent(const char *list, const char *man_options, const char *man_keys) {
        _cleanup_free_ char *copy = strdup(list), *options = differences(man_options), *keys = differences(man_keys);
        unsigned errors = 0, lines = 0;
        char *rest = copy;

        for (const char *line; (line = strsep(&rest, "\n"));)
                if (*line && *line != '#') {
                        errors += check_incumbent_line(line, options, keys);
                        lines++;
                }
        return lines > 100 ? errors : complain("the list is cut off", "systemd-nspawn.txt");
}

/* — and their tests — */

TEST(help_names_all_options) {
        _cleanup_free_ char *text = help();

        ASSERT_EQ(check_options(text, "--", "-"), 0U);
        ASSERT_EQ(check_mentions(text), 0U);
        spoil(text, "--network-zone");
        ASSERT_COMPLAINTS(check_options(text, "--", "-"), 1U);
}

TEST(completions_name_all_options) {
        static const struct {
                const char *variable, *long_prefix, *letter_prefix;
        } shells[] = {
                { "COMPLETION_BASH", "--", "-" },
                { "COMPLETION_ZSH", "--", "-" },
                { "COMPLETION_FISH", "-l ", "-s " },
        };

        for (size_t i = 0; i < ELEMENTSOF(shells); i++) {
                _cleanup_free_ char *text = read_text_at(AT_FDCWD, path_of(shells[i].variable));
                char word[32];

                ASSERT_EQ(check_options(text, shells[i].long_prefix, shells[i].letter_prefix), 0U);
                (void) snprintf(word, sizeof(word), "%sbind-ro", shells[i].long_prefix);
                spoil(text, word);
                ASSERT_COMPLAINTS(check_options(text, shells[i].long_prefix, shells[i].letter_prefix), 1U);
        }
}

TEST(manual_names_all_options) {
        _cleanup_free_ char *text = manual("MAN_OPTIONS");

        ASSERT_EQ(check_options(text, "--", "-"), 0U);
        spoil(text, "--stop-timeout");
        ASSERT_COMPLAINTS(check_options(text, "--", "-"), 1U);
}

TEST(manual_names_all_keys) {
        _cleanup_free_ char *text = manual("MAN_KEYS");

        ASSERT_EQ(check_keys(text), 0U);
        spoil(text, "LimitRTTIME");
        ASSERT_COMPLAINTS(check_keys(text), 1U);
}

TEST(manual_names_all_variables) {
        _cleanup_free_ char *text = manual("MAN_OPTIONS");

        ASSERT_EQ(check_variables(text), 0U);
        spoil(text, "SYSTEMD_NSPAWN_LOCK");
        ASSERT_COMPLAINTS(check_variables(text), 1U);
}

TEST(manuals_mention_no_option_that_is_not_there) {
        _cleanup_free_ char *options = manual("MAN_OPTIONS"), *keys = manual("MAN_KEYS"), *wrong = NULL;

        ASSERT_EQ(check_mentions(options), 0U);
        ASSERT_EQ(check_mentions(keys), 0U);
        ASSERT_TRUE(asprintf(&wrong, "%s or --magic.", keys) > 0);
        ASSERT_COMPLAINTS(check_mentions(wrong), 1U);
}

/* The tutorial's other commands have options of their own. */
static unsigned check_commands(const char *text, size_t *ret_n) {
        unsigned errors = 0;

        *ret_n = 0;
        for (const char *line = text; (line = strstr(line, "\n# nspawn ")); line++) {
                _cleanup_free_ char *command = strndup(line, strcspn(line + 1, "\n") + 1);

                ASSERT_TRUE(command);
                errors += check_mentions(command);
                ++*ret_n;
        }
        return errors;
}

TEST(the_tutorial_uses_no_option_that_is_not_there) {
        _cleanup_free_ char *text = manual("MAN_TUTORIAL");
        size_t n;

        ASSERT_EQ(check_commands(text, &n), 0U);
        ASSERT_TRUE(n > 20);
        ASSERT_COMPLAINTS(check_commands("\n# nspawn --magic\n# mkosi --format\n", &n), 1U);
}

TEST(the_incumbents_settings_are_ours_or_admitted_to_be_missing) {
        _cleanup_free_ char *options = manual("MAN_OPTIONS"), *keys = manual("MAN_KEYS");
        _cleanup_free_ char *list = read_text_at(AT_FDCWD, path_of("INCUMBENT")), *wrong = NULL;

        ASSERT_EQ(check_incumbent(list, options, keys), 0U);
        /* an option that nobody has and a letter that means something else; then a manual that admits to lack
         * a key that is there */
        ASSERT_TRUE(asprintf(&wrong, "%s--magic\n-z --boot\n", list) > 0);
        ASSERT_COMPLAINTS(check_incumbent(wrong, options, keys), 2U);
        ASSERT_COMPLAINTS(check_incumbent(list, options, BEGIN_MARK " Boot " END_MARK) -
                                  check_incumbent(list, options, ""),
                          1U);
        ASSERT_COMPLAINTS(check_one("--boot", true, true), 1U);
}

TEST(corpora_have_all_settings) {
        _cleanup_free_ char *argv = corpus("CORPUS_ARGV"), *settings = corpus("CORPUS_SETTINGS");

        ASSERT_EQ(check_options(argv, "--", "-"), 0U);
        ASSERT_EQ(check_keys(settings), 0U);
        spoil(argv, "--uuid");
        spoil(settings, "OverlayReadOnly");
        ASSERT_COMPLAINTS(check_options(argv, "--", "-"), 1U);
        ASSERT_COMPLAINTS(check_keys(settings), 1U);
}

/* — the generator — */

/* Whether gen-docs takes this text for the source of a manual. */
static bool is_accepted(const char *text) {
        char path[] = "/tmp/table.XXXXXX", command[1024];
        int fd = mkstemp(path), status;
        bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);

        (void) close(fd);
        (void) snprintf(command, sizeof(command), "'%s' man-expand %s >/dev/null 2>&1", path_of("GEN_DOCS"), path);
        status = system(command);
        (void) unlink(path);
        ASSERT_TRUE(written && WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        return WEXITSTATUS(status) == 0;
}

/* Takes the text of a good source, a line of it, and one that must not be in it. */
static void test_source(char *text, const char *line, const char *unknown) {
        _cleanup_free_ char *twice = NULL, *more = NULL;
        char *place = strstr(text, line);

        ASSERT_TRUE(place && is_accepted(text));
        ASSERT_TRUE(asprintf(&twice, "%s%s", text, line) > 0 && !is_accepted(twice));
        ASSERT_TRUE(asprintf(&more, "%s%s", text, unknown) > 0 && !is_accepted(more));
        memmove(place, place + strlen(line), strlen(place + strlen(line)) + 1);
        ASSERT_TRUE(!is_accepted(text));
}

TEST(an_incomplete_manual_does_not_build) {
        _cleanup_free_ char *options = read_text_at(AT_FDCWD, path_of("MAN_OPTIONS_SOURCE"));
        _cleanup_free_ char *keys = read_text_at(AT_FDCWD, path_of("MAN_KEYS_SOURCE"));

        test_source(options, "@OPTION chdir@\n", "@OPTION magic@\n");
        test_source(keys, "@KEY Exec.User@\n", "@KEY Exec.Magic@\n");
}

TEST_MAIN
