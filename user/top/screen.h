/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A grid of characters of one column each. Whatever text is put on it, none of it can move the
 * cursor, turn the direction of writing or be wider than it is counted: where the locale has UTF-8
 * the letters of Latin scripts stay, everything else but ASCII becomes \xNN, byte by byte.
 */
#ifndef CROSSTAP_TOP_SCREEN_H
#define CROSSTAP_TOP_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#define SCREEN_MAX_WIDTH  512
#define SCREEN_MAX_HEIGHT 256

enum style { STYLE_PLAIN, STYLE_STRONG, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_HEADING, STYLES };

struct screen_cell {
	unsigned short character; /* Unicode */
	unsigned char style;
};

struct screen {
	int width, height;
	bool utf8;
	struct screen_cell cells[SCREEN_MAX_HEIGHT][SCREEN_MAX_WIDTH];
};

/* Blanks; the size is brought into bounds. */
void screen_clear(struct screen *screen, int width, int height, bool utf8);
/* At most `width` columns of `text`, and none outside of the grid. Returns the column after them.
 * What is cut has `~` as its last one. */
int screen_put(struct screen *screen, int y, int x, int width, enum style style, const char *text);
__attribute__((format(printf, 5, 6))) int screen_format(
    struct screen *screen, int y, int x, enum style style, const char *format, ...);
/* A share of `most` as a character that is that high; nothing for NaN. */
void screen_bar(struct screen *screen, int y, int x, double value, double most);
/* A text for a log line or a plugin's, in ASCII, cut to `size`. Returns `out`. */
char *screen_clean(char *out, size_t size, const char *text);
/* A style for a whole line, from its first column to its last. */
void screen_style(struct screen *screen, int y, enum style style);
/* The lines without blanks at their ends. */
void screen_print(const struct screen *screen, FILE *out);

#endif
