/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML text of the effective configuration, made from its JSON document. */
#include "config/write.h"

#include "config/parse/value_scalar.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Words that some reader of YAML 1.1 takes for something else than text. */
static bool is_special(const char *text)
{
	static const char *const words[] = {
	    "true", "false", "yes", "no", "on", "off", "y", "n", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(words[i], text) == 0)
			return true;
	}
	return false;
}

static bool is_plain(const char *text)
{
	static const char safe[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-";
	size_t n = strlen(text);
	bool starts_well = *text == '/' || (*text >= 'A' && *text <= 'Z') ||
	    (*text >= 'a' && *text <= 'z') || (*text >= '1' && *text <= '9');

	return starts_well && strspn(text, safe) == n && text[n - 1] != ':' && !is_special(text);
}

/* A double-quoted scalar; `$` is doubled, so that what is written can be read again. */
static void write_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if (*text == '$')
			fputc('$', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* Keys are not expanded, so their `$` stays single: quoted only where plain would not do. */
static void write_key(const char *key, FILE *out)
{
	if (is_plain(key)) {
		fputs(key, out);
		return;
	}
	fputc('"', out);
	for (; *key; key++) {
		if (*key == '"' || *key == '\\')
			fputc('\\', out);
		fputc(*key, out);
	}
	fputc('"', out);
}

static void write_scalar(const json_t *value, FILE *out)
{
	char number[SCALAR_TEXT_SIZE];

	if (json_is_string(value)) {
		const char *text = json_string_value(value);

		if (is_plain(text))
			fputs(text, out);
		else
			write_quoted(text, out);
	} else if (json_is_boolean(value)) {
		fputs(json_is_true(value) ? "true" : "false", out);
	} else if (json_is_real(value)) {
		scalar_format_real(number, json_real_value(value));
		fputs(number, out);
	} else {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	}
}

static void write_map(json_t *map, unsigned indent, bool after_dash, FILE *out);

static void write_list(const json_t *list, unsigned indent, FILE *out)
{
	size_t n = json_array_size(list);

	if (n && json_is_object(json_array_get(list, 0))) {
		for (size_t i = 0; i < n; i++) {
			fprintf(out, "\n%*s- ", (int)indent, "");
			write_map(json_array_get(list, i), indent + 2, true, out);
		}
		return;
	}
	fputs(" [", out);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		write_scalar(json_array_get(list, i), out);
	}
	fputc(']', out);
}

/* The depth is that of the table of options: three levels and the lists of maps. */
static void write_map(json_t *map, unsigned indent, bool after_dash, FILE *out)
{
	const char *key;
	json_t *value;

	json_object_foreach(map, key, value)
	{
		if (!after_dash)
			fprintf(out, "\n%*s", (int)indent, "");
		after_dash = false;
		write_key(key, out);
		fputc(':', out);
		if (json_is_object(value) && json_object_size(value) == 0)
			fputs(" {}", out);
		else if (json_is_object(value))
			write_map(value, indent + 2, false, out);
		else if (json_is_array(value))
			write_list(value, indent + 2, out);
		else {
			fputc(' ', out);
			write_scalar(value, out);
		}
	}
}

int config_write_yaml(const struct config *config, FILE *out)
{
	json_t *json = config_to_json(config);

	if (!json)
		return -ENOMEM;
	write_map(json, 0, true, out);
	fputc('\n', out);
	json_decref(json);
	return ferror(out) ? -EIO : 0;
}
