/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged or hostile file of the history, which has the right hash: it is read or not, and what
 * is read can be asked and be written again. */
#include "history/held.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MOST        8192
#define LIMIT       (128ull << 10)
#define INTERVAL_MS 600000

/* Of the header, see history/file.c. */
#define LIMIT_AT    16
#define INTERVAL_AT 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct history_next *held)
{
	struct history_query query = {.from_ms = INT64_MIN / 4096, .to_ms = INT64_MAX / 4096};
	struct history_picture picture;
	char error[512], *text;

	for (int of = 0; of < KEPT_COUNT; of++)
		query.fields[of] = (1u << history_kept[of].n_fields) - 1;
	if (picture_take(&picture, held, &query, error, sizeof(error)) < 0)
		return;
	text = picture_text(&picture);
	if (!text || picture.points > HISTORY_POINTS)
		abort();
	free(text);
	picture_done(&picture);
}

/* Short windows and much memory make rings of megabytes: nothing else is read of them than of small
 * ones. */
static void make_small(uint8_t *file, size_t size)
{
	uint64_t limit;
	int64_t interval_ms;

	if (size < INTERVAL_AT + sizeof(interval_ms))
		return;
	memcpy(&limit, file + LIMIT_AT, sizeof(limit));
	memcpy(&interval_ms, file + INTERVAL_AT, sizeof(interval_ms));
	if (limit > LIMIT && limit <= 1 << 30)
		limit = LIMIT + limit % LIMIT;
	if (interval_ms >= 1000 && interval_ms < INTERVAL_MS)
		interval_ms += INTERVAL_MS;
	memcpy(file + LIMIT_AT, &limit, sizeof(limit));
	memcpy(file + INTERVAL_AT, &interval_ms, sizeof(interval_ms));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history_next *held, *copy;
	uint64_t hash;
	uint8_t *file;

	if (size > MOST)
		return 0;
	file = malloc(size + sizeof(hash));
	if (!file)
		abort();
	if (size)
		memcpy(file, data, size);
	make_small(file, size);
	hash = XXH3_64bits(file, size);
	memcpy(file + size, &hash, sizeof(hash));
	if (held_decode(&held, file, size + sizeof(hash)) == 0) {
		ask(held);
		if (hash % 4 == 0) {
			if (held_new(&copy, LIMIT / 2, 2 * INTERVAL_MS) < 0)
				abort();
			held_copy(copy, held);
			ask(copy);
			history_next_free(copy);
		}
		history_next_free(held);
	}
	free(file);
	return 0;
}
