/* SPDX-License-Identifier: BSD-2-Clause */
#include "document/roff.h"

#include <stdbool.h>
#include <string.h>

#define COLUMNS 110

static void put_word(FILE *out, const char *word, size_t length, bool first)
{
	if (first && (*word == '.' || *word == '\''))
		fputs("\\&", out);
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\\')
			fputs("\\e", out);
		else
			fputc(word[i], out);
	}
}

/* A sentence ends its line, as mdoc(7) wants it; one that is too long has several. */
void roff_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		const size_t length = strcspn(text, " ");
		const bool ends = length && text[length - 1] == '.';

		if (column && column + 1 + length > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		if (column)
			fputc(' ', out);
		put_word(out, text, length, !column);
		column += (column > 0) + length;
		text += length + (text[length] == ' ');
		if (ends && *text) {
			fputc('\n', out);
			column = 0;
		}
	}
	fputc('\n', out);
}
