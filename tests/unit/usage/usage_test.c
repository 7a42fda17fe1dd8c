/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands: what the parser takes is what the help tells. */
#include "base/unused.h"
#include "usage/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MAX_HELP 8192

static void help_of(enum command_id id, char text[MAX_HELP])
{
	FILE *out = fmemopen(text, MAX_HELP, "w");

	assert_non_null(out);
	usage_print(out, id);
	assert_int_equal(fclose(out), 0);
}

/* With an argument, too, where one is given. */
static int read_one(enum command_id id, char *word, char *argument)
{
	char name[] = "command", *argv[] = {name, word, argument, NULL};
	struct usage_reader reader;
	int first;

	usage_begin(&reader, id, argument ? 3 : 2, argv);
	first = usage_next(&reader);
	if (argument)
		assert_ptr_equal(optarg, argument);
	if (first != '?')
		assert_int_equal(usage_next(&reader), -1);
	return first;
}

static void check_option(enum command_id id, const struct command_option *option, const char *help)
{
	char name[64], letter[] = {'-', (char)option->id, '\0'}, value[] = "value";

	snprintf(name, sizeof(name), "--%s", option->name);
	assert_int_equal(read_one(id, name, option->argument ? value : NULL), option->id);
	if (usage_has_letter(option))
		assert_int_equal(read_one(id, letter, option->argument ? value : NULL), option->id);
	if (option->help) {
		assert_non_null(strstr(help, name));
		assert_non_null(strstr(help, option->help));
	} else {
		assert_null(strstr(help, name));
	}
	assert_int_equal(!option->argument, option->kind == ARGUMENT_NONE);
	assert_int_equal(option->words != NULL, option->kind == ARGUMENT_WORD);
}

static void every_option_is_taken_and_told(void **state UNUSED)
{
	for (int i = 0; i < COMMANDS; i++) {
		const struct command *command = &commands[i];
		char help[MAX_HELP], first[64];

		help_of((enum command_id)i, help);
		assert_in_range(command->n_options, 0, MAX_COMMAND_OPTIONS);
		snprintf(first, sizeof(first), "usage: crosstap %s", command->name);
		assert_int_equal(strncmp(help, first, strlen(first)), 0);
		for (size_t k = 0; k < command->n_options; k++)
			check_option((enum command_id)i, &command->options[k], help);
		assert_int_equal(!command->operands, command->operand_kind == ARGUMENT_NONE);
	}
}

static void every_command_has_help_and_refuses_the_rest(void **state UNUSED)
{
	char letter[] = "-h", word[] = "--help", unknown[] = "--no-such-option", other[] = "-Z";

	for (int i = 0; i < COMMANDS; i++) {
		assert_int_equal(read_one((enum command_id)i, letter, NULL), USAGE_HELP);
		assert_int_equal(read_one((enum command_id)i, word, NULL), USAGE_HELP);
		assert_int_equal(read_one((enum command_id)i, unknown, NULL), '?');
		assert_int_equal(read_one((enum command_id)i, other, NULL), '?');
	}
}

static void operands_come_after_options(void **state UNUSED)
{
	char name[] = "replay", file[] = "a.fstrm", json[] = "--json", dash[] = "-";
	char *argv[] = {name, file, json, dash, NULL};
	struct usage_reader reader;

	usage_begin(&reader, COMMAND_REPLAY, 4, argv);
	assert_int_equal(usage_next(&reader), USAGE_JSON);
	assert_int_equal(usage_next(&reader), -1);
	assert_int_equal(optind, 2);
	assert_string_equal(argv[2], file);
	assert_string_equal(argv[3], dash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_option_is_taken_and_told),
	    cmocka_unit_test(every_command_has_help_and_refuses_the_rest),
	    cmocka_unit_test(operands_come_after_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
