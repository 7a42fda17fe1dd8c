/* SPDX-License-Identifier: BSD-2-Clause */
#include "outside/unit_environment.h"

#include "config/file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* In its place: quotes go, and what a backslash is before stays. Its end is that of white space. */
static void unquote(char *value)
{
	char quote = '\0', *out = value, *end = value;

	for (const char *at = value; *at; at++) {
		if (*at == '\\' && quote != '\'' && at[1]) {
			*out++ = *++at;
			end = out;
		} else if (quote ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote ? '\0' : *at;
			end = out;
		} else {
			*out++ = *at;
			end = quote || !isspace((unsigned char)*at) ? out : end;
		}
	}
	*end = '\0';
}

static bool is_name(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (name[i] != '_' && !isalnum((unsigned char)name[i]))
			return false;
	}
	return length && !isdigit((unsigned char)*name);
}

static void take_line(char *line)
{
	char *equals = strchr(line, '=');

	line += strspn(line, " \t");
	if (*line == '#' || *line == ';' || !equals || !is_name(line, (size_t)(equals - line)))
		return;
	*equals++ = '\0';
	equals += strspn(equals, " \t");
	unquote(equals);
	(void)setenv(line, equals, 0);
}

void unit_environment_take(const char *path)
{
	char *text = NULL, *rest = NULL;
	size_t length = 0;

	if (config_file_read(path, 0, &text, &length) < 0)
		return;
	if (length <= CONFIG_FILE_MAX) {
		text[length] = '\0';
		for (char *line = strtok_r(text, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			take_line(line);
	}
	explicit_bzero(text, length);
	free(text);
}
