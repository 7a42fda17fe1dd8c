/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/json_events.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 64 /* characters */

enum {
	BEFORE_VALUE,
	BEFORE_ELEMENT, /* a value, or the end of the array */
	BEFORE_MEMBER,  /* a key, or the end of the object */
	BEFORE_KEY,
	BEFORE_COLON,
	AFTER_VALUE,
	IN_KEY,
	IN_TEXT,
	IN_NUMBER,
	IN_WORD,
	DONE
};

enum { PLAIN, ESCAPED, UNICODE };

void json_events_begin(struct json_events *events,
    void (*take)(void *context, const struct json_events *at, const struct json_value *value),
    void *context)
{
	events->take = take;
	events->context = context;
	events->depth = 0;
	events->state = BEFORE_VALUE;
	events->string_state = PLAIN;
	events->high = 0;
	events->length = 0;
}

bool json_events_done(const struct json_events *events)
{
	return events->state == DONE;
}

static void put_bytes(struct json_events *events, const char *bytes, size_t length)
{
	if (events->length + length >= sizeof(events->text))
		return;
	memcpy(events->text + events->length, bytes, length);
	events->length += length;
}

static void put_escape(struct json_events *events, uint32_t unit)
{
	char text[8];

	snprintf(text, sizeof(text), "\\u%04x", (unsigned)(unit & 0xffff));
	put_bytes(events, text, 6);
}

static void put_character(struct json_events *events, uint32_t c)
{
	char out[4];
	size_t n = 0;

	if (c == 0) {
		put_escape(events, c);
		return;
	}
	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (char)(0x80 | (c & 0x3f));
	}
	put_bytes(events, out, n);
}

/* The first half of a pair that has no second one. */
static void put_high(struct json_events *events)
{
	if (events->high)
		put_escape(events, events->high);
	events->high = 0;
}

static void put_unit(struct json_events *events)
{
	const uint32_t unit = events->unit;

	if (events->high && unit >= 0xdc00 && unit <= 0xdfff) {
		put_character(events, 0x10000 + ((events->high - 0xd800) << 10) + (unit - 0xdc00));
		events->high = 0;
		return;
	}
	put_high(events);
	if (unit >= 0xd800 && unit <= 0xdbff)
		events->high = unit;
	else if (unit >= 0xdc00 && unit <= 0xdfff)
		put_escape(events, unit);
	else
		put_character(events, unit);
}

static int take_digit(struct json_events *events, char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

	if (!digit)
		return -EPROTO;
	events->unit = events->unit << 4 | (uint32_t)(digit - digits);
	if (++events->digits < 4)
		return 0;
	events->string_state = PLAIN;
	put_unit(events);
	return 0;
}

static int take_escaped(struct json_events *events, char c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name = c ? strchr(names, c) : NULL;

	if (c == 'u') {
		events->string_state = UNICODE;
		events->unit = 0;
		events->digits = 0;
		return 0;
	}
	if (!name)
		return -EPROTO;
	put_high(events);
	put_bytes(events, &values[name - names], 1);
	events->string_state = PLAIN;
	return 0;
}

static void give(struct json_events *events, enum json_event event, double number)
{
	const struct json_value value = {event, events->text, number};

	if (events->depth) /* nobody waits for the end of the whole */
		events->take(events->context, events, &value);
}

static void after_value(struct json_events *events)
{
	events->state = events->depth ? AFTER_VALUE : DONE;
}

static void end_string(struct json_events *events)
{
	put_high(events);
	events->text[events->length] = '\0';
	if (events->state == IN_KEY) {
		memcpy(events->levels[events->depth - 1].key, events->text, events->length + 1);
		events->state = BEFORE_COLON;
		return;
	}
	give(events, JSON_EVENT_TEXT, 0);
	after_value(events);
}

static int take_string(struct json_events *events, char c)
{
	if (events->string_state == ESCAPED)
		return take_escaped(events, c);
	if (events->string_state == UNICODE)
		return take_digit(events, c);
	if (c == '\\') {
		events->string_state = ESCAPED;
		return 0;
	}
	if ((unsigned char)c < ' ')
		return -EPROTO;
	if (c == '"') {
		end_string(events);
		return 0;
	}
	put_high(events);
	put_bytes(events, &c, 1);
	return 0;
}

/* As RFC 8259, section 6, has it: strtod() takes more. */
static bool is_number(const char *text)
{
	text += *text == '-';
	if (*text == '0')
		text++;
	else if (*text >= '1' && *text <= '9')
		text += strspn(text, "0123456789");
	else
		return false;
	if (*text == '.') {
		const size_t n = strspn(++text, "0123456789");

		if (!n)
			return false;
		text += n;
	}
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '+' || *text == '-';
		if (!*text)
			return false;
		text += strspn(text, "0123456789");
	}
	return !*text;
}

/* The character after a number or a word has come. */
static int end_scalar(struct json_events *events)
{
	double number;

	events->text[events->length] = '\0';
	if (events->state == IN_WORD) {
		if (strcmp(events->text, "true") != 0 && strcmp(events->text, "false") != 0 &&
		    strcmp(events->text, "null") != 0)
			return -EPROTO;
		give(events, JSON_EVENT_WORD, 0);
	} else {
		if (!is_number(events->text))
			return -EPROTO;
		number = strtod(events->text, NULL);
		if (!isfinite(number))
			return -EPROTO;
		give(events, JSON_EVENT_NUMBER, number);
	}
	after_value(events);
	return 0;
}

static int open_level(struct json_events *events, bool array)
{
	struct json_level *level;

	if (events->depth >= JSON_EVENTS_DEPTH)
		return -EPROTO;
	level = &events->levels[events->depth++];
	level->array = array;
	level->key[0] = '\0';
	events->state = array ? BEFORE_ELEMENT : BEFORE_MEMBER;
	return 0;
}

static int close_level(struct json_events *events, bool array)
{
	if (!events->depth || events->levels[events->depth - 1].array != array)
		return -EPROTO;
	events->depth--;
	if (!array)
		give(events, JSON_EVENT_OBJECT_END, 0);
	after_value(events);
	return 0;
}

static int begin_value(struct json_events *events, char c)
{
	if (c == '{' || c == '[')
		return open_level(events, c == '[');
	if (!events->depth)
		return -EPROTO;
	events->length = 0;
	if (c == '"') {
		events->state = IN_TEXT;
		return 0;
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		events->state = IN_NUMBER;
	else if (c >= 'a' && c <= 'z')
		events->state = IN_WORD;
	else
		return -EPROTO;
	put_bytes(events, &c, 1);
	return 0;
}

static int take_key(struct json_events *events, char c)
{
	if (c == '}' && events->state == BEFORE_MEMBER)
		return close_level(events, false);
	if (c != '"')
		return -EPROTO;
	events->length = 0;
	events->state = IN_KEY;
	return 0;
}

static int take_next(struct json_events *events, char c)
{
	if (c == '}' || c == ']')
		return close_level(events, c == ']');
	if (c != ',')
		return -EPROTO;
	events->state = events->levels[events->depth - 1].array ? BEFORE_VALUE : BEFORE_KEY;
	return 0;
}

static int take_between(struct json_events *events, char c)
{
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return 0;
	switch (events->state) {
	case BEFORE_ELEMENT:
		if (c == ']')
			return close_level(events, true);
		return begin_value(events, c);
	case BEFORE_VALUE:
		return begin_value(events, c);
	case BEFORE_MEMBER:
	case BEFORE_KEY:
		return take_key(events, c);
	case BEFORE_COLON:
		events->state = BEFORE_VALUE;
		return c == ':' ? 0 : -EPROTO;
	case AFTER_VALUE:
		return take_next(events, c);
	default: /* DONE */
		return -EPROTO;
	}
}

static bool is_scalar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' ||
	    c == '-' || c == '.';
}

int json_events_feed(struct json_events *events, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const char c = bytes[i];
		int r;

		if (events->state == IN_KEY || events->state == IN_TEXT) {
			r = take_string(events, c);
		} else if (events->state == IN_NUMBER || events->state == IN_WORD) {
			if (is_scalar(c)) {
				put_bytes(events, &c, 1);
				r = events->length < MAX_NUMBER ? 0 : -EPROTO;
			} else {
				r = end_scalar(events);
				r = r < 0 ? r : take_between(events, c);
			}
		} else {
			r = take_between(events, c);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
