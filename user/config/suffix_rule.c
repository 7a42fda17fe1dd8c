/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/suffix_rule.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX_LABEL  63
#define MAX_POINTS MAX_LABEL

/* RFC 3492 section 5. */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 0x80 };

/* One character of UTF-8 (RFC 3629); 0: there is none. */
static uint32_t read_point(const char **at)
{
	const unsigned char *p = (const unsigned char *)*at;
	const unsigned more = p[0] < 0x80 ? 0
	    : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 2
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
					  : 4;
	uint32_t point = more ? p[0] & (0x3fu >> more) : p[0];

	if (more > 3)
		return 0;
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (p[i] & 0x3f);
	}
	if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10ffff)
		return 0;
	*at += more + 1;
	return point;
}

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta /= first ? DAMP : 2;
	delta += delta / points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

struct out {
	char *text;
	size_t used, room;
};

static void put(struct out *out, char c)
{
	if (out->used < out->room)
		out->text[out->used] = c;
	out->used++;
}

static void put_delta(struct out *out, uint32_t delta, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		const uint32_t t = k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
		const uint32_t digit = delta < t ? delta : t + (delta - t) % (BASE - t);

		put(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
		if (delta < t)
			return;
		delta = (delta - t) / (BASE - t);
	}
}

static uint32_t next_point(const uint32_t *points, size_t n, uint32_t least)
{
	uint32_t next = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		if (points[i] >= least && points[i] < next)
			next = points[i];
	}
	return next;
}

/* RFC 3492 section 6.3. At most 63 points below 0x110000: nothing overflows 32 bits. */
static void put_punycode(struct out *out, const uint32_t *points, size_t n)
{
	uint32_t point = FIRST, delta = 0, bias = BIAS;
	size_t basic = 0, done;

	for (size_t i = 0; i < n; i++) {
		if (points[i] < FIRST) {
			put(out, (char)points[i]);
			basic++;
		}
	}
	if (basic)
		put(out, '-');
	for (done = basic; done < n; point++, delta++) {
		const uint32_t next = next_point(points, n, point);

		delta += (next - point) * (uint32_t)(done + 1);
		point = next;
		for (size_t i = 0; i < n; i++) {
			if (points[i] < point)
				delta++;
			if (points[i] != point)
				continue;
			put_delta(out, delta, bias);
			bias = adapt(delta, (uint32_t)done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
}

static bool is_ascii(const char *text, size_t length)
{
	unsigned char all = 0;

	for (size_t i = 0; i < length; i++)
		all |= (unsigned char)text[i];
	return all < FIRST;
}

/* A label up to its dot, as an A-label where it is none of ASCII alone: that has no escapes. */
static int put_label(struct out *out, const char **at)
{
	const char *end = *at + strcspn(*at, ".");
	uint32_t points[MAX_POINTS];
	const size_t before = out->used;
	size_t n = 0;

	if (is_ascii(*at, (size_t)(end - *at))) {
		while (*at < end)
			put(out, *(*at)++);
		return 0;
	}
	while (*at < end) {
		const uint32_t point = read_point(at);

		if (!point || point == '\\' || n == MAX_POINTS)
			return -EINVAL;
		points[n++] = point;
	}
	for (const char *prefix = "xn--"; *prefix; prefix++)
		put(out, *prefix);
	put_punycode(out, points, n);
	return out->used - before <= MAX_LABEL ? 0 : -EINVAL;
}

int suffix_rule_normalize(const char *text, char ret[SUFFIX_RULE_SIZE], const char **ret_problem)
{
	char name[ZONE_NAME_SIZE];
	struct out out = {.text = name, .room = sizeof(name)};
	size_t prefix = 0;

	if (*text == '!')
		prefix = 1;
	else if (text[0] == '*' && text[1] == '.')
		prefix = 2;
	memcpy(ret, text, prefix);
	if (strcmp(text, "*") == 0) {
		memcpy(ret, "*", 2);
		return 0;
	}
	*ret_problem = "is no rule of the Public Suffix List";
	for (text += prefix;; text++) {
		if (put_label(&out, &text) < 0)
			return -EINVAL;
		if (!*text)
			break;
		put(&out, '.');
	}
	if (out.used >= out.room)
		return -EINVAL;
	name[out.used] = '\0';
	if (zone_name_normalize(name, ret + prefix, ret_problem) < 0)
		return -EINVAL;
	/* Only the first label may be a star, and none of this may come of an escape. */
	return strchr(ret + prefix, '*') || (!prefix && *ret == '!') ? -EINVAL : 0;
}
