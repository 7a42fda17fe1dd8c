/* SPDX-License-Identifier: BSD-2-Clause */
/* Hostile names and values: what is encoded is one line a point, without control characters, within
 * the limit; JSON is taken by an independent reader. */
#include "encode/points.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 65536

static void check_text(const char *text, size_t length, size_t points, enum points_format format)
{
	size_t lines = 0;

	if (length > LIMIT || text[length] != '\0' || (length && text[length - 1] != '\n'))
		abort();
	for (size_t i = 0; i < length; i++) {
		lines += text[i] == '\n';
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			abort();
	}
	if (lines != points)
		abort();
	if (format == POINTS_JSON && points == 1) {
		json_t *root = json_loadb(text, length, 0, NULL);

		if (!root)
			abort();
		json_decref(root);
	}
}

/* The input is strings, each ended by a NUL: measurement, tag key, tag value, field key; the rest
 * is a field. */
static void encode(const uint8_t *data, size_t size, enum points_format format)
{
	char *copy = malloc(size + 5), *part[5];
	struct points *points;
	const char *text;
	size_t length, at = 0;

	if (!copy || points_new(&points, format, LIMIT) < 0)
		abort();
	if (size)
		memcpy(copy, data, size);
	memset(copy + size, 0, 5);
	for (int i = 0; i < 4; i++) {
		part[i] = copy + at;
		at += strlen(part[i]) + (at + strlen(part[i]) < size + 4);
	}
	part[4] = copy + (at < size ? at : size);
	points_common_tag(points, part[2], part[1]);
	points_begin(points, part[0], (int64_t)size);
	points_tag(points, part[1], part[2]);
	points_string(points, part[3], part[4], size - (size_t)(part[4] - copy));
	points_uint(points, part[1], size);
	points_end(points);
	if (points_finish(points, &text, &length) < 0)
		abort();
	check_text(text, length, points_count(points), format);
	points_free(points);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	encode(data, size, POINTS_LINE);
	encode(data, size, POINTS_JSON);
	return 0;
}
