/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for zsh: config/completion/_crosstap. */
#include "document/document.h"

#include "usage/usage.h"

#include <errno.h>
#include <string.h>

/* Within single quotes; what `special` names gets a backslash, by which _arguments and _describe
 * read it as text. */
static void write_text(FILE *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs("'\\''", out);
			continue;
		}
		if (strchr(special, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void write_action(FILE *out, enum argument_kind kind, const struct command_option *option)
{
	switch (kind) {
	case ARGUMENT_FILE:
		fputs("_files", out);
		break;
	case ARGUMENT_INTERFACE:
		fputs("_net_interfaces", out);
		break;
	case ARGUMENT_WORD:
		fputc('(', out);
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): only options have them */
		for (size_t i = 0; option->words[i]; i++)
			fprintf(out, "%s%s", i ? " " : "", option->words[i]);
		fputc(')', out);
		break;
	default:
		fputc(' ', out); /* something must follow; nothing is offered */
		break;
	}
}

/* One specification of _arguments. */
static void write_option(FILE *out, const struct command_option *option)
{
	if (usage_has_letter(option))
		fprintf(out, " \\\n\t\t\t'(-%c --%s)'{-%c,--%s}'[", (char)option->id, option->name,
		    (char)option->id, option->name);
	else
		fprintf(out, " \\\n\t\t\t'%s--%s[", option->repeats ? "*" : "", option->name);
	write_text(out, option->help, "[]:\\");
	fputc(']', out);
	if (option->argument) {
		fputc(':', out);
		write_text(out, option->argument, "[]:\\");
		fputc(':', out);
		write_action(out, option->kind, option);
	}
	fputc('\'', out);
}

static void write_command(FILE *out, const struct command *command)
{
	fprintf(out, "\t%s)\n\t\t_arguments '(-h --help)'{-h,--help}'[say more]'", command->name);
	for (size_t i = 0; i < command->n_options; i++) {
		if (command->options[i].help)
			write_option(out, &command->options[i]);
	}
	if (command->operand_kind != ARGUMENT_NONE) {
		fputs(" \\\n\t\t\t'*:", out);
		write_text(out, command->operands, "[]:\\");
		fputc(':', out);
		write_action(out, command->operand_kind, NULL);
		fputc('\'', out);
	}
	fputs("\n\t\t;;\n", out);
}

int document_write_zsh(FILE *out)
{
	fputs("#compdef crosstap\n"
	      "# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# Completion of crosstap for zsh, made from the table of commands by "
	      "`crosstap check --write-zsh`.\n"
	      "\n"
	      "local -a names=(\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++) {
		fprintf(out, "\t'%s:", commands[i].name);
		write_text(out, commands[i].help, ":\\");
		fputs("'\n", out);
	}
	fputs(
	    ")\n"
	    "\n"
	    "if ((CURRENT == 2)); then\n"
	    "\t_describe -t commands command names\n"
	    "\t_arguments '--help[say more]' '--version[which this is]' '1:configuration:_files'\n"
	    "\treturn\n"
	    "fi\n"
	    "shift words\n"
	    "((CURRENT--))\n"
	    "case $words[1] in\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++)
		write_command(out, &commands[i]);
	fputs("esac\n", out);
	return ferror(out) ? -EIO : 0;
}
