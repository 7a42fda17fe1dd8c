/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the lines of points.h and of running.h: JSON as these two write it, no blanks, members in
 * their order. Nothing is allocated, so that no lack of memory changes what a line says: jansson's
 * reader passes over characters that found no room.
 */
#ifndef CROSSTAP_ENCODE_RUNNING_LINE_H
#define CROSSTAP_ENCODE_RUNNING_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of the line: what stands between two quotes, with its escapes. */
struct line_text {
	const char *at;
	size_t length;
};

#define LINE_LIST_MAX 64

enum line_kind { LINE_INTEGER, LINE_REAL, LINE_TEXT, LINE_LIST };

struct line_value {
	enum line_kind kind;
	int64_t integer; /* of true and false 1 and 0 */
	double real;     /* also an integer's; of a list: its first item */
	struct line_text text;
	/* A list is a number or null, and counts. */
	bool has_first;
	size_t n;
	uint64_t counts[LINE_LIST_MAX];
};

struct line_head {
	struct line_text measurement;
	struct line_text tags;   /* the members, for line_next() */
	struct line_text fields; /* the same */
	const char *rest;        /* after the brace that ends the fields */
};

/* False: it is none of these lines. `length` may include the newline. */
bool line_read(const char *line, size_t length, struct line_head *ret);
/* Takes the next member off `members`; false: there is none, or it cannot be read: then some are
 * left. */
bool line_next(struct line_text *members, struct line_text *ret_key, struct line_value *ret_value);
/* `,"key":integer` at the head's rest, which moves on. */
bool line_rest_integer(
    struct line_head *head, const char *end, const char *key, int64_t *ret_value);

static inline bool line_text_is(const struct line_text *text, const char *what)
{
	size_t i = 0;

	while (i < text->length && what[i] && text->at[i] == what[i])
		i++;
	return i == text->length && !what[i];
}

/* Without the escapes; at most the text's length, no NUL. Returns the bytes written. */
size_t line_unescape(const struct line_text *text, char *out);

#endif
