/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of config/man/crosstap.1 that tell of the command line, in mdoc(7). */
#include "document/document.h"

#include "document/roff.h"
#include "usage/usage.h"

#include <errno.h>

/* mdoc(7) writes the first dash of a flag. */
static void write_flag(FILE *out, const struct command_option *option)
{
	if (usage_has_letter(option))
		fprintf(out, "Fl %c", (char)option->id);
	else
		fprintf(out, "Fl -%s", option->name);
	if (option->argument)
		fprintf(out, " Ar %s", option->argument);
}

static void write_call(FILE *out, const struct command *command)
{
	fprintf(out, ".Nm\n.Cm %s\n", command->name);
	for (size_t i = 0; i < command->n_options; i++) {
		if (!command->options[i].help)
			continue;
		fputs(".Op ", out);
		write_flag(out, &command->options[i]);
		fputs(command->options[i].repeats ? " Ns ...\n" : "\n", out);
	}
	if (command->operands && command->operand_kind == ARGUMENT_TEXT)
		fprintf(out, ".Cm %s\n", command->operands);
	else if (command->operands)
		fprintf(out, ".Op Ar %s ...\n",
		    command->operand_kind == ARGUMENT_FILE ? "FILE" : "IFACE");
}

static void write_options(FILE *out, const struct command *command)
{
	fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", command->name);
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];

		if (!option->help)
			continue;
		fputs(".It ", out);
		write_flag(out, option);
		if (usage_has_letter(option))
			fprintf(out, " , Fl -%s Ar %s", option->name, option->argument);
		fputc('\n', out);
		roff_text(out, option->help);
	}
	fputs(".El\n", out);
}

int document_write_synopsis(FILE *out)
{
	fputs(".Sh SYNOPSIS\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		write_call(out, &commands[i]);
	fputs(
	    ".Nm\n.Ar FILE\n.Nm\n.Cm help\n.Op Ar COMMAND\n.Nm\n.Fl -version\n.Sh OPTIONS\n", out);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].n_options)
			write_options(out, &commands[i]);
	}
	return ferror(out) ? -EIO : 0;
}
