/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the UTF-8 character at `at` and its code point; 0: none. RFC 3629, section 4. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *ret)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	const size_t n = at[0] < 0x80 ? 1
	    : (at[0] & 0xe0) == 0xc0  ? 2
	    : (at[0] & 0xf0) == 0xe0  ? 3
	    : (at[0] & 0xf8) == 0xf0  ? 4
				      : 0;
	uint32_t code;

	if (!n || n > left)
		return 0;
	code = n == 1 ? at[0] : at[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return n;
}

static bool is_shown(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return false;
	return code != 0x61c && code != 0x200e && code != 0x200f &&
	    !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

static size_t write_hex(char *out, const uint8_t *at, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = hex[at[i] >> 4];
		*out++ = hex[at[i] & 15];
	}
	return 4 * n;
}

size_t log_text_clean(char *out, size_t size, const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + length;
	size_t used = 0;

	while (at < end) {
		uint32_t code;
		size_t n = decode(at, (size_t)(end - at), &code), most;
		const bool shown = n && is_shown(code);

		if (!n)
			n = 1;
		most = shown ? n : 4 * n;
		if (used + most > size)
			break;
		if (shown)
			memcpy(out + used, at, n);
		else
			write_hex(out + used, at, n);
		used += most;
		at += n;
	}
	return used;
}
