/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cube of a window: a hash table from a message's key (stats/key.h) to how many there were, and
 * an amount. Every message passes here, so that cells are small, four a cache line and none on two.
 * What their counters cannot hold goes to the margins at once (shard_cell_carry()).
 */
#ifndef CROSSTAP_STATS_CUBE_H
#define CROSSTAP_STATS_CUBE_H

#include "base/hash.h"
#include "base/prefetch.h"

#include <stddef.h>
#include <stdint.h>

struct cube_cell {
	uint64_t key; /* 0: free */
	uint32_t count;
	uint32_t amount; /* bytes, or of CUBE_OTHER's latencies the largest, ns */
};
_Static_assert(sizeof(struct cube_cell) == 16, "none lies on two cache lines");

struct cube {
	struct cube_cell *cells;
	uint32_t mask;
	uint32_t used;
	uint32_t limit; /* used never passes it: a free cell always ends a search */
	uint32_t most;  /* that were used, before it was restarted or took another's place */
	struct hash_seed seed;
};

#define CUBE_LEAST_SLOTS 2048

/* `slots` is a power of two. -ENOMEM. */
int cube_init(struct cube *cube, size_t slots, const struct hash_seed *seed);
void cube_done(struct cube *cube);
/* Empty, for use at once: its memory stays. */
void cube_restart(struct cube *cube);
/* Empty: twice as large, within `max_slots`, if it was full; half as large if it was nearly empty.
 * Without memory it keeps its size. */
void cube_clear(struct cube *cube, size_t max_slots);
/* Twice as large. -ENOMEM leaves it as it was. */
int cube_grow(struct cube *cube);

/* Keyed: keys are made of header fields that a client chooses. */
static inline uint64_t cube_hash(const struct cube *cube, uint64_t key)
{
	return hash_u64(&cube->seed, key);
}

static inline void cube_prefetch(const struct cube *cube, uint64_t hash)
{
	prefetch_write(&cube->cells[hash & cube->mask]);
}

/* The key's cell, made if need be; NULL when the table is at its limit. */
static inline struct cube_cell *cube_at(struct cube *cube, uint64_t hash, uint64_t key)
{
	uint32_t at = (uint32_t)hash & cube->mask;

	while (cube->cells[at].key != key) {
		if (cube->cells[at].key == 0) {
			if (cube->used >= cube->limit)
				return NULL;
			cube->used++;
			cube->cells[at].key = key;
			break;
		}
		at = (at + 1) & cube->mask;
	}
	return &cube->cells[at];
}

#endif
