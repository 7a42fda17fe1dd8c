/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as points.h encodes them, against a reader that is written from InfluxDB's reference of the
 * line protocol with no regard to speed. What it reads, encoded once more, is the same line. The
 * input: a byte that says how many tags (two bits), then strings that NULs end: measurement, key
 * and value of each tag, then pairs of a field's key and value until the end.
 */
#include "encode/points.h"

#include "require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST  2048
#define PAIRS 64
#define LIMIT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char bytes[4 * MOST + 1];
	size_t n;
};

struct pair {
	struct text key, value;
	bool string; /* the value stood in quotes */
};

struct line {
	struct text measurement;
	size_t n_tags, n_fields;
	struct pair tags[PAIRS], fields[PAIRS];
	long long time_ns;
};

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Bytes that a line cannot have, and backslashes that would mean something, are \xNN (points.h). */
static void unhex(struct text *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->n; i++) {
		const char *at = text->bytes + i;

		if (i + 3 < text->n && at[0] == '\\' && at[1] == 'x' && digit(at[2]) >= 0 &&
		    digit(at[3]) >= 0) {
			text->bytes[n++] = (char)(digit(at[2]) << 4 | digit(at[3]));
			i += 3;
		} else {
			text->bytes[n++] = *at;
		}
	}
	text->n = n;
	text->bytes[n] = '\0';
}

/* One name up to a character of `ends` that no backslash stands before. A backslash before any
 * other character than those of `escaped` is itself. */
static const char *read_name(
    const char *at, const char *ends, const char *escaped, struct text *ret)
{
	ret->n = 0;
	for (; *at && !strchr(ends, *at); at++) {
		if (*at == '\\' && at[1] && strchr(escaped, at[1]))
			at++;
		require(ret->n < sizeof(ret->bytes) - 1 && *at != '\n');
		ret->bytes[ret->n++] = *at;
	}
	require(*at != '\0');
	unhex(ret);
	return at;
}

static const char *read_value(const char *at, struct pair *field)
{
	field->string = *at == '"';
	if (!field->string)
		return read_name(at, ", ", "", &field->value);
	at = read_name(at + 1, "\"", "\"\\", &field->value);
	return at + 1;
}

static const char *read_line(const char *at, struct line *ret)
{
	char *end;

	ret->n_tags = ret->n_fields = 0;
	for (at = read_name(at, ", ", ", ", &ret->measurement); *at == ',';) {
		require(ret->n_tags < PAIRS);
		at = read_name(at + 1, "=", ",= ", &ret->tags[ret->n_tags].key);
		at = read_name(at + 1, ", ", ",= ", &ret->tags[ret->n_tags++].value);
	}
	do {
		require(ret->n_fields < PAIRS);
		at = read_name(at + 1, "=", ",= ", &ret->fields[ret->n_fields].key);
		at = read_value(at + 1, &ret->fields[ret->n_fields++]);
	} while (*at == ',');
	require(*at == ' ');
	ret->time_ns = strtoll(at + 1, &end, 10);
	require(*end == '\n');
	return end + 1;
}

static void encode_line(struct points *points, const struct line *line)
{
	points_begin(points, line->measurement.bytes, line->time_ns / 1000000);
	for (size_t i = 0; i < line->n_tags; i++)
		points_tag(points, line->tags[i].key.bytes, line->tags[i].value.bytes);
	for (size_t i = 0; i < line->n_fields; i++) {
		const struct text *value = &line->fields[i].value;

		require(line->fields[i].string);
		points_string(points, line->fields[i].key.bytes, value->bytes, value->n);
	}
	points_end(points);
}

/* The next string of the input. */
static const char *take(const char **at, const char *end)
{
	const char *text = *at;
	const size_t length = strlen(text);

	*at = text + length < end ? text + length + 1 : end;
	return text;
}

static void encode_input(struct points *points, unsigned n_tags, const char *at, const char *end)
{
	points_begin(points, take(&at, end), 1700000000000);
	for (unsigned i = 0; i < n_tags; i++) {
		const char *key = take(&at, end);

		points_tag(points, key, take(&at, end));
	}
	for (unsigned i = 0; at < end && i < 8; i++) {
		const char *key = take(&at, end), *value = take(&at, end);

		points_string(points, key, value, strlen(value));
	}
	points_end(points);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct points *points, *again;
	static char input[MOST + 1];
	static struct line line;
	const char *text, *same;
	size_t length, same_length;

	if (!points &&
	    (points_new(&points, POINTS_LINE, LIMIT) < 0 ||
		points_new(&again, POINTS_LINE, LIMIT) < 0))
		abort();
	if (size < 2 || size > MOST || !data[1]) /* without a measurement */
		return 0;
	memcpy(input, data + 1, size - 1);
	input[size - 1] = '\0';
	points_reset(points);
	points_reset(again);
	encode_input(points, data[0] & 3, input, input + size - 1);
	require(points_finish(points, &text, &length) == 0);
	if (!length)
		return 0;
	require(*read_line(text, &line) == '\0');
	encode_line(again, &line);
	require(points_finish(again, &same, &same_length) == 0);
	require(same_length == length && memcmp(text, same, length) == 0);
	return 0;
}
