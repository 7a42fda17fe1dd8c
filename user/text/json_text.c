/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/json_text.h"

#include "text/buffer.h"
#include "text/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	FILE *out;
	unsigned indent, depth;
};

static void put_value(struct writer *to, const json_t *value);

/* RFC 8259 section 7; a json_t holds UTF-8 only. */
static void put_string(FILE *out, const char *text, size_t length)
{
	size_t written = 0;

	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		fwrite(text + written, 1, i - written, out);
		written = i + 1;
		if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fprintf(out, "\\%c", c);
	}
	fwrite(text + written, 1, length - written, out);
	fputc('"', out);
}

static void put_real(FILE *out, double value)
{
	char digits[DECIMAL_MAX];

	fprintf(out, "%.*s", (int)decimal_write(digits, value), digits);
}

static void put_break(struct writer *to)
{
	if (to->indent)
		fprintf(to->out, "\n%*s", (int)(to->indent * to->depth), "");
}

static void begin(struct writer *to, char bracket)
{
	fputc(bracket, to->out);
	to->depth++;
}

static void next(struct writer *to, bool first)
{
	if (!first)
		fputc(',', to->out);
	put_break(to);
}

static void end(struct writer *to, char bracket, bool empty)
{
	to->depth--;
	if (!empty)
		put_break(to);
	fputc(bracket, to->out);
}

static void put_key(struct writer *to, const char *key, bool first)
{
	next(to, first);
	put_string(to->out, key, strlen(key));
	fputs(to->indent ? ": " : ":", to->out);
}

/* `first`: there are none yet. Returns whether that is still so. */
static bool put_members(struct writer *to, json_t *object, bool first)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		put_key(to, key, first);
		put_value(to, value);
		first = false;
	}
	return first;
}

static void put_object(struct writer *to, json_t *object)
{
	begin(to, '{');
	end(to, '}', put_members(to, object, true));
}

static void put_parts(struct writer *to, const struct json_parts *parts)
{
	bool none = true;
	json_t *part;

	begin(to, '{');
	while ((part = parts->next(parts->context))) {
		none = put_members(to, part, none);
		json_decref(part);
	}
	end(to, '}', none);
}

static void put_array(struct writer *to, const json_t *array)
{
	const json_t *value;
	size_t i;

	begin(to, '[');
	json_array_foreach(array, i, value)
	{
		next(to, i == 0);
		put_value(to, value);
	}
	end(to, ']', json_array_size(array) == 0);
}

static void put_value(struct writer *to, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		put_object(to, (json_t *)value); /* to iterate jansson wants it writable */
		break;
	case JSON_ARRAY:
		put_array(to, value);
		break;
	case JSON_STRING:
		put_string(to->out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		fprintf(to->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		put_real(to->out, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", to->out);
		break;
	case JSON_NULL:
		fputs("null", to->out);
		break;
	}
}

int json_print(const json_t *value, unsigned indent, FILE *out)
{
	struct writer to = {.out = out, .indent = indent};

	put_value(&to, value);
	return ferror(out) ? -EIO : 0;
}

char *json_text(const json_t *value)
{
	struct buffer buffer = {0};
	FILE *out = value ? buffer_stream(&buffer) : NULL;

	if (!out)
		return NULL;
	put_value(&(struct writer){.out = out}, value);
	return buffer_close(&buffer, out, NULL);
}

char *json_text_with(json_t *object, const char *key, const struct json_parts *parts)
{
	struct buffer buffer = {0};
	FILE *out = object ? buffer_stream(&buffer) : NULL;
	struct writer to = {.out = out};

	if (!out)
		return NULL;
	begin(&to, '{');
	put_key(&to, key, put_members(&to, object, true));
	put_parts(&to, parts);
	end(&to, '}', false);
	return buffer_close(&buffer, out, NULL);
}
