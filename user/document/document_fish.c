/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for fish: config/completion/crosstap.fish. */
#include "document/document.h"

#include "document/quote.h"

#include "usage/usage.h"

#include <errno.h>

static void write_condition(FILE *out, const struct command *command)
{
	fprintf(out, "complete -c crosstap -n '__fish_seen_subcommand_from %s'", command->name);
}

static void write_option(
    FILE *out, const struct command *command, const struct command_option *option)
{
	write_condition(out, command);
	if (usage_has_letter(option))
		fprintf(out, " -s %c", (char)option->id);
	fprintf(out, " -l %s", option->name);
	if (option->kind == ARGUMENT_FILE)
		fputs(" -r -F", out);
	else if (option->argument)
		fputs(" -x", out);
	if (option->words) {
		fputs(" -a '", out);
		for (size_t i = 0; option->words[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", option->words[i]);
		fputc('\'', out);
	}
	fputs(" -d ", out);
	quote_text(out, option->help);
	fputc('\n', out);
}

static void write_command(FILE *out, const struct command *command)
{
	fprintf(out, "complete -c crosstap -n __fish_use_subcommand -a %s -d ", command->name);
	quote_text(out, command->help);
	fputc('\n', out);
	for (size_t i = 0; i < command->n_options; i++) {
		if (command->options[i].help)
			write_option(out, command, &command->options[i]);
	}
	if (command->operand_kind == ARGUMENT_NONE)
		return;
	write_condition(out, command);
	fputs(command->operand_kind == ARGUMENT_INTERFACE ? " -a '(__fish_print_interfaces)'\n"
							  : " -F\n",
	    out);
}

int document_write_fish(FILE *out)
{
	fputs("# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# Completion of crosstap for fish, made from the table of commands by "
	      "`crosstap check --write-fish`.\n"
	      "complete -c crosstap -f\n"
	      "complete -c crosstap -s h -l help -d 'say more'\n"
	      "complete -c crosstap -n __fish_use_subcommand -l version -d 'which this is'\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++)
		write_command(out, &commands[i]);
	return ferror(out) ? -EIO : 0;
}
