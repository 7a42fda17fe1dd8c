/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The margins of a cube (key.h): every dataset of the report, as sums of cells. They are exact:
 * when the cube of a busy window is full, it is summed into its margins (stats/pending.h), and
 * another takes its place.
 */
#ifndef CROSSTAP_STATS_MARGINS_H
#define CROSSTAP_STATS_MARGINS_H

#include "stats/cells.h"
#include "stats/cube.h"
#include "stats/key.h"

/* Adds all cells of a cube, or those of some slots; the margins grow as they need. -ENOMEM: some
 * cells were not added. */
int margins_fold(struct cells *margins, const struct cube *cube);
int margins_fold_slots(struct cells *margins, const struct cube *cube, size_t first, size_t n);
/* The same of one that is in no cube. */
int margins_fold_one(struct cells *margins, uint64_t key, uint64_t count, uint64_t amount);
/* Adds one margin: counts and bytes are summed, of a largest value the larger stays. */
int margins_add(struct cells *margins, uint64_t key, uint64_t count, uint64_t amount);

/* The same of many: each waits in a batch until the cache line that it goes to has come. */
#define MARGINS_BATCH 64
struct margins_item {
	uint64_t hash, key, count, amount;
};
struct margins_batch {
	struct cells *margins;
	size_t n;
	struct margins_item items[MARGINS_BATCH];
};
/* -ENOMEM: some that were put are not added. */
int margins_put(struct margins_batch *batch, uint64_t key, uint64_t count, uint64_t amount);
int margins_flush(struct margins_batch *batch);

/* A message with this key in the cube came when its window was closed. */
int margins_add_late(struct cells *margins, uint64_t key);
/* Adds all margins, or those of some slots. -ENOMEM: some were not added. */
int margins_merge(struct cells *into, const struct cells *from);
int margins_merge_slots(struct cells *into, const struct cells *from, size_t first, size_t n);

#endif
