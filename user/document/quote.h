/* SPDX-License-Identifier: BSD-2-Clause */
/* A text within single quotes, where a backslash takes the meaning of a quote and of a backslash:
 * of fish and of SQL as ClickHouse reads it. */
#ifndef CROSSTAP_DOCUMENT_QUOTE_H
#define CROSSTAP_DOCUMENT_QUOTE_H

#include <stdio.h>

static inline void quote_text(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

#endif
