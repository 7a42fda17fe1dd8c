/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define AT(place) (1u << (place))
#define EVERY     0x1fu
#define ROW       EVERY, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY

/* The places in which a byte is not simply copied. */
static const uint8_t special[256] = {
    ROW,
    ROW,
    ROW,
    ROW, /* control characters */
    [' '] = AT(ESCAPE_MEASUREMENT) | AT(ESCAPE_KEY),
    [','] = AT(ESCAPE_MEASUREMENT) | AT(ESCAPE_KEY),
    ['='] = AT(ESCAPE_KEY),
    ['"'] = AT(ESCAPE_STRING) | AT(ESCAPE_JSON),
    ['\\'] = EVERY,
    [0x7f] = EVERY,
    [0x80] = ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
    ROW,
};

size_t escape_bound(size_t length, size_t max)
{
	/* \xNN in a quoted place is five bytes for four; any other escape is two for one. */
	size_t cut = 2 * max, all;

	if (length > cut)
		return cut;
	all = 5 * length;
	return all < cut ? all : cut;
}

/* Bytes of the printable UTF-8 character at `at`; 0: none. RFC 3629, section 4. */
static size_t utf8_length(const uint8_t *at, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		n = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		n = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	if (at[0] == 0xc2 || at[0] == 0xe0)
		low = 0xa0; /* C1 controls; overlong */
	else if (at[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (at[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (at[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

static bool quoted(enum escape_place place)
{
	return place == ESCAPE_STRING || place == ESCAPE_JSON;
}

/* Must the backslash at `at` be told from an escape? */
static bool backslash_is_ambiguous(enum escape_place place, const char *at, size_t left)
{
	if (left < 2)
		return !quoted(place) && place != ESCAPE_PLAIN;
	if (at[1] == 'x')
		return true;
	if (quoted(place) || place == ESCAPE_PLAIN)
		return false;
	/* What becomes \xNN, or is escaped itself, begins with a backslash too. */
	return at[1] == '"' || at[1] == '=' || (special[(uint8_t)at[1]] & AT(ESCAPE_KEY));
}

static size_t write_hex(char *out, enum escape_place place, uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	if (quoted(place))
		out[n++] = '\\';
	out[n++] = '\\';
	out[n++] = 'x';
	out[n++] = hex[byte >> 4];
	out[n++] = hex[byte & 15];
	return n;
}

/* One special byte or character. *ret_taken bytes of the text become *ret_seen bytes for the
 * reader. */
static size_t write_special(char *out, enum escape_place place, const char *at, size_t left,
    size_t *ret_taken, size_t *ret_seen)
{
	uint8_t c = (uint8_t)at[0];
	size_t n = c >= 0x80 ? utf8_length((const uint8_t *)at, left) : 0;

	if (n) {
		memcpy(out, at, n);
		*ret_taken = *ret_seen = n;
		return n;
	}
	*ret_taken = 1;
	if (c < 0x20 || c >= 0x7f || (c == '\\' && backslash_is_ambiguous(place, at, left))) {
		*ret_seen = 4;
		return write_hex(out, place, c);
	}
	*ret_seen = 1;
	if (c == '\\' && !quoted(place)) {
		out[0] = '\\';
		return 1;
	}
	out[0] = '\\';
	out[1] = at[0];
	return 2;
}

size_t escape_write(char *out, enum escape_place place, const char *text, size_t length, size_t max)
{
	const uint8_t mask = (uint8_t)AT(place);
	size_t used = 0, seen = 0, i = 0;

	while (i < length) {
		char piece[8];
		size_t taken, gain, left, n, run = i;

		while (run < length && !(special[(uint8_t)text[run]] & mask))
			run++;
		run -= i;
		if (run > max - seen)
			run = max - seen;
		memcpy(out + used, text + i, run);
		used += run;
		seen += run;
		i += run;
		if (i == length || seen == max)
			break;
		/* What is cut off follows nothing. */
		left = length - i < max - seen ? length - i : max - seen;
		n = write_special(piece, place, text + i, left, &taken, &gain);
		if (gain > max - seen)
			break;
		memcpy(out + used, piece, n);
		used += n;
		seen += gain;
		i += taken;
	}
	return used;
}
