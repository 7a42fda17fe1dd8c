/* SPDX-License-Identifier: BSD-2-Clause */
/* One value of the file into one member of the configuration. */
#include "config/parse/reader.h"

#include "base/arena.h"
#include "config/limits_text.h"
#include "config/parse/texts.h"
#include "config/parse/value_list.h"
#include "config/parse/value_scalar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 48 /* bytes of a bad value in a message */

/* A bad value as a message may show it: as written, so `$NAME` and not what it stands for. */
static const char *shown(
    char out[MAX_SHOWN + 8], const struct config_option *option, const struct node *node)
{
	if (option->secret || option->is_url)
		return "the value";
	snprintf(out, MAX_SHOWN + 8, "\"%.*s\"%s", MAX_SHOWN, node->text,
	    strlen(node->text) > MAX_SHOWN ? "..." : "");
	return out;
}

static void *at(const struct config_option *option, void *base)
{
	return (char *)base + option->offset;
}

static bool expect_scalar(struct reader *reader, const struct node *node, const char *key)
{
	if (node->kind != NODE_SCALAR)
		reader_problem(reader, node, key, "must be one value, not a %s",
		    node->kind == NODE_LIST ? "list" : "map");
	return node->kind == NODE_SCALAR;
}

/* --- $NAME --- */

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (text[n] == '_' || (text[n] >= 'A' && text[n] <= 'Z') ||
	    (text[n] >= 'a' && text[n] <= 'z') || (n && text[n] >= '0' && text[n] <= '9'))
		n++;
	return n;
}

/* What the `$` at `text` stands for; *ret_used characters of the text are consumed. NULL after a
 * problem. */
static const char *variable(struct reader *reader, const struct node *node, const char *key,
    const char *text, size_t *ret_used)
{
	size_t n = name_length(text + 1);
	char name[128];
	const char *value;

	if (text[1] == '$') {
		*ret_used = 2;
		return "$";
	}
	if (!n || n >= sizeof(name)) {
		reader_problem(
		    reader, node, key, "a `$` without a name; write $$ for a dollar sign");
		return NULL;
	}
	memcpy(name, text + 1, n);
	name[n] = '\0';
	*ret_used = n + 1;
	value = getenv(name);
	if (!value)
		reader_problem(reader, node, key,
		    "environment variable %s is not set (the unit takes /etc/crosstap/environment "
		    "when it starts)",
		    name);
	return value;
}

static const char *expand(struct reader *reader, const struct node *node, const char *key)
{
	char *out = NULL, *copy;
	size_t size = 0;
	const char *text = node->text;
	FILE *stream = open_memstream(&out, &size);

	if (!stream) {
		reader->no_memory = true;
		return NULL;
	}
	while (text && *text) {
		size_t n = strcspn(text, "$");
		const char *value;

		fwrite(text, 1, n, stream);
		text += n;
		if (!*text)
			break;
		value = variable(reader, node, key, text, &n);
		if (value)
			fputs(value, stream);
		text = value ? text + n : NULL;
	}
	if (fclose(stream) != 0)
		reader->no_memory = true;
	copy = text && !reader->no_memory ? arena_strdup(reader->arena, out) : NULL;
	if (text && !copy)
		reader->no_memory = true;
	free(out);
	return copy;
}

const char *value_expand(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key)
{
	const char *text = strchr(node->text, '$') ? expand(reader, node, key) : node->text;
	const char *problem = text ? text_check_clean(text) : NULL;
	char buffer[MAX_SHOWN + 8];

	if (!problem)
		return text;
	reader_problem(reader, node, key, "%s %s", shown(buffer, option, node), problem);
	return NULL;
}

/* --- scalars --- */

static const char *const type_forms[] = {
    [OPTION_BOOL] = "true or false",
    [OPTION_UINT] = "a whole number",
    [OPTION_REAL] = "a number, as in 1.5",
    [OPTION_SIZE] = "a size, as in 512, 64KiB, 256MiB or 1GiB",
    [OPTION_TIME] = "a time with a unit, as in 500ms, 10s, 5m, 2h or 1d",
    [OPTION_RATE] = "a rate, as in 200/s",
    [OPTION_MODE] = "an octal file mode, as in \"0660\"",
};

static bool in_range(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, double value)
{
	char low[SCALAR_TEXT_SIZE], high[SCALAR_TEXT_SIZE], buffer[MAX_SHOWN + 8];

	if (value >= option->min && value <= option->max)
		return true;
	limit_format(low, option, option->min);
	limit_format(high, option, option->max);
	reader_problem(reader, node, key, "%s is out of range: %s to %s",
	    shown(buffer, option, node), low, high);
	return false;
}

static int parse_mode(const char *text, uint64_t *ret)
{
	size_t n = strlen(text);

	if (!n || n > 6 || strspn(text, "01234567") != n)
		return -1;
	*ret = strtoull(text, NULL, 8);
	return 0;
}

static void store_uint(const struct config_option *option, void *base, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (option->size == sizeof(narrow))
		memcpy(at(option, base), &narrow, sizeof(narrow));
	else
		memcpy(at(option, base), &value, sizeof(value));
}

static void read_number(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, void *base)
{
	uint64_t whole = 0;
	double real = 0;
	int r;

	if (option->type == OPTION_REAL)
		r = scalar_parse_real(text, &real);
	else if (option->type == OPTION_RATE)
		r = scalar_parse_rate(text, &real);
	else if (option->type == OPTION_SIZE)
		r = scalar_parse_size(text, &whole);
	else if (option->type == OPTION_TIME)
		r = scalar_parse_time(text, &whole);
	else if (option->type == OPTION_MODE)
		r = parse_mode(text, &whole);
	else
		r = scalar_parse_uint(text, &whole);
	if (r < 0) {
		char buffer[MAX_SHOWN + 8];

		reader_problem(reader, node, key, "%s is not %s", shown(buffer, option, node),
		    type_forms[option->type]);
		return;
	}
	if (option->type == OPTION_REAL || option->type == OPTION_RATE) {
		if (in_range(reader, option, node, key, real))
			memcpy(at(option, base), &real, sizeof(real));
	} else if (in_range(reader, option, node, key, (double)whole)) {
		store_uint(option, base, whole);
	}
}

bool value_find_word(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, uint32_t *ret)
{
	char list[256] = "", buffer[MAX_SHOWN + 8];
	size_t used = 0;

	for (uint32_t i = 0; option->words[i]; i++) {
		if (strcmp(option->words[i], text) == 0) {
			*ret = i;
			return true;
		}
		used += (size_t)snprintf(
		    list + used, sizeof(list) - used, "%s%s", i ? ", " : "", option->words[i]);
	}
	reader_problem(reader, node, key, "%s is none of %s (did you mean \"%s\"?)",
	    shown(buffer, option, node), list, word_nearest(option->words, text));
	return false;
}

static void read_word(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, void *base)
{
	uint32_t word;

	if (value_find_word(reader, option, node, key, text, &word))
		memcpy(at(option, base), &word, sizeof(word));
}

bool value_text_is_good(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, const char *text, size_t min, size_t max)
{
	const char *problem = NULL;
	char buffer[MAX_SHOWN + 8];
	size_t length = strlen(text);

	if (length < min) {
		reader_problem(reader, node, key, "must not be empty");
		return false;
	}
	if (length > max) {
		reader_problem(reader, node, key, "is over %zu characters long", max);
		return false;
	}
	if (length && option->check)
		problem = option->check(text);
	if (problem)
		reader_problem(reader, node, key, "%s %s", shown(buffer, option, node), problem);
	return !problem;
}

static void read_scalar(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	const char *text = value_expand(reader, option, node, key);
	bool flag;

	if (!text)
		return;
	if (option->type == OPTION_TEXT) {
		if (node_is_null(node) && *text)
			reader_problem(reader, node, key,
			    "is null: write \"\" for nothing, and \"%s\" for that text", text);
		else if (value_text_is_good(reader, option, node, key, text, (size_t)option->min,
			     (size_t)option->max))
			memcpy(at(option, base), &text, sizeof(text));
	} else if (option->type == OPTION_BOOL) {
		char buffer[MAX_SHOWN + 8];

		if (scalar_parse_bool(text, &flag) == 0)
			memcpy(at(option, base), &flag, sizeof(flag));
		else
			reader_problem(reader, node, key, "%s is not %s",
			    shown(buffer, option, node), type_forms[OPTION_BOOL]);
	} else if (option->type == OPTION_WORD) {
		read_word(reader, option, node, key, text, base);
	} else {
		read_number(reader, option, node, key, text, base);
	}
}

void value_read(struct reader *reader, const struct config_option *option, const struct node *node,
    const char *key, void *base)
{
	if (option->type >= OPTION_TEXTS)
		value_read_list(reader, option, node, key, base);
	else if (expect_scalar(reader, node, key))
		read_scalar(reader, option, node, key, base);
}
