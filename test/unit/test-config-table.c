/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What must hold for every row of the table, so that a careless one is caught here. */

#include "config-test.h"

#define NAME(row) ((row)->name ?: (row)->key ?: (row)->variable ?: "a letter")
#define CHECK(condition, row)                                                                                         \
        ({                                                                                                            \
                if (!(condition))                                                                                     \
                        TEST_FAIL("%s: not true: %s", NAME(row), #condition);                                         \
        })

TEST(rows_are_complete) {
        FOREACH_SETTING(row) {
                CHECK(row->name || row->letter || row->key || row->variable, row);
                CHECK(row->type && row->type->parse && row->type->size > 0 && row->type->expects, row);
                CHECK(row->offset + row->type->size <= sizeof(Settings), row);
                CHECK(row->offset >= offsetof(Settings, value), row);
                CHECK(!row->key == !row->section, row);
                CHECK(row->argument != ARGUMENT_REQUIRED || row->metavar, row);
                CHECK(row->argument != ARGUMENT_OPTIONAL || row->implied, row);
                CHECK(!row->key || row->metavar, row);
                CHECK(row->trust != TRUST_BY_VALUE || row->type->privileged, row);
                CHECK(!row->help || (row->name || row->letter), row);
                CHECK(!row->heir || row->argument == ARGUMENT_OPTIONAL, row);
                CHECK(!(row->words && row->prefix), row);
        }
}

TEST(spellings_are_unique) {
        FOREACH_SETTING(a)
                for (const Setting *b = settings_table; b < a; b++) {
                        CHECK(!a->name || !streq_ptr(a->name, b->name), a);
                        CHECK(!a->letter || a->letter != b->letter, a);
                        CHECK(!a->key || !streq_ptr(a->key, b->key), a);
                        CHECK(!a->variable || !streq_ptr(a->variable, b->variable), a);
                }
}

/* Fields are the same or apart, and whoever shares one frees and masks it alike. */
TEST(fields_do_not_overlap) {
        FOREACH_SETTING(a)
                for (const Setting *b = settings_table; b < a; b++) {
                        if (a->offset != b->offset) {
                                CHECK(a->offset >= b->offset + b->type->size || b->offset >= a->offset + a->type->size,
                                      a);
                                continue;
                        }
                        CHECK(a->type->size == b->type->size, a);
                        CHECK(a->type->destroy == b->type->destroy, a);
                        CHECK(a->type->combine == b->type->combine, a);
                        CHECK(a->mask == b->mask, a);
                        CHECK(!a->fallback || !b->fallback, a);
                }
}

TEST(defaults_parse) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(settings_from_defaults(&s));
        ASSERT_EQ(s.value.payload.stop_timeout_usec, 90 * USEC_PER_SEC);
        ASSERT_EQ(s.value.unit.registration, AUTO_AUTO);
        ASSERT_EQ(s.value.integration.resolv_conf, RESOLV_CONF_AUTO);
        ASSERT_EQ(s.value.integration.timezone, TIMEZONE_AUTO);
        ASSERT_EQ(s.value.integration.link_journal, LINK_JOURNAL_AUTO);
        ASSERT_EQ(s.value.source.settings, SETTINGS_YES);
        ASSERT_STREQ(s.value.env.container_service, "systemd-nspawn");
        ASSERT_TRUE(s.value.env.seccomp && s.value.env.lock && s.value.env.tmpfs_tmp && s.value.env.use_cgns);
}

/* An option that takes a value never takes an empty one for it, but where that has a meaning. */
TEST(empty_values_are_refused) {
        FOREACH_SETTING(row) {
                _cleanup_settings_ Settings s = {};
                char line[128];

                if (!row->name || row->argument != ARGUMENT_REQUIRED || streq(row->name, "background") ||
                    streq(row->name, "restrict-address-families"))
                        continue;
                (void) snprintf(line, sizeof(line), "--%s=", row->name);
                if (parse_line(line, &s) != -EINVAL)
                        TEST_FAIL("%s is accepted", line);
                ASSERT_LOGGED(line);
                ASSERT_LOGGED(" is not ");
        }
}

TEST(missing_values_are_refused) {
        FOREACH_SETTING(row) {
                _cleanup_settings_ Settings s = {};
                char line[128];

                if (!row->name || row->argument != ARGUMENT_REQUIRED)
                        continue;
                (void) snprintf(line, sizeof(line), "--%s", row->name);
                ASSERT_ERR(parse_line(line, &s), -EINVAL);
        }
}

TEST(words_of_enums_parse) {
        FOREACH_SETTING(row)
                for (size_t i = 0; i < row->type->n_names; i++) {
                        _cleanup_settings_ Settings s = {};

                        if (*row->type->names[i])
                                ASSERT_OK(settings_apply(&s, row, ORIGIN_FILE, NAME(row), row->type->names[i]));
                }
}

TEST(help_has_every_option_and_fits) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        command_line_help(f);
        ASSERT_OK(fclose(f));
        FOREACH_SETTING(row) {
                char option[64];

                if (row->name && !row->help) /* is only there to be refused */
                        continue;
                (void) snprintf(option, sizeof(option), "--%s", row->name ?: "help");
                CHECK(strstr(text, option), row);
        }
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                if (strlen(line) > 80)
                        TEST_FAIL("too long: %s", line);
        free(text);
}

TEST_MAIN
