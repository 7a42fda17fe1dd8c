/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged or hostile file of the history, which has the right hash: it is read or not, and what
 * is read can be asked and be written again. */
#include "history/held.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t hash = XXH3_64bits(data, size);
	uint8_t *file = malloc(size + sizeof(hash));
	struct history_next *held, *copy;

	if (!file)
		abort();
	if (size)
		memcpy(file, data, size);
	memcpy(file + size, &hash, sizeof(hash));
	if (held_decode(&held, file, size + sizeof(hash)) == 0) {
		ask(held);
		if (hash % 4 == 0) {
			if (held_new(&copy, 16 << 10, 10000) < 0)
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
