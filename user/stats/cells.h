/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table from a packed 64-bit key to a count and an amount: the margins of a window's cube,
 * which the datasets are made of, and further facts beside it; stats/key.h says what the keys mean.
 */
#ifndef CROSSTAP_STATS_CELLS_H
#define CROSSTAP_STATS_CELLS_H

#include "base/hash.h"
#include "base/prefetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell {
	uint64_t key; /* 0: free */
	uint64_t count;
	uint64_t amount; /* bytes, or the largest value: the key's kind says */
};

struct cells {
	struct cell *slots;
	uint32_t mask;
	uint32_t used;
	uint32_t limit; /* used never passes it: a free slot always ends a search */
	struct hash_seed seed;
};

/* `slots` is rounded up to a power of two, at least 256. */
int cells_init(struct cells *cells, size_t slots, const struct hash_seed *seed);
void cells_done(struct cells *cells);
/* Empty, with room for twice as many if it was full; -ENOMEM leaves it empty at its old size. */
int cells_clear(struct cells *cells, size_t max_slots);
/* Empty, with all its memory there; takes its time. */
void cells_renew(struct cells *cells);
/* To any size that holds what is there. */
int cells_resize(struct cells *cells, size_t slots);

/* Keyed: keys are made of header fields that a client chooses. */
static inline uint64_t cells_hash(const struct cells *cells, uint64_t key)
{
	return hash_u64(&cells->seed, key);
}

static inline void cells_prefetch(const struct cells *cells, uint64_t hash)
{
	const struct cell *cell = &cells->slots[hash & cells->mask];

	prefetch_write(cell);
	prefetch_write(
	    (const char *)(cell + 2) - 1); /* and the next one's, which may be the key's */
}

/* The key's cell, made if need be; NULL when the table is at its limit. */
static inline struct cell *cells_at(struct cells *cells, uint64_t hash, uint64_t key)
{
	uint32_t at = (uint32_t)hash & cells->mask;

	while (cells->slots[at].key != key) {
		if (cells->slots[at].key == 0) {
			if (cells->used >= cells->limit)
				return NULL;
			cells->used++;
			cells->slots[at].key = key;
			break;
		}
		at = (at + 1) & cells->mask;
	}
	return &cells->slots[at];
}

const struct cell *cells_find(const struct cells *cells, uint64_t key);

/* By key, for qsort(). */
int cell_compare(const void *a, const void *b);
/* Sorted by key, for readers that go through a dataset in order. Moves the cells together and
 * leaves the table unfit for anything but reading *ret_list and cells_clear(). */
size_t cells_sort(struct cells *cells, const struct cell **ret_list);

#endif
