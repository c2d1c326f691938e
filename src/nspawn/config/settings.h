/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one table of settings. A row says everything about a setting: how it is spelled on the command line, in
 * .nspawn files and in the environment, what values it takes, where the value goes, and what it is when
 * nobody says. Parsing, --help, shell completion, the manual's term lists, merging and freeing all read this
 * table, so that a new setting is one row (and a field in config.h). */

#include <stdio.h>

#include "config/config.h"

/* Where a value comes from. What is not on the command line may not use the caller's environment. */
typedef enum ValueOrigin { ORIGIN_COMMAND_LINE, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_DEFAULT } ValueOrigin;

/* What a shell offers to complete a value, besides the names that list() prints. */
typedef enum Completion { COMPLETE_NOTHING, COMPLETE_DIRECTORY, COMPLETE_FILE, COMPLETE_MACHINE } Completion;

typedef struct ValueType ValueType;
struct ValueType {
        size_t size; /* of the field in Settings */

        /* Turns text into the field: replaces a single value, appends to a list. On failure the field stays
         * valid. -EINVAL and -ERANGE: the text is not what expects says; -EOPNOTSUPP: it will be, later;
         * -EEXIST: a list has it already;
         * -EADDRINUSE: the same, of a port. */
        int (*parse)(const ValueType *type, ValueOrigin origin, const char *text, void *field);

        void (*destroy)(void *field); /* frees what the field points to; NULL if that is nothing */

        /* For fields of which parts are set one by one: takes the parts from weaker that field lacks. NULL:
         * the stronger value replaces the weaker one whole. */
        void (*combine)(void *field, const void *weaker);

        bool (*privileged)(const char *text); /* for TRUST_BY_VALUE */
        bool secret;                          /* not to be quoted in messages */
        const char *expects;                  /* completes "… is not" in error messages */
        const char *unavailable;              /* the same where parse() gives -EOPNOTSUPP, with its verb */
        const char *const *names;             /* of an enum, "" for a value without a name, NULL at the end */
        size_t n_names;
        void (*list)(FILE *f); /* prints what "help" as value asks for, one a line; NULL if names do */
        Completion completion;
};

typedef enum Argument { ARGUMENT_NONE, ARGUMENT_REQUIRED, ARGUMENT_OPTIONAL } Argument;

typedef enum HelpGroup {
        HELP_GENERAL,
        HELP_SOURCE,
        HELP_EXECUTION,
        HELP_IDENTITY,
        HELP_UNIT,
        HELP_USERS,
        HELP_NETWORK,
        HELP_SECURITY,
        HELP_RESOURCES,
        HELP_INTEGRATION,
        HELP_MOUNTS,
        HELP_OUTPUT,
        HELP_CREDENTIALS,
        _HELP_GROUP_MAX,
} HelpGroup;

/* When the stronger of two sources sets any member of a group, the weaker one's whole group is dropped: one
 * --bind= hides all mounts of the file. */
typedef enum MaskGroup {
        MASK_NONE,
        MASK_START,
        MASK_CAPABILITIES,
        MASK_USERS,
        MASK_BIND_USERS,
        MASK_NETWORK,
        MASK_MOUNTS,
} MaskGroup;

/* Whether a .nspawn file that came with the tree may say it. */
typedef enum Trust { TRUST_ANYONE, TRUST_PRIVILEGED, TRUST_BY_VALUE } Trust;

typedef struct Setting {
        /* the command line */
        const char *name; /* long option without its dashes, NULL for none */
        char letter;      /* short option, 0 for none */
        Argument argument;
        const char *metavar; /* of the argument; also how NAME= is shown in manuals */
        const char *implied; /* the value meant by the switch alone */
        const char *heir;    /* long option that takes the argument instead, with a warning: a deprecated spelling */
        HelpGroup group;
        const char *help; /* NULL: works, but is not shown anywhere */

        /* .nspawn files */
        const char *section, *key; /* NULL for none */
        const char *prefix;        /* put before the file's value: LimitCORE=1 is --rlimit=CORE=1 */
        bool words;                /* the file's value is a list of words, each of them a value */
        Trust trust;

        const char *variable; /* environment variable, NULL for none */

        /* the value; rows with the same offset set the same field */
        const ValueType *type;
        size_t offset; /* into Settings */
        MaskGroup mask;
        const char *fallback; /* the value if nobody sets one; NULL for zero */
} Setting;

extern const Setting settings_table[];
extern const size_t settings_table_size;

#define FOREACH_SETTING(row)                                                                                          \
        for (const Setting *row = settings_table; row < settings_table + settings_table_size; row++)

/* What to do instead of starting a machine. */
typedef enum Show { SHOW_NOTHING, SHOW_HELP, SHOW_VERSION, SHOW_INTROSPECTION, SHOW_VALUES } Show;

#define SETTINGS_MAX 192

/* What one source of settings said. Sparse: a field without its bit in set is unset, whatever it holds. */
typedef struct Settings {
        uint64_t set[SETTINGS_MAX / 64]; /* by the number of the first row that has the field */
        MachineConfig value;

        /* Said, and turned into value or dealt with by config_resolve(). */
        bool boot, as_pid2;
        bool no_pager;

        Show show;
        const Setting *show_row; /* whose values SHOW_VALUES shows */

        /* Found by config_locate(). The settings file of the machine goes by plain_name, which lacks what
         * --ephemeral adds, and may lie in tree_parent (NULL: nowhere but in the trusted directories). */
        char *plain_name, *tree_parent;
} Settings;

/* Frees what the settings hold and leaves them empty. */
void settings_free(Settings *s);
#define _cleanup_settings_ _cleanup_(settings_free)

/* Whether a field is set, by its name: settings_has(s, value.network.bridge). */
bool settings_has_at(const Settings *s, size_t offset);
#define settings_has(s, member) settings_has_at(s, offsetof(Settings, member))
void settings_mark_at(Settings *s, size_t offset);
#define settings_mark(s, member) settings_mark_at(s, offsetof(Settings, member))

/* The first row with the field that this row has: it stands for all of them. */
const Setting *setting_canonical(const Setting *row);

/* Parses text for a row and marks it as set. Failure is logged, beginning with where ("--bind=", or file and
 * line). */
int settings_apply(Settings *s, const Setting *row, ValueOrigin origin, const char *where, const char *text);

/* Back to unset, as an empty assignment in a file does. */
void settings_reset(Settings *s, const Setting *row);

/* Moves everything from weaker to s that s does not set itself, by field and by mask group. */
void settings_merge(Settings *s, Settings *weaker);

/* All variables that rows name. Failure is logged. */
int settings_from_environment(Settings *ret);

/* All fallbacks of the table. */
int settings_from_defaults(Settings *ret);
