/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch of points, and whether it holds a line. */
#ifndef CROSSTAP_TESTS_POINTS_TEXT_H
#define CROSSTAP_TESTS_POINTS_TEXT_H

#include "encode/points.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline const char *points_text(struct points *points)
{
	const char *text = NULL;
	size_t length = 0;

	assert_int_equal(points_finish(points, &text, &length), 0);
	return text;
}

/* Whole lines that are `line` (without its time). */
static inline unsigned lines_equal(const char *text, const char *line, int64_t time_ms)
{
	char whole[1024];
	size_t length =
	    (size_t)snprintf(whole, sizeof(whole), "%s %lld", line, (long long)time_ms * 1000000);
	unsigned n = 0;

	assert_true(length < sizeof(whole));
	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		n += strncmp(text, whole, length) == 0 && (text[length] == '\n' || !text[length]);
	}
	return n;
}

/* Lines that begin so. */
static inline unsigned lines_of(const char *text, const char *prefix)
{
	unsigned n = 0;

	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		n += strncmp(text, prefix, strlen(prefix)) == 0;
	}
	return n;
}

#define assert_line(text, line)                                                                    \
	do {                                                                                       \
		if (lines_equal(text, line, TIME_MS) != 1)                                         \
			print_message("%s\n", text);                                               \
		assert_int_equal(lines_equal(text, line, TIME_MS), 1);                             \
	} while (0)

#endif
