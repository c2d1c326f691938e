/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line, as getopt_long(3) would read it: stops at the first argument that is no option. */

#include "config/settings.h"

/* Parses argv[1..] by the table. Returns 1 to go on; 0 if ret->show says what is to be shown instead, by
 * command_line_show(); a negative errno, logged, if it cannot be understood. Prints nothing itself. */
int command_line_parse(int argc, char *const argv[], Settings *ret);

/* Prints what s->show asked for. Failure is logged. */
int command_line_show(const Settings *s, FILE *f);

/* The table as JSON. -ENOMEM. */
int command_line_introspect(FILE *f) _must_check_;

/* The table as the text of --help, 80 columns wide. */
void command_line_help(FILE *f);
extern const char *const help_group_titles[_HELP_GROUP_MAX];

/* The values a setting can have, one a line: what "help" as value asks for. Nothing for types without a list.
 */
void setting_list_values(const Setting *row, FILE *f);
