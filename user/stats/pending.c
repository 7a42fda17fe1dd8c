/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/pending.h"

#include "stats/shard.h"

#include <errno.h>
#include <string.h>

/*
 * What is left to do is done when the table that took its place is full, and not much before: a
 * new page for each entry is what takes its time. The least with each batch of messages takes a
 * microsecond or two.
 */
#define LEAST_SLOTS     8
#define MARGINS_OF_SLOT 8 /* that move with each slot that is summed */

/* Between two looks at the room that margins have. A cell adds 19 of them at most: messages, size,
 * two of the type or rcode, the opcode, eleven flags, and what is compared. */
#define PIECE_SLOTS        32
#define SPARE_MARGINS      (PIECE_SLOTS * 20)
#define LARGE_MARGIN_SLOTS 8192 /* smaller ones grow at once */

/* Large margins that are nearly full: what is counted from now on goes to some twice as large. */
static void outgrow_margins(struct shard *shard)
{
	struct cells *margins = &shard->margins;
	const size_t slots = (size_t)margins->mask + 1;
	struct cells wider;

	if (shard->pending.outgrown.slots || slots < LARGE_MARGIN_SLOTS ||
	    margins->limit - margins->used >= SPARE_MARGINS ||
	    cells_init(&wider, slots * 2, &margins->seed) < 0)
		return;
	shard->pending.outgrown = *margins;
	shard->pending.outgrown_done = 0;
	shard->pending.any = true;
	*margins = wider;
}

int pending_need_margins(struct shard *shard)
{
	int r = shard_need_margins(shard);

	if (r == 0)
		outgrow_margins(shard);
	return r;
}

/* How many slots of `size`, of which so many are done, are next. */
static size_t part_of(size_t slots, size_t done, size_t size)
{
	return slots < size - done ? slots : size - done;
}

/* Of a full cube, or further facts, in pieces that margins have the room for. */
static int fold_slots(struct shard *shard, bool facts, size_t first, size_t n)
{
	struct shard_pending *pending = &shard->pending;
	int r = 0;

	for (size_t end = first + n; first < end && r == 0; first += PIECE_SLOTS) {
		const size_t piece = part_of(PIECE_SLOTS, first, end);

		r = pending_need_margins(shard);
		if (r == 0 && facts)
			r = facts_fold_slots(&pending->facts, &shard->margins, first, piece);
		else if (r == 0)
			r = margins_fold_slots(&shard->margins, &pending->full, first, piece);
	}
	return r;
}

static void fold_part(struct shard *shard, size_t slots)
{
	struct shard_pending *pending = &shard->pending;
	const size_t size = (size_t)pending->full.mask + 1;
	const size_t n = part_of(slots, pending->full_done, size);

	shard->lost += fold_slots(shard, false, pending->full_done, n) < 0;
	memset(&pending->full.cells[pending->full_done], 0, n * sizeof(*pending->full.cells));
	pending->full_done += n;
	if (pending->full_done == size)
		pending->full.used = 0;
}

static void fold_facts_part(struct shard *shard, size_t slots)
{
	struct shard_pending *pending = &shard->pending;
	const size_t size = (size_t)pending->facts.mask + 1;
	const size_t n = part_of(slots, pending->facts_done, size);

	shard->lost += fold_slots(shard, true, pending->facts_done, n) < 0;
	pending->facts_done += n;
	if (pending->facts_done == size)
		cells_done(&pending->facts);
}

static void move_part(struct shard *shard, size_t slots)
{
	struct shard_pending *pending = &shard->pending;
	const size_t size = (size_t)pending->outgrown.mask + 1;
	const size_t n = part_of(slots, pending->outgrown_done, size);

	if (margins_merge_slots(&shard->margins, &pending->outgrown, pending->outgrown_done, n) < 0)
		shard->lost++;
	pending->outgrown_done += n;
	if (pending->outgrown_done == size)
		cells_done(&pending->outgrown);
}

static void note_pending(struct shard *shard)
{
	struct shard_pending *pending = &shard->pending;

	pending->any = pending->full.used || pending->facts.slots || pending->outgrown.slots ||
	    shard->sources.old;
}

/* Slots of a full table of `size` that come next, where `used` of the `limit` entries of the one
 * that took its place are in use. */
static size_t due(size_t done, size_t size, size_t used, size_t limit)
{
	const size_t by_now = size * used / limit;

	return by_now > done + LEAST_SLOTS ? by_now - done : LEAST_SLOTS;
}

void shard_go_on(struct shard *shard, const struct hash_seed *seed)
{
	struct shard_pending *pending = &shard->pending;
	size_t slots = LEAST_SLOTS;

	if (pending->full.used) {
		const size_t n = due(pending->full_done, (size_t)pending->full.mask + 1,
		    shard->cube.used, shard->cube.limit);

		fold_part(shard, n);
		slots += n;
	}
	if (pending->facts.slots) {
		const size_t n = due(pending->facts_done, (size_t)pending->facts.mask + 1,
		    shard->facts.cells.used, shard->facts.cells.limit);

		fold_facts_part(shard, n);
		slots += n;
	}
	if (pending->outgrown.slots)
		move_part(shard, slots * MARGINS_OF_SLOT);
	sources_go_on(&shard->sources, seed);
	note_pending(shard);
}

void pending_fold(struct shard *shard)
{
	struct shard_pending *pending = &shard->pending;

	if (pending->full.used)
		fold_part(shard, SIZE_MAX);
	if (pending->facts.slots)
		fold_facts_part(shard, SIZE_MAX);
	if (pending->outgrown.slots)
		move_part(shard, SIZE_MAX);
}

void shard_settle(struct shard *shard, const struct hash_seed *seed)
{
	pending_fold(shard);
	sources_settle(&shard->sources, seed);
	note_pending(shard);
}

int pending_exchange_cube(struct shard *shard, size_t slots)
{
	struct shard_pending *pending = &shard->pending;
	struct cube full = shard->cube;

	if (pending->full.used)
		fold_part(shard, SIZE_MAX);
	if (pending->full.cells && (size_t)pending->full.mask + 1 != slots)
		cube_done(&pending->full);
	if (!pending->full.cells && cube_init(&pending->full, slots, &full.seed) < 0)
		return -ENOMEM;
	shard->cube = pending->full;
	shard->cube.most = full.most > full.used ? full.most : full.used;
	pending->full = full;
	pending->full_done = 0;
	pending->any = pending->exchanged = true;
	return 0;
}

int pending_exchange_facts(struct shard *shard, size_t slots)
{
	struct shard_pending *pending = &shard->pending;
	struct cells *cells = &shard->facts.cells, other;

	if (pending->facts.slots)
		fold_facts_part(shard, SIZE_MAX);
	if (cells_init(&other, slots, &cells->seed) < 0)
		return -ENOMEM;
	pending->facts = *cells;
	pending->facts_done = 0;
	pending->any = true;
	*cells = other;
	return 0;
}

void pending_clear(struct shard *shard)
{
	struct shard_pending *pending = &shard->pending;

	if (pending->full.used || !pending->exchanged || pending->full.mask != shard->cube.mask)
		cube_done(&pending->full);
	cells_done(&pending->facts);
	cells_done(&pending->outgrown);
	pending->any = pending->exchanged = false;
}

void pending_done(struct shard_pending *pending)
{
	cube_done(&pending->full);
	cells_done(&pending->facts);
	cells_done(&pending->outgrown);
}
