/* SPDX-License-Identifier: BSD-2-Clause */
#include "document/roff.h"

#include <stdbool.h>

void roff_text(FILE *out, const char *text)
{
	bool at_start = true;

	for (; *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
		at_start = text[0] == '.' && text[1] == ' ';
		if (at_start) {
			fputc('\n', out);
			text++;
		}
	}
	fputc('\n', out);
}
