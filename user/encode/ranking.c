/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/ranking.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct ranking {
	bool by_text;
	size_t n, most, row_bytes;
	char *rows;
	char **texts;    /* of the rows */
	uint32_t *slots; /* by hash of the text: number of the row, from 1 on; 0: free */
	size_t mask;
};

int ranking_new(
    struct ranking **ret, const struct encode_context *context, size_t rows, size_t row_bytes)
{
	struct ranking *ranking = calloc(1, sizeof(*ranking));
	size_t slots = 2;

	if (!ranking)
		return -ENOMEM;
	while (slots < 2 * rows)
		slots *= 2;
	ranking->by_text = context->top_key == TOP_KEY_VALUE;
	ranking->most = rows;
	ranking->row_bytes = row_bytes;
	ranking->mask = slots - 1;
	ranking->rows = calloc(rows + 1, row_bytes);
	ranking->texts = calloc(rows + 1, sizeof(*ranking->texts));
	ranking->slots = calloc(slots, sizeof(*ranking->slots));
	if (!ranking->rows || !ranking->texts || !ranking->slots) {
		ranking_free(ranking);
		return -ENOMEM;
	}
	*ret = ranking;
	return 0;
}

void ranking_free(struct ranking *ranking)
{
	if (!ranking)
		return;
	for (size_t i = 0; ranking->texts && i < ranking->n; i++)
		free(ranking->texts[i]);
	free(ranking->texts);
	free(ranking->rows);
	free(ranking->slots);
	free(ranking);
}

/* Where the text's row is, or a free slot for it: there are twice as many as rows. */
static uint32_t *find_slot(const struct ranking *ranking, const char *text)
{
	size_t at = XXH3_64bits(text, strlen(text)) & ranking->mask;

	while (ranking->slots[at] && strcmp(ranking->texts[ranking->slots[at] - 1], text) != 0)
		at = (at + 1) & ranking->mask;
	return &ranking->slots[at];
}

void *ranking_take(struct ranking *ranking, const char *text, bool *ret_is_new)
{
	uint32_t *slot = ranking->by_text ? find_slot(ranking, text) : NULL;

	*ret_is_new = !slot || !*slot;
	if (!*ret_is_new)
		return ranking_row(ranking, *slot - 1);
	if (ranking->n == ranking->most || !(ranking->texts[ranking->n] = strdup(text)))
		return NULL;
	ranking->n++;
	if (slot)
		*slot = (uint32_t)ranking->n;
	return ranking_row(ranking, ranking->n - 1);
}

size_t ranking_rows(const struct ranking *ranking)
{
	return ranking->n;
}

void *ranking_row(const struct ranking *ranking, size_t i)
{
	return ranking->rows + i * ranking->row_bytes;
}

const char *ranking_text(const struct ranking *ranking, size_t i)
{
	return ranking->texts[i];
}
