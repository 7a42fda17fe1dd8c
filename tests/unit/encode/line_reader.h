/* SPDX-License-Identifier: BSD-2-Clause */
/* A line protocol reader of its own, after the reference; it shares nothing with the encoder. */
#ifndef CROSSTAP_TESTS_LINE_READER_H
#define CROSSTAP_TESTS_LINE_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct pair {
	char key[256];
	char *value; /* unescaped; strings without quotes, others as written */
	bool quoted;
};
struct line {
	char measurement[256];
	struct pair tags[32], fields[32];
	size_t n_tags, n_fields;
	long long time_ns;
};

static inline void line_clear(struct line *line)
{
	for (size_t i = 0; i < line->n_tags; i++)
		free(line->tags[i].value);
	for (size_t i = 0; i < line->n_fields; i++)
		free(line->fields[i].value);
	memset(line, 0, sizeof(*line));
}

/* Reads up to an unescaped byte of `stops`. `escapes`: what a backslash may stand before. */
static inline const char *read_until(
    const char *at, const char *stops, const char *escapes, char *out, size_t size)
{
	size_t n = 0;

	while (*at && !strchr(stops, *at)) {
		assert_true((unsigned char)*at >= 0x20);
		if (*at == '\\' && at[1] && strchr(escapes, at[1]))
			at++;
		/* A parser that knows `\\` would read something else. */
		else if (*at == '\\')
			assert_true(at[1] && !strchr("\\ ,=\"", at[1]));
		assert_true(n + 1 < size);
		out[n++] = *at++;
	}
	out[n] = '\0';
	return at;
}

static inline const char *read_string(const char *at, char *out, size_t size)
{
	size_t n = 0;

	assert_int_equal(*at++, '"');
	while (*at != '"') {
		assert_true((unsigned char)*at >= 0x20);
		if (*at == '\\') {
			at++;
			assert_true(*at == '\\' || *at == '"');
		}
		assert_true(n + 1 < size);
		out[n++] = *at++;
	}
	out[n] = '\0';
	return at + 1;
}

static inline const char *read_line(const char *at, struct line *line)
{
	static char value[300000];

	line_clear(line);
	assert_true(*at != '#' && *at != '_');
	at = read_until(at, ", ", ", ", line->measurement, sizeof(line->measurement));
	while (*at == ',') {
		struct pair *tag = &line->tags[line->n_tags++];

		at = read_until(at + 1, "=, ", ",= ", tag->key, sizeof(tag->key));
		assert_int_equal(*at, '=');
		at = read_until(at + 1, "=, ", ",= ", value, sizeof(value));
		assert_true(value[0] != '\0');
		tag->value = strdup(value);
		if (line->n_tags > 1)
			assert_true(strcmp(tag[-1].key, tag->key) < 0);
	}
	do {
		struct pair *field = &line->fields[line->n_fields++];

		at = read_until(at + 1, "=, ", ",= ", field->key, sizeof(field->key));
		assert_int_equal(*at++, '=');
		field->quoted = *at == '"';
		at = field->quoted ? read_string(at, value, sizeof(value))
				   : read_until(at, ", ", "", value, sizeof(value));
		field->value = strdup(value);
	} while (*at == ',');
	assert_int_equal(*at++, ' ');
	line->time_ns = strtoll(at, (char **)&at, 10);
	assert_int_equal(*at, '\n');
	return at + 1;
}

#endif
