/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/screen.h"

#include <stdarg.h>
#include <string.h>

#define MAX_TEXT  1024
#define LATIN     0xa1  /* the first that is seen ... */
#define LATIN_END 0x17f /* ... and the last of Latin Extended-A */
#define HYPHEN    0xad  /* soft: has no width of its own */

void screen_clear(struct screen *screen, int width, int height, bool utf8)
{
	screen->width = width < 0 ? 0 : width < SCREEN_MAX_WIDTH ? width : SCREEN_MAX_WIDTH;
	screen->height = height < 0 ? 0 : height < SCREEN_MAX_HEIGHT ? height : SCREEN_MAX_HEIGHT;
	screen->utf8 = utf8;
	for (int y = 0; y < screen->height; y++) {
		for (int x = 0; x < screen->width; x++)
			screen->cells[y][x] = (struct screen_cell){' ', STYLE_PLAIN};
	}
}

static void set(struct screen *screen, int y, int x, enum style style, unsigned character)
{
	if (y >= 0 && y < screen->height && x >= 0 && x < screen->width)
		screen->cells[y][x] =
		    (struct screen_cell){(unsigned short)character, (unsigned char)style};
}

/* The character at `text` as it may be shown, in `out`; how many bytes it was. */
static size_t next(const char *text, bool utf8, unsigned out[4], size_t *ret_n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char a = (unsigned char)text[0], b = (unsigned char)text[1];

	*ret_n = 1;
	out[0] = a;
	if (a >= ' ' && a <= '~')
		return 1;
	if (utf8 && a >= 0xc2 && a <= 0xc5 && (b & 0xc0) == 0x80) {
		out[0] = (a & 0x1fu) << 6 | (b & 0x3fu);
		if (out[0] >= LATIN && out[0] <= LATIN_END && out[0] != HYPHEN)
			return 2;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = (unsigned char)hex[a >> 4];
	out[3] = (unsigned char)hex[a & 15];
	*ret_n = 4;
	return 1;
}

int screen_put(struct screen *screen, int y, int x, int width, enum style style, const char *text)
{
	const int end = x + (width > 0 ? width : 0);

	while (*text) {
		unsigned out[4];
		size_t n;

		text += next(text, screen->utf8, out, &n);
		if (n > (size_t)(end - x)) {
			if (end > 0 && width > 0)
				set(screen, y, x < end ? x : end - 1, style, '~');
			return x < end ? x + 1 : end;
		}
		for (size_t i = 0; i < n; i++)
			set(screen, y, x++, style, out[i]);
	}
	return x;
}

char *screen_clean(char *out, size_t size, const char *text)
{
	size_t length = 0;

	while (*text) {
		unsigned characters[4];
		size_t n;

		text += next(text, false, characters, &n);
		if (length + n >= size)
			break;
		for (size_t i = 0; i < n; i++)
			out[length++] = (char)characters[i];
	}
	out[length] = '\0';
	return out;
}

int screen_format(struct screen *screen, int y, int x, enum style style, const char *format, ...)
{
	char text[MAX_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return screen_put(screen, y, x, screen->width - x, style, text);
}

void screen_bar(struct screen *screen, int y, int x, double value, double most)
{
	static const char plain[] = "_.:-=+*#";
	int eighth;

	if (!(value >= 0) || !(most > 0))
		return;
	eighth = value >= most ? 7 : (int)(8 * value / most);
	set(screen, y, x, STYLE_GOOD,
	    screen->utf8 ? 0x2581u + (unsigned)eighth : (unsigned char)plain[eighth]);
}

void screen_style(struct screen *screen, int y, enum style style)
{
	for (int x = 0; y >= 0 && y < screen->height && x < screen->width; x++)
		screen->cells[y][x].style = (unsigned char)style;
}

static void print_character(unsigned c, FILE *out)
{
	if (c < 0x80) {
		fputc((int)c, out);
	} else if (c < 0x800) {
		fputc((int)(0xc0 | c >> 6), out);
		fputc((int)(0x80 | (c & 0x3f)), out);
	} else {
		fputc((int)(0xe0 | c >> 12), out);
		fputc((int)(0x80 | (c >> 6 & 0x3f)), out);
		fputc((int)(0x80 | (c & 0x3f)), out);
	}
}

void screen_print(const struct screen *screen, FILE *out)
{
	for (int y = 0; y < screen->height; y++) {
		int end = screen->width;

		while (end > 0 && screen->cells[y][end - 1].character == ' ')
			end--;
		for (int x = 0; x < end; x++)
			print_character(screen->cells[y][x].character, out);
		fputc('\n', out);
	}
}
