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

#endif
