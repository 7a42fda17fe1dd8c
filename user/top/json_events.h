/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads JSON (RFC 8259) as it arrives and keeps none of it: whoever asked is told of each value and
 * of each end of an object, with the keys that lead there. So an answer of any size takes a fixed
 * memory and a fixed time for each byte.
 */
#ifndef CROSSTAP_TOP_JSON_EVENTS_H
#define CROSSTAP_TOP_JSON_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_EVENTS_DEPTH 12  /* what is nested deeper is refused */
#define JSON_EVENTS_TEXT  256 /* bytes of a key or a text with its NUL; the rest is cut off */

enum json_event { JSON_EVENT_TEXT, JSON_EVENT_NUMBER, JSON_EVENT_WORD, JSON_EVENT_OBJECT_END };

struct json_value {
	enum json_event event;
	/* Of a text: as it is, bytes of a stranger without NUL (\u0000 stays as it is written, and
	 * so does half a surrogate pair). Of a word: "true", "false", "null". */
	const char *text;
	double number; /* finite */
};

struct json_level {
	bool array;
	char key[JSON_EVENTS_TEXT]; /* of the value at hand; "" in an array */
};

struct json_events {
	/* `depth` containers are open, the innermost of which holds the value:
	 * levels[depth - 1].key is its own key. */
	void (*take)(void *context, const struct json_events *at, const struct json_value *value);
	void *context;
	unsigned depth;
	struct json_level levels[JSON_EVENTS_DEPTH];
	/* The reader's own. */
	int state, string_state;
	uint32_t unit, high;
	unsigned digits;
	size_t length;
	char text[JSON_EVENTS_TEXT];
};

void json_events_begin(struct json_events *events,
    void (*take)(void *context, const struct json_events *at, const struct json_value *value),
    void *context);
/* -EPROTO: this is no JSON, or is nested too deep; nothing more may be fed then. */
int json_events_feed(struct json_events *events, const char *bytes, size_t length);
/* True: one whole value that is an object or an array has been read. */
bool json_events_done(const struct json_events *events);

#endif
