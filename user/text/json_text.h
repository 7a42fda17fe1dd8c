/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JSON document as text: the one way in which JSON leaves the process, be it a report, a document
 * of the API or a request of OTLP. Points (encode/points.h) are written without a tree, and write
 * numbers and names by the same functions. Floats are the shortest digits that read back to the
 * same value, and always look like floats (text/decimal.h); jansson's own writer has a precision
 * instead.
 */
#ifndef CROSSTAP_TEXT_JSON_TEXT_H
#define CROSSTAP_TEXT_JSON_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Members in the order in which they were added. `indent`: blanks a level; 0: all in one line. */
int json_print(const json_t *value, unsigned indent, FILE *out); /* 0 or -EIO */
/* In one line; free() it. NULL: no memory, or no value. */
char *json_text(const json_t *value);

/*
 * An object whose members are not in memory together: each call of `next` makes an object with some
 * more of them, or NULL when there are no more.
 */
struct json_parts {
	json_t *(*next)(void *context);
	void *context;
};
/* json_text() of an object with `key` as its last member, which is an object of these parts. */
char *json_text_with(json_t *object, const char *key, const struct json_parts *parts);

#endif
