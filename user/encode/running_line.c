/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/running_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 40

static bool literal(struct line_text *in, const char *what)
{
	const size_t length = strlen(what);

	if (in->length < length || memcmp(in->at, what, length) != 0)
		return false;
	in->at += length;
	in->length -= length;
	return true;
}

/* Takes so many bytes off. */
static void skip(struct line_text *in, size_t n)
{
	in->at += n;
	in->length -= n;
}

static bool string(struct line_text *in, struct line_text *ret)
{
	size_t n = 0;

	if (!literal(in, "\""))
		return false;
	while (n < in->length && in->at[n] != '"')
		n += in->at[n] == '\\' ? 2 : 1;
	if (n >= in->length)
		return false;
	*ret = (struct line_text){in->at, n};
	skip(in, n + 1);
	return true;
}

static bool number(struct line_text *in, struct line_value *ret)
{
	char text[NUMBER_MAX + 1], *end;
	size_t n = 0;
	bool real = false;

	while (
	    n < in->length && n < NUMBER_MAX && strchr("+-.0123456789eE", in->at[n]) && in->at[n]) {
		real |= strchr(".eE", in->at[n]) != NULL;
		text[n] = in->at[n];
		n++;
	}
	if (!n)
		return false;
	text[n] = '\0';
	skip(in, n);
	errno = 0;
	ret->kind = real ? LINE_REAL : LINE_INTEGER;
	if (real) {
		ret->real = strtod(text, &end);
	} else {
		ret->integer = strtoll(text, &end, 10);
		ret->real = (double)ret->integer;
		if (errno)
			return false;
	}
	return !*end;
}

static bool list(struct line_text *in, struct line_value *ret)
{
	struct line_value item;

	ret->has_first = !literal(in, "null");
	if (ret->has_first && !number(in, ret))
		return false;
	ret->kind = LINE_LIST;
	for (ret->n = 0; literal(in, ","); ret->n++) {
		if (ret->n == LINE_LIST_MAX || !number(in, &item) || item.kind != LINE_INTEGER ||
		    item.integer < 0)
			return false;
		ret->counts[ret->n] = (uint64_t)item.integer;
	}
	return literal(in, "]");
}

static bool value(struct line_text *in, struct line_value *ret)
{
	if (in->length && *in->at == '"') {
		ret->kind = LINE_TEXT;
		return string(in, &ret->text);
	}
	if (literal(in, "["))
		return list(in, ret);
	ret->kind = LINE_INTEGER;
	ret->integer = in->length && *in->at == 't';
	if (literal(in, "true") || literal(in, "false"))
		return true;
	return number(in, ret);
}

bool line_next(struct line_text *members, struct line_text *ret_key, struct line_value *ret_value)
{
	struct line_text in = *members;

	if (!in.length || !string(&in, ret_key) || !literal(&in, ":") || !value(&in, ret_value))
		return false;
	if (in.length && !literal(&in, ","))
		return false;
	*members = in;
	return true;
}

/* What stands before the brace that ends an object of strings, numbers and lists. */
static bool object(struct line_text *in, struct line_text *ret)
{
	struct line_text ignored;
	const char *begin;

	if (!literal(in, "{"))
		return false;
	begin = in->at;
	while (in->length && *in->at != '}') {
		if (*in->at == '"') {
			if (!string(in, &ignored))
				return false;
		} else {
			skip(in, 1);
		}
	}
	*ret = (struct line_text){begin, (size_t)(in->at - begin)};
	return literal(in, "}");
}

bool line_read(const char *line, size_t length, struct line_head *ret)
{
	struct line_text in = {line, length};

	if (!literal(&in, "{\"measurement\":") || !string(&in, &ret->measurement) ||
	    !literal(&in, ",\"tags\":") || !object(&in, &ret->tags) ||
	    !literal(&in, ",\"fields\":") || !object(&in, &ret->fields))
		return false;
	ret->rest = in.at;
	return true;
}

bool line_rest_integer(struct line_head *head, const char *end, const char *key, int64_t *ret_value)
{
	struct line_text in = {head->rest, (size_t)(end - head->rest)}, name;
	struct line_value item;

	if (!literal(&in, ",") || !string(&in, &name) || !line_text_is(&name, key) ||
	    !literal(&in, ":") || !number(&in, &item) || item.kind != LINE_INTEGER)
		return false;
	head->rest = in.at;
	*ret_value = item.integer;
	return true;
}

size_t line_unescape(const struct line_text *text, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text->length; i++) {
		if (text->at[i] == '\\' && i + 1 < text->length)
			i++;
		out[n++] = text->at[i];
	}
	return n;
}
