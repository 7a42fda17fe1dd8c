/* SPDX-License-Identifier: BSD-2-Clause */
/* What a table of an open window has no room for: it grows, or is summed into the margins. */
#include "stats/shard.h"

#define MOST_RARE_SLOTS 65536

/* Smaller tables grow at once: that takes less than a millisecond. */
#define LARGE_CUBE_SLOTS  32768
#define LARGE_FACTS_SLOTS 32768

int shard_need_margins(struct shard *shard)
{
	return shard->margins.slots
	    ? 0
	    : cells_init(&shard->margins, shard->margin_slots, &shard->cube.seed);
}

static void fold_cube(struct shard *shard)
{
	if (shard_need_margins(shard) < 0 || margins_fold(&shard->margins, &shard->cube) < 0)
		shard->lost++;
	cube_restart(&shard->cube);
}

struct cube_cell *shard_cell_slow(
    struct shard *shard, const struct shard_limits *limits, uint64_t key)
{
	const size_t slots = (size_t)shard->cube.mask + 1;
	const bool grows = slots * 2 <= limits->cube_slots;

	if (slots < LARGE_CUBE_SLOTS && grows && cube_grow(&shard->cube) == 0)
		return cube_at(&shard->cube, cube_hash(&shard->cube, key), key);
	if (pending_exchange_cube(shard, grows ? slots * 2 : slots) < 0)
		fold_cube(shard);
	return cube_at(&shard->cube, cube_hash(&shard->cube, key), key);
}

void shard_add_beside(struct shard *shard, uint64_t key, uint64_t count, uint64_t amount)
{
	if (pending_need_margins(shard) < 0 ||
	    margins_fold_one(&shard->margins, key, count, amount) < 0)
		shard->lost++;
}

void shard_cell_carry(struct shard *shard, struct cube_cell *cell)
{
	shard_add_beside(shard, cell->key, cell->count, cell->amount);
	cell->count = cell->amount = 0;
}

struct source *shard_source_slow(struct shard *shard, const struct shard_limits *limits,
    const struct hash_seed *seed, uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	struct sources *sources = &shard->sources;
	const size_t next = sources_next_size(sources->size);

	if (shard->overflow || next > limits->source_slots || sources->size >= SOURCES_GROW_SLOTS ||
	    sources_grow(sources, next, seed) < 0)
		return NULL;
	shard->pending.any = true;
	return sources_at(sources, hash, address, zone_family);
}

/* The number of unassigned cells stays: they are in the margins now. */
static void fold_facts(struct shard *shard)
{
	const size_t unassigned = shard->facts.unassigned;

	if (shard_need_margins(shard) < 0 || facts_fold(&shard->facts, &shard->margins) < 0)
		shard->lost++;
	facts_clear(&shard->facts, 0);
	shard->facts.unassigned = unassigned;
}

void shard_fold(struct shard *shard)
{
	pending_fold(shard);
	fold_cube(shard);
	fold_facts(shard);
}

struct facts_row *shard_row_slow(
    struct shard *shard, const struct shard_limits *limits, uint32_t zone)
{
	const size_t most = limits->facts_blocks ? limits->facts_blocks : 1;
	struct facts_row *row;
	int r = facts_need_row(&shard->facts, zone, most, &row);

	if (r < 0 && shard->facts.n_blocks) {
		fold_facts(shard);
		facts_release_rows(&shard->facts);
		r = facts_need_row(&shard->facts, zone, most, &row);
	}
	if (r == 0)
		return row;
	shard->lost++;
	return NULL;
}

struct cell *shard_fact_slow(struct shard *shard, const struct shard_limits *limits, uint64_t key)
{
	struct cells *cells = &shard->facts.cells;
	const size_t slots = (size_t)cells->mask + 1;
	const bool grows = slots * 2 <= limits->facts_cells;

	if ((slots >= LARGE_FACTS_SLOTS || !grows || cells_resize(cells, slots * 2) < 0) &&
	    pending_exchange_facts(shard, grows ? slots * 2 : slots) < 0)
		fold_facts(shard);
	facts_forget(&shard->facts);
	return cells_at(cells, cells_hash(cells, key), key);
}

void shard_fact_carry(
    struct shard *shard, const struct shard_limits *limits, uint32_t zone, unsigned place)
{
	const uint64_t keys[] = {
	    facts_place_key(zone, place), facts_place_version_key(zone, place)};
	struct cells *cells = &shard->facts.cells;

	for (size_t i = 0; i < 2 && keys[i]; i++) {
		struct cell *cell = cells_at(cells, cells_hash(cells, keys[i]), keys[i]);

		if (!cell)
			cell = shard_fact_slow(shard, limits, keys[i]);
		cell->count += FACTS_CARRY;
	}
}

static bool has(const struct cells *cells, uint64_t key)
{
	return cells->slots && cells_find(cells, key);
}

struct cell *shard_fact_unassigned(
    struct shard *shard, const struct shard_limits *limits, struct cell *cell)
{
	struct cells *cells = &shard->facts.cells;
	uint64_t key;

	/* New to these cells, but not to those that were full before. */
	if (has(&shard->pending.facts, cell->key) || has(&shard->margins, cell->key) ||
	    has(&shard->pending.outgrown, cell->key))
		return cell;
	if (shard->facts.unassigned < limits->unassigned) {
		shard->facts.unassigned++;
		return cell;
	}
	/* It was made last, so that no other is behind it on the same way. */
	key = facts_other_key(cell->key);
	cell->key = 0;
	cells->used--;
	cell = cells_at(cells, cells_hash(cells, key), key);
	return cell ? cell : shard_fact_slow(shard, limits, key);
}

void shard_place_other(struct shard *shard, uint32_t zone, uint32_t direction, uint32_t bytes)
{
	if (pending_need_margins(shard) < 0 ||
	    places_add_other(&shard->margins, zone, direction, 1, bytes) < 0)
		shard->lost++;
}

struct source *shard_rare(struct shard *shard, const struct shard_limits *limits,
    const struct hash_seed *seed, uint64_t hash, const uint64_t address[2], uint16_t zone_family)
{
	const size_t most =
	    limits->source_slots < MOST_RARE_SLOTS ? limits->source_slots : MOST_RARE_SLOTS;
	struct sources *rare = &shard->rare;
	struct source *source;

	if (!rare->slots && sources_init(rare, SHARD_RARE_SLOTS) < 0)
		return NULL;
	source = sources_at(rare, hash, address, zone_family);
	if (!source && sources_next_size(rare->size) <= most &&
	    sources_resize(rare, sources_next_size(rare->size), seed) == 0)
		source = sources_at(rare, hash, address, zone_family);
	return source;
}

void shard_add_late(struct shard *shard, uint64_t key)
{
	if (pending_need_margins(shard) < 0 || margins_add_late(&shard->margins, key) < 0)
		shard->lost++;
}
