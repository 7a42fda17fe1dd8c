/* SPDX-License-Identifier: BSD-2-Clause */
#include "usage/usage.h"

#include <string.h>

#define HELP_COLUMN 24 /* where explanations begin */

bool usage_has_letter(const struct command_option *option)
{
	return option->id < USAGE_JSON;
}

void usage_print_about(FILE *out, const struct command *command)
{
	fprintf(out, "usage: crosstap %s", command->name);
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];

		if (!option->help)
			continue;
		if (usage_has_letter(option))
			fprintf(out, " [-%c", (char)option->id);
		else
			fprintf(out, " [--%s", option->name);
		if (option->argument)
			fprintf(out, " %s", option->argument);
		fputs(option->repeats ? "]..." : "]", out);
	}
	if (command->operands)
		fprintf(out, " %s", command->operands);
	fprintf(out, "\n%s", command->about);
}

static void print_option(FILE *out, const struct command_option *option)
{
	int column = usage_has_letter(option)
	    ? fprintf(out, "  -%c, --%s", (char)option->id, option->name)
	    : fprintf(out, "  --%s", option->name);

	if (option->argument)
		column += fprintf(out, " %s", option->argument);
	fprintf(out, "%*s%s\n", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "", option->help);
}

void usage_print_options(FILE *out, const struct command *command)
{
	for (size_t i = 0; i < command->n_options; i++) {
		if (command->options[i].help)
			print_option(out, &command->options[i]);
	}
}

void usage_print_tail(FILE *out, const struct command *command)
{
	fputs(command->tail, out);
}

void usage_print(FILE *out, enum command_id id)
{
	usage_print_about(out, &commands[id]);
	usage_print_options(out, &commands[id]);
	usage_print_tail(out, &commands[id]);
}

void usage_begin(struct usage_reader *reader, enum command_id id, int argc, char **argv)
{
	const struct command *command = &commands[id];
	/* cppcheck-suppress ctuuninitvar ; this is what fills the reader */
	char *letter = reader->letters;
	size_t n = 0;

	for (; n < command->n_options; n++) {
		const struct command_option *option = &command->options[n];

		reader->options[n] = (struct option){option->name,
		    option->argument ? required_argument : no_argument, NULL, (int)option->id};
		if (!usage_has_letter(option))
			continue;
		*letter++ = (char)option->id;
		if (option->argument)
			*letter++ = ':';
	}
	*letter++ = USAGE_HELP;
	*letter = '\0';
	reader->options[n] = (struct option){"help", no_argument, NULL, USAGE_HELP};
	reader->options[n + 1] = (struct option){0};
	reader->command = command;
	reader->argc = argc;
	reader->argv = argv;
	optind = 0; /* glibc: start over, main may have used getopt */
}

int usage_next(struct usage_reader *reader)
{
	const int option =
	    getopt_long(reader->argc, reader->argv, reader->letters, reader->options, NULL);

	if (option != -1 || reader->command->operands || optind >= reader->argc)
		return option;
	fprintf(stderr, "%s: takes no '%s'\n", reader->command->name, reader->argv[optind]);
	return '?';
}
