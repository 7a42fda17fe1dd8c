/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON that somebody else wrote. jansson up to 2.14.1 does not look whether the buffer of the token
 * that it reads could grow (its issue 362): without memory it loses a byte, and where that is the
 * quote at a string's end it reads and writes on behind its blocks. So while a text is read here,
 * what jansson asks for in vain comes from a reserve, the text ends there, and what was read of it
 * is dropped. Any thread.
 */
#ifndef CROSSTAP_TEXT_JSON_READ_H
#define CROSSTAP_TEXT_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/* What a caller that reads many texts keeps between them: as much as the longest asked for. Begins
 * as zeros; one thread at a time. */
struct json_reserve {
	void *at;
	size_t size; /* bytes */
};

/* 0, -EINVAL: no JSON document, or -ENOMEM. json_decref() what it gives. */
int json_read(json_t **ret, const char *text, size_t length);
int json_read_with(struct json_reserve *kept, json_t **ret, const char *text, size_t length);
void json_reserve_free(struct json_reserve *kept);

#endif
