/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/influx_reply.h"

#include "text/escape.h"
#include "text/json_read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* v1: {"error": "..."}; v2: {"code": "...", "message": "..."}. */
static const char *json_words(const json_t *root)
{
	const char *words = json_string_value(json_object_get(root, "error"));

	return words ? words : json_string_value(json_object_get(root, "message"));
}

static size_t count_of(const char *text, size_t length, const char *what)
{
	size_t n = 0, what_length = strlen(what);
	const char *at = text, *end = text + length;

	while ((at = memmem(at, (size_t)(end - at), what, what_length))) {
		n++;
		at += what_length;
	}
	return n;
}

/* The number after the last "dropped="; `none` without one. */
static size_t dropped_of(const char *text, size_t length, size_t none)
{
	static const char key[] = "dropped=";
	const char *at = text, *end = text + length, *last = NULL;
	size_t n = 0;

	while ((at = memmem(at, (size_t)(end - at), key, sizeof(key) - 1))) {
		at += sizeof(key) - 1;
		last = at;
	}
	if (!last || last == end || *last < '0' || *last > '9')
		return none;
	for (; last < end && *last >= '0' && *last <= '9'; last++) {
		n = n * 10 + (size_t)(*last - '0');
		if (n > none)
			return none;
	}
	return n;
}

/*
 * "partial write: field type conflict: ... dropped=3" (tsdb.PartialWriteError). Lines that v1
 * cannot parse are not in that number, but each is named: "partial write: unable to parse '...':
 * ...\nunable to parse ... dropped=0".
 */
static size_t rejected_of(const char *text, size_t length, size_t points)
{
	size_t unparsed, dropped;

	if (!memmem(text, length, "partial write", 13))
		return points;
	dropped = dropped_of(text, length, points);
	unparsed = count_of(text, length, "unable to parse '");
	if (dropped == 0 && unparsed == 0)
		return points;
	return unparsed < points - dropped ? dropped + unparsed : points;
}

static void hide(char *words, const char *secret)
{
	const size_t length = strlen(secret);
	char *at = words;

	while (length && (at = strstr(at, secret))) {
		size_t stars = length < 3 ? length : 3;

		memset(at, '*', stars);
		memmove(at + stars, at + length, strlen(at + length) + 1);
		at += stars;
	}
}

/* Hidden before the cut, so that no piece of the secret is left at its edge. */
static void clean(
    char words[INFLUX_WORDS_MAX + 1], const char *text, size_t length, const char *const *secrets)
{
	char wide[2 * INFLUX_WORDS_MAX + 1024 + 1];
	size_t n;

	while (length &&
	    (text[length - 1] == '\n' || text[length - 1] == '\r' || text[length - 1] == ' '))
		length--;
	n = escape_write(wide, ESCAPE_PLAIN, text, length, sizeof(wide) - 1);
	wide[n] = '\0';
	for (; secrets && *secrets; secrets++)
		hide(wide, *secrets);
	n = strlen(wide);
	if (n > INFLUX_WORDS_MAX) {
		n = INFLUX_WORDS_MAX;
		while (n && ((unsigned char)wide[n] & 0xc0) == 0x80)
			n--; /* never within a character */
	}
	memcpy(words, wide, n);
	words[n] = '\0';
}

/* An object whose end did not arrive: the connection broke, and its last number may be a piece of
 * one. Without memory to read it, its last byte tells. */
static bool is_cut(int error, const char *body, size_t length)
{
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a zero is none of them */
	while (length && memchr(" \t\r\n", body[length - 1], 4))
		length--;
	return error < 0 && length && *body == '{' &&
	    !(error == -ENOMEM && body[length - 1] == '}');
}

void influx_reply_read(struct influx_reply *ret, const char *body, size_t length, size_t points,
    const char *const *secrets)
{
	json_t *root = NULL;
	const int error = json_read(&root, body, length);
	const char *words = json_words(root);
	size_t n = length;

	if (words)
		n = strlen(words);
	else
		words = body;
	ret->rejected = is_cut(error, body, length) ? points : rejected_of(words, n, points);
	clean(ret->words, words, n, secrets);
	json_decref(root);
}
