/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/cells.h"

#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SLOTS 256

static uint32_t limit_of(uint32_t mask)
{
	return (mask + 1) / 8 * 5;
}

int cells_init(struct cells *cells, size_t slots, const struct hash_seed *seed)
{
	size_t size = LEAST_SLOTS;

	while (size < slots && size < 1u << 30)
		size *= 2;
	cells->slots = pages_reserve(size * sizeof(struct cell));
	if (!cells->slots)
		return -ENOMEM;
	cells->mask = (uint32_t)(size - 1);
	cells->used = 0;
	cells->limit = limit_of(cells->mask);
	cells->seed = *seed;
	return 0;
}

void cells_done(struct cells *cells)
{
	pages_free(cells->slots, ((size_t)cells->mask + 1) * sizeof(struct cell));
	cells->slots = NULL;
	cells->used = 0;
}

int cells_clear(struct cells *cells, size_t max_slots)
{
	size_t size = (size_t)cells->mask + 1;
	struct cells bigger;

	if (cells->used >= cells->limit && size * 2 <= max_slots &&
	    cells_init(&bigger, size * 2, &cells->seed) == 0) {
		cells_done(cells);
		*cells = bigger;
		return 0;
	}
	pages_clear(cells->slots, size * sizeof(struct cell));
	cells->used = 0;
	return 0;
}

void cells_renew(struct cells *cells)
{
	pages_renew(cells->slots, ((size_t)cells->mask + 1) * sizeof(struct cell));
	cells->used = 0;
}

int cells_resize(struct cells *cells, size_t slots)
{
	struct cells other;
	int r = cells_init(&other, slots, &cells->seed);

	if (r < 0)
		return r;
	for (size_t i = 0; i <= cells->mask; i++) {
		const struct cell *from = &cells->slots[i];
		struct cell *to;

		if (!from->key)
			continue;
		to = cells_at(&other, cells_hash(&other, from->key), from->key);
		if (!to) {
			cells_done(&other);
			return -ENOSPC;
		}
		*to = *from;
	}
	cells_done(cells);
	*cells = other;
	return 0;
}

const struct cell *cells_find(const struct cells *cells, uint64_t key)
{
	uint32_t at = (uint32_t)cells_hash(cells, key) & cells->mask;

	for (; cells->slots[at].key; at = (at + 1) & cells->mask) {
		if (cells->slots[at].key == key)
			return &cells->slots[at];
	}
	return NULL;
}

int cell_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct cell *)a)->key, y = ((const struct cell *)b)->key;

	return (x > y) - (x < y);
}

size_t cells_sort(struct cells *cells, const struct cell **ret_list)
{
	size_t n = 0;

	for (size_t i = 0; i <= cells->mask; i++) {
		if (cells->slots[i].key)
			cells->slots[n++] = cells->slots[i];
	}
	qsort(cells->slots, n, sizeof(struct cell), cell_compare);
	*ret_list = cells->slots;
	return n;
}
