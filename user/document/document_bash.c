/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for bash: config/completion/crosstap.bash, which is sourced as it is or loaded by
 * bash-completion. */
#include "document/document.h"

#include "usage/usage.h"

#include <errno.h>

static const char head[] = "# SPDX-License-Identifier: BSD-2-Clause\n"
			   "# Completion of crosstap for bash, made from the table of commands by "
			   "`crosstap check --write-bash`.\n"
			   "\n"
			   "_crosstap_words() {\n"
			   "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\")\n"
			   "}\n"
			   "\n"
			   "_crosstap_files() {\n"
			   "\tmapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n"
			   "\tcompopt -o filenames 2>/dev/null\n"
			   "}\n"
			   "\n"
			   "_crosstap() {\n"
			   "\tlocal command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} "
			   "before=${COMP_WORDS[COMP_CWORD - 1]}\n"
			   "\n"
			   "\tCOMPREPLY=()\n"
			   "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
			   "\t\tcase $current in\n"
			   "\t\t*[/.]*) _crosstap_files \"$current\" ;;\n"
			   "\t\t*) _crosstap_words '";

static void write_words(FILE *out, const struct command_option *option)
{
	for (size_t i = 0; option->words && option->words[i]; i++)
		fprintf(out, "%s%s", i ? " " : "", option->words[i]);
}

/* What follows the word before, when that is an option with an argument. */
static void write_argument(
    FILE *out, const struct command *command, const struct command_option *option)
{
	fputs("\t", out);
	if (usage_has_letter(option))
		fprintf(out, "'%s -%c' | ", command->name, (char)option->id);
	fprintf(out, "'%s --%s') ", command->name, option->name);
	switch (option->kind) {
	case ARGUMENT_FILE:
		fputs("_crosstap_files \"$current\"", out);
		break;
	case ARGUMENT_WORD:
		fputs("_crosstap_words '", out);
		write_words(out, option);
		fputs("' \"$current\"", out);
		break;
	default:
		fputs(":", out);
		break;
	}
	fputs(" ;;\n", out);
}

static void write_arguments(FILE *out)
{
	fputs("\tcase \"$command $before\" in\n", out);
	for (size_t i = 0; i < COMMANDS; i++) {
		for (size_t k = 0; k < commands[i].n_options; k++) {
			if (commands[i].options[k].argument)
				write_argument(out, &commands[i], &commands[i].options[k]);
		}
	}
	fputs("\t*) _crosstap_more \"$command\" \"$current\" ;;\n\tesac\n", out);
}

static void write_options(FILE *out, const struct command *command)
{
	fprintf(out, "\t%s:-*) _crosstap_words '", command->name);
	for (size_t i = 0; i < command->n_options; i++) {
		const struct command_option *option = &command->options[i];

		if (!option->help)
			continue;
		if (usage_has_letter(option))
			fprintf(out, "-%c ", (char)option->id);
		fprintf(out, "--%s ", option->name);
	}
	fputs("-h --help' \"$2\" ;;\n", out);
}

static void write_operands(FILE *out, const struct command *command)
{
	if (command->operand_kind == ARGUMENT_FILE)
		fprintf(out, "\t%s:*) _crosstap_files \"$2\" ;;\n", command->name);
	if (command->operand_kind == ARGUMENT_INTERFACE)
		fprintf(out,
		    "\t%s:*) _crosstap_words \"$(command ls /sys/class/net 2>/dev/null)\" \"$2\" "
		    ";;\n",
		    command->name);
}

int document_write_bash(FILE *out)
{
	fputs(head, out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "%s ", commands[i].name);
	fputs("-h --help --version' \"$current\" ;;\n\t\tesac\n\t\treturn\n\tfi\n", out);
	write_arguments(out);
	fputs("}\n\n# An option, or an operand: of which command, and what of it is typed.\n"
	      "_crosstap_more() {\n\tcase $1:$2 in\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++) {
		write_options(out, &commands[i]);
		write_operands(out, &commands[i]);
	}
	fputs("\tesac\n}\n\ncomplete -F _crosstap crosstap\n", out);
	return ferror(out) ? -EIO : 0;
}
