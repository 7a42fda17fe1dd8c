/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line of the log may hold: one line, and nothing that changes how its reader's terminal
 * shows the rest. */
#ifndef CROSSTAP_BASE_LOG_TEXT_H
#define CROSSTAP_BASE_LOG_TEXT_H

#include <stddef.h>

/* Writes at most `size` bytes and no NUL; never cuts a character or an escape. Control characters
 * (C0, DEL, C1), U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 (Unicode 15, chapter
 * 23.3 and UAX #9) and bytes that are no UTF-8 (RFC 3629) are \xNN for each byte. Returns the bytes
 * written. */
size_t log_text_clean(char *out, size_t size, const char *text, size_t length);

#endif
