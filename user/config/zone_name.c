/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/zone_name.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_LABEL_BYTES 63
#define MAX_NAME_BYTES  255 /* with length octets and the root's */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes one octet of a label, written plain, as \X or as \DDD. Returns the characters used, 0 for a
 * bad escape. */
static size_t take_octet(const char *p, unsigned char *ret)
{
	unsigned value;

	if (*p != '\\') {
		*ret = (unsigned char)*p;
		return 1;
	}
	if (!is_digit(p[1])) {
		*ret = (unsigned char)p[1];
		return p[1] ? 2 : 0;
	}
	if (!is_digit(p[2]) || !is_digit(p[3]))
		return 0;
	value = (unsigned)((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
	if (value > 255)
		return 0;
	*ret = (unsigned char)value;
	return 4;
}

static size_t put_octet(char *out, unsigned char octet)
{
	if (octet >= 'A' && octet <= 'Z')
		octet = (unsigned char)(octet - 'A' + 'a');
	if (octet == '.' || octet == '\\') {
		out[0] = '\\';
		out[1] = (char)octet;
		return 2;
	}
	if (octet <= 0x20 || octet >= 0x7f) {
		char escape[5];

		snprintf(escape, sizeof(escape), "\\%03u", octet);
		memcpy(out, escape, 4);
		return 4;
	}
	out[0] = (char)octet;
	return 1;
}

static int fail(const char **ret_problem, const char *problem)
{
	*ret_problem = problem;
	return -EINVAL;
}

int zone_name_normalize(const char *text, char ret[ZONE_NAME_SIZE], const char **ret_problem)
{
	char name[ZONE_NAME_SIZE];
	size_t used = 0, label = 0, octets = 1;

	if (!*text)
		return fail(ret_problem, "is empty (the root is \".\")");
	if (strcmp(text, ".") == 0) {
		memcpy(ret, ".", 2);
		return 0;
	}
	while (*text) {
		unsigned char octet;
		size_t n;

		if (*text == '.') {
			if (!label)
				return fail(ret_problem, "has an empty label");
			octets++;
			label = 0;
			if (*++text)
				name[used++] = '.';
			continue;
		}
		if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f)
			return fail(ret_problem,
			    "holds a space, a control or a non-ASCII character (write the "
			    "A-label xn--..., or \\DDD)");
		n = take_octet(text, &octet);
		if (!n)
			return fail(ret_problem, "has a bad escape: \\X, or \\DDD up to 255");
		if (++label > MAX_LABEL_BYTES)
			return fail(ret_problem, "has a label over 63 octets");
		if (++octets + 1 > MAX_NAME_BYTES)
			return fail(ret_problem, "is over 255 octets");
		used += put_octet(name + used, octet);
		text += n;
	}
	name[used] = '\0';
	memcpy(ret, name, used + 1);
	return 0;
}
