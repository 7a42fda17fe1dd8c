/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a spool that anybody may have written: each becomes one row of JSON, or is called
 * unreadable, and the same lines give the same bytes (in one run of four: the lines are read by
 * jansson, which takes most of a run's time). */
#include "sink/clickhouse/inserts.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#define MOST  512
#define LIMIT (1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct insert *insert)
{
	const char *at = insert->body.at + insert->statement,
		   *end = insert->body.at + insert->body.length;
	size_t rows = 0;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		json_t *row = newline ? json_loadb(at, (size_t)(newline - at), 0, NULL) : NULL;

		if (!json_is_object(row))
			abort();
		json_decref(row);
		at = newline + 1;
		rows++;
	}
	if (rows != insert->rows)
		abort();
}

/* The same lines give the same bytes. */
static void check_again(const struct inserts *inserts, const char *text, size_t length)
{
	static struct inserts again;

	if (inserts_make(&again, text, length, LIMIT) < 0)
		abort();
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		const struct insert *insert = &inserts->of[i], *other = &again.of[i];

		if (insert->body.length != other->body.length ||
		    (insert->rows &&
			memcmp(insert->body.at, other->body.at, insert->body.length) != 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inserts inserts;

	if (size > MOST)
		return 0;
	if (inserts_make(&inserts, (const char *)data, size, LIMIT) < 0)
		abort();
	if (inserts.bytes > size || (size && !inserts.bytes))
		abort();
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (inserts.of[i].rows)
			check_rows(&inserts.of[i]);
	}
	if (size % 4 == 0)
		check_again(&inserts, (const char *)data, size);
	return 0;
}
