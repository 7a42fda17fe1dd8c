/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/margins.h"

#include "crosstap/dns.h"

#include <errno.h>

static int add(struct cells *margins, uint64_t hash, uint64_t key, uint64_t count, uint64_t amount)
{
	struct cell *cell = cells_at(margins, hash, key);

	if (!cell) {
		int r = cells_resize(margins, ((size_t)margins->mask + 1) * 2);

		if (r < 0)
			return r;
		cell = cells_at(margins, hash, key);
	}
	cell->count += count;
	if (margin_kind(key) != MARGIN_LATENCY)
		cell->amount += amount;
	else if (cell->amount < amount)
		cell->amount = amount;
	return 0;
}

int margins_add(struct cells *margins, uint64_t key, uint64_t count, uint64_t amount)
{
	return add(margins, cells_hash(margins, key), key, count, amount);
}

int margins_put(struct margins_batch *batch, uint64_t key, uint64_t count, uint64_t amount)
{
	const uint64_t hash = cells_hash(batch->margins, key);
	const int r = batch->n == MARGINS_BATCH ? margins_flush(batch) : 0;

	if (r < 0)
		return r;
	cells_prefetch(batch->margins, hash);
	batch->items[batch->n++] = (struct margins_item){hash, key, count, amount};
	return 0;
}

int margins_flush(struct margins_batch *batch)
{
	int r = 0;

	for (size_t i = 0; i < batch->n && r == 0; i++) {
		const struct margins_item *item = &batch->items[i];

		r = add(batch->margins, item->hash, item->key, item->count, item->amount);
	}
	batch->n = 0;
	return r;
}

int margins_merge_slots(struct cells *into, const struct cells *from, size_t first, size_t n)
{
	struct margins_batch batch = {.margins = into};
	int r = 0;

	for (size_t i = first; i < first + n && r == 0; i++) {
		const struct cell *cell = &from->slots[i];

		if (cell->key)
			r = margins_put(&batch, cell->key, cell->count, cell->amount);
	}
	return r < 0 ? r : margins_flush(&batch);
}

int margins_merge(struct cells *into, const struct cells *from)
{
	return margins_merge_slots(into, from, 0, (size_t)from->mask + 1);
}

/* The producer left the message out. */
static bool is_unknown(uint64_t key)
{
	return cube_kind(key) == CUBE_MALFORMED && cube_type(key) == DNS_MALFORMED_NONE;
}

static bool has_question(uint64_t key)
{
	return cube_kind(key) != CUBE_MALFORMED && !(key & CUBE_NO_QUESTION);
}

/* CONTRACT of the comparison: opcode QUERY only, no AXFR, IXFR or their answers. What is not known
 * counts as QUERY. */
static bool is_compared(uint64_t key)
{
	const uint32_t type = cube_type(key);

	if (!(key & CUBE_COMPARED) || cube_opcode(key) != DNS_OPCODE_QUERY)
		return false;
	return !has_question(key) ||
	    !(cube_direction(key) == DIR_QUERY ? type == DNS_TYPE_AXFR || type == DNS_TYPE_IXFR
					       : type & CUBE_XFR_BIT);
}

int margins_add_late(struct cells *margins, uint64_t key)
{
	return is_compared(key) ? margins_add(margins,
				      margin_key(0, MARGIN_COMPARED_LATE, cube_direction(key),
					  cube_transport(key), cube_family(key), 0),
				      1, 0)
				: 0;
}

static int fold_compared(struct margins_batch *batch, const struct cell *cell)
{
	const uint64_t key = cell->key;
	const uint32_t direction = cube_direction(key), type = cube_type(key);
	const bool malformed = cube_kind(key) == CUBE_MALFORMED;
	const enum margin margin =
	    is_unknown(key) ? MARGIN_COMPARED_UNKNOWN : MARGIN_COMPARED_MALFORMED;
	int r;

	if (!is_compared(key))
		return 0;
	r = margins_put(batch,
	    margin_key(0, MARGIN_COMPARED, direction, cube_transport(key), cube_family(key), 0),
	    cell->count, cell->amount);
	if (r == 0 && malformed)
		r = margins_put(batch,
		    margin_key(0, margin, direction, cube_transport(key), cube_family(key), 0),
		    cell->count, 0);
	if (r == 0 && direction == DIR_RESPONSE && !malformed &&
	    (type & ~CUBE_XFR_BIT) == DNS_RCODE_REFUSED)
		r = margins_put(batch,
		    margin_key(0, MARGIN_COMPARED_REFUSED, 0, cube_transport(key), 0, 0),
		    cell->count, 0);
	if (r == 0 && direction == DIR_QUERY && has_question(key))
		r = margins_put(
		    batch, margin_key(0, MARGIN_COMPARED_QTYPE, 0, 0, 0, type), cell->count, 0);
	return r;
}

static int fold_rcode(
    struct margins_batch *batch, const struct cell *cell, uint32_t zone, uint32_t rcode)
{
	const uint32_t size = key_rcode_size(rcode, cube_size(cell->key));
	int r = margins_put(batch, margin_key(zone, MARGIN_RCODE, 0, 0, 0, rcode), cell->count, 0);

	return r < 0 ? r
		     : margins_put(batch, margin_key(zone, MARGIN_RCODE_SIZE, 0, 0, 0, size),
			   cell->count, 0);
}

static int fold_qtype(
    struct margins_batch *batch, const struct cell *cell, uint32_t zone, uint32_t qtype)
{
	int r = margins_put(
	    batch, margin_key(zone, MARGIN_QTYPE, 0, 0, 0, qtype), cell->count, cell->amount);

	return r < 0
	    ? r
	    : margins_put(batch,
		  margin_key(zone, MARGIN_TRANSPORT_QTYPE, 0, cube_transport(cell->key), 0, qtype),
		  cell->count, 0);
}

static int fold_readable(struct margins_batch *batch, const struct cell *cell)
{
	const uint64_t key = cell->key;
	const uint32_t zone = cube_zone(key), direction = cube_direction(key);
	int r = 0;

	if (direction == DIR_RESPONSE)
		r = fold_rcode(batch, cell, zone, cube_type(key) & ~CUBE_XFR_BIT);
	else if (!(key & CUBE_NO_QUESTION))
		r = fold_qtype(batch, cell, zone, cube_type(key));
	if (r == 0 && direction == DIR_QUERY)
		r = margins_put(batch, margin_key(zone, MARGIN_OPCODE, 0, 0, 0, cube_opcode(key)),
		    cell->count, 0);
	for (uint32_t flags = cube_flags(key); r == 0 && flags; flags &= flags - 1)
		r = margins_put(batch,
		    margin_key(zone, MARGIN_FLAG, direction, 0, 0, (uint32_t)__builtin_ctz(flags)),
		    cell->count, 0);
	return r;
}

static int fold_message(struct margins_batch *batch, const struct cell *cell)
{
	const uint64_t key = cell->key;
	const uint32_t zone = cube_zone(key), direction = cube_direction(key);
	const uint32_t transport = cube_transport(key), family = cube_family(key);
	int r =
	    margins_put(batch, margin_key(zone, MARGIN_MESSAGES, direction, transport, family, 0),
		cell->count, cell->amount);

	if (r < 0 || is_unknown(key))
		return r;
	r = margins_put(batch,
	    margin_key(zone, MARGIN_SIZE, direction, transport, 0, cube_size(key)), cell->count, 0);
	if (r < 0)
		return r;
	if (cube_kind(key) == CUBE_MALFORMED)
		return margins_put(batch,
		    margin_key(zone, MARGIN_MALFORMED, direction, transport, family, 0),
		    cell->count, 0);
	return fold_readable(batch, cell);
}

static int fold_other(struct margins_batch *batch, const struct cell *cell)
{
	const uint64_t key = cell->key;
	const uint32_t zone = cube_zone(key);

	if (cube_opcode(key) == OTHER_OUTGOING)
		return margins_put(batch,
		    margin_key(zone, MARGIN_OUTGOING, cube_direction(key), 0, 0, 0), cell->count,
		    0);
	return margins_put(batch,
	    margin_key(zone, MARGIN_LATENCY, 0, cube_transport(key), 0, cube_type(key)),
	    cell->count, cell->amount);
}

static int fold(struct margins_batch *batch, const struct cell *cell)
{
	int r = 0;

	if (cube_kind(cell->key) == CUBE_OTHER)
		return fold_other(batch, cell);
	if (cell->key & CUBE_FIGURES)
		r = fold_message(batch, cell);
	return r < 0 ? r : fold_compared(batch, cell);
}

int margins_fold_slots(struct cells *margins, const struct cube *cube, size_t first, size_t n)
{
	struct margins_batch batch = {.margins = margins};
	int r = 0;

	for (size_t i = first; i < first + n && r == 0; i++) {
		const struct cube_cell *cell = &cube->cells[i];

		if (cell->key)
			r = fold(&batch, &(struct cell){cell->key, cell->count, cell->amount});
	}
	return r < 0 ? r : margins_flush(&batch);
}

int margins_fold(struct cells *margins, const struct cube *cube)
{
	return margins_fold_slots(margins, cube, 0, (size_t)cube->mask + 1);
}

int margins_fold_one(struct cells *margins, uint64_t key, uint64_t count, uint64_t amount)
{
	struct margins_batch batch = {.margins = margins};
	int r = fold(&batch, &(struct cell){key, count, amount});

	return r < 0 ? r : margins_flush(&batch);
}
