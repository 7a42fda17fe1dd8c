/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes as hexadecimal digits. */
#ifndef CROSSTAP_BASE_HEX_H
#define CROSSTAP_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Two digits a byte, lower case, and a NUL. */
static inline void hex_text(char *ret, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 0xf];
	}
	*ret = '\0';
}

#endif
