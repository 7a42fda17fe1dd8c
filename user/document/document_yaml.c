/* SPDX-License-Identifier: BSD-2-Clause */
#include "document/document.h"

#include "config/limits_text.h"
#include "config/output_kind.h"

#include <errno.h>
#include <string.h>

#define WIDTH 92 /* columns of a comment */

/* Sentences as comment lines, broken between words. */
static void write_comment(FILE *out, const char *prefix, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (!column)
			column = (size_t)fprintf(out, "%s#", prefix);
		column += (size_t)fprintf(out, " %.*s", (int)n, text);
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

static void write_help(FILE *out, const char *prefix, const struct config_option *option)
{
	char text[1024], limits[LIMITS_TEXT_SIZE];

	limits_text(option, limits);
	snprintf(text, sizeof(text), "%s%s%s%s", option->help, *limits ? " (" : "", limits,
	    *limits ? ")" : "");
	write_comment(out, prefix, text);
}

static void write_option(FILE *out, const char *indent, const struct config_option *option)
{
	write_help(out, indent, option);
	if (option->fallback)
		fprintf(out, "%s%s: %s\n", indent, option_key(option), option->fallback);
	else
		fprintf(out, "%s#%s: %s\n", indent, option_key(option), option->example);
}

/* The default input: its address is an example that is not commented out. */
static void write_inputs(FILE *out, const struct config_option *option)
{
	write_help(out, "", option);
	fputs("inputs:\n  -\n", out);
	for (size_t i = 0; i < options_input.n; i++) {
		const struct config_option *input = &options_input.options[i];

		if (strcmp(input->path, "unix") == 0) {
			write_help(out, "    ", input);
			fprintf(out, "    unix: %s\n", CONFIG_DEFAULT_INPUT);
		} else if (input->type == OPTION_SECTION) {
			write_help(out, "    ", input);
			fprintf(out, "    #%s:\n", input->path);
		} else if (strchr(input->path, '.')) {
			write_help(out, "    #  ", input);
			fprintf(out, "    #  %s: %s\n", option_key(input), input->example);
		} else {
			write_option(out, "    ", input);
		}
	}
}

static void write_output(FILE *out, const char *kind, const struct option_table *table)
{
	write_comment(out, "  ", table->help);
	fprintf(out, "  #- %s:\n", kind);
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];

		const char *indent = strchr(option->path, '.') ? "  #      " : "  #    ";

		write_help(out, indent, option);
		if (option->type == OPTION_SECTION)
			fprintf(out, "%s%s:\n", indent, option_key(option));
		else
			fprintf(out, "%s%s%s: %s\n", indent, option->when.is_set ? "#" : "",
			    option_key(option),
			    option->fallback ? option->fallback : option->example);
	}
}

static void write_outputs(FILE *out, const struct config_option *option)
{
	write_help(out, "", option);
	fputs("outputs:\n", out);
	for (size_t i = 0; output_kinds[i]; i++)
		write_output(out, output_kinds[i]->name, &output_kinds[i]->table);
}

/* The table has three levels. */
static const char *indentation(const char *path)
{
	const char *dot = strchr(path, '.');

	if (!dot)
		return "";
	return strchr(dot + 1, '.') ? "    " : "  ";
}

int document_write_default(FILE *out)
{
	fputs("# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# The configuration of crosstap. What is not commented out is the default; "
	      "`crosstap check` says what a\n"
	      "# file comes to. Times take ms, s, m, h, d; sizes KiB, MiB, GiB. $NAME anywhere in "
	      "a value is replaced\n"
	      "# from the environment, $$ is a dollar sign.\n",
	    out);
	for (size_t i = 0; i < options_root.n; i++) {
		const struct config_option *option = &options_root.options[i];
		const char *indent = indentation(option->path);

		if (!*indent)
			fputc('\n', out);
		if (option->type == OPTION_INPUTS) {
			write_inputs(out, option);
		} else if (option->type == OPTION_OUTPUTS) {
			write_outputs(out, option);
		} else if (option->type == OPTION_SECTION) {
			write_help(out, indent, option);
			fprintf(out, "%s%s:\n", indent, option_key(option));
		} else {
			write_option(out, indent, option);
		}
	}
	return ferror(out) ? -EIO : 0;
}
