/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a spool that anybody may have written: each becomes one row of JSON, or is called
 * unreadable, and the same lines give the same bytes. */
#include "sink/clickhouse/inserts.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#define MOST 1024

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inserts inserts, again;

	if (size > MOST)
		return 0;
	if (inserts_make(&inserts, (const char *)data, size, 1 << 16) < 0 ||
	    inserts_make(&again, (const char *)data, size, 1 << 16) < 0)
		abort();
	if (inserts.bytes > size || (size && !inserts.bytes))
		abort();
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		const struct insert *insert = &inserts.of[i];

		if (!insert->rows)
			continue;
		check_rows(insert);
		if (insert->body.length != again.of[i].body.length ||
		    memcmp(insert->body.at, again.of[i].body.at, insert->body.length) != 0)
			abort();
	}
	return 0;
}
