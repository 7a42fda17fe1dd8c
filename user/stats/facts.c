/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/facts.h"
#include "zones/zones.h"

#include "stats/junk.h"
#include "stats/margins.h"

#include "crosstap/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CELLS 256
#define CLASS_HS    4
#define CLASS_NONE  254
#define EDE_LAST    30 /* IANA's registry as of 2025 */
#define BLOCK_BYTES (FACTS_BLOCK_ZONES * sizeof(struct facts_row))
#define CACHE_LINE  64

_Static_assert(1 << QNAME_IDN == DNS_NAME_IDN && 1 << QNAME_MIXED_CASE == DNS_NAME_MIXED &&
	1 << QNAME_REVERSE == DNS_NAME_REVERSE,
    "one order");

const uint8_t facts_size_bins[4098] = {
    [0 ... 511] = EDNS_SIZE_0,
    [512] = EDNS_SIZE_512,
    [513 ... 1219] = EDNS_SIZE_513,
    [1220 ... 1231] = EDNS_SIZE_1220,
    [1232] = EDNS_SIZE_1232,
    [1233 ... 1399] = EDNS_SIZE_1233,
    [1400 ... 1451] = EDNS_SIZE_1400,
    [1452 ... 1471] = EDNS_SIZE_1452,
    [1472 ... 1499] = EDNS_SIZE_1472,
    [1500 ... 2047] = EDNS_SIZE_1500,
    [2048 ... 4095] = EDNS_SIZE_2048,
    [4096] = EDNS_SIZE_4096,
    [4097] = EDNS_SIZE_4097,
};

void facts_forget(struct facts *facts)
{
	facts->last_zone = FACTS_NO_ZONE;
	memset(facts->recent, 0xff, sizeof(facts->recent));
}

int facts_init(struct facts *facts, const struct hash_seed *seed)
{
	facts_forget(facts);
	return cells_init(&facts->cells, FIRST_CELLS, seed);
}

void facts_release_rows(struct facts *facts)
{
	facts_forget(facts);
	for (size_t i = 0; i < FACTS_BLOCKS; i++) {
		free(facts->blocks[i]);
		facts->blocks[i] = NULL;
	}
	facts->n_blocks = 0;
}

void facts_done(struct facts *facts)
{
	facts_release_rows(facts);
	cells_done(&facts->cells);
}

void facts_clear(struct facts *facts, size_t max_cells)
{
	for (size_t i = 0; i < FACTS_BLOCKS; i++) {
		if (facts->blocks[i])
			memset(facts->blocks[i], 0, BLOCK_BYTES);
	}
	cells_clear(&facts->cells, max_cells);
	facts_forget(facts);
	facts->unassigned = 0;
}

int facts_need_row(struct facts *facts, uint32_t zone, size_t max_blocks, struct facts_row **ret)
{
	struct facts_row **block = &facts->blocks[zone / FACTS_BLOCK_ZONES];

	if (!*block) {
		if (facts->n_blocks >= max_blocks)
			return -ENOSPC;
		*block = aligned_alloc(CACHE_LINE, BLOCK_BYTES);
		if (!*block)
			return -ENOMEM;
		memset(*block, 0, BLOCK_BYTES);
		facts->n_blocks++;
	}
	*ret = &(*block)[zone % FACTS_BLOCK_ZONES];
	return 0;
}

uint64_t facts_place_key(uint32_t zone, unsigned place)
{
#define FACTS_PLACE_(id, margin, values, value)                                                    \
	[FACTS_##id... FACTS_##id##_LAST_] = {margin, FACTS_##id, value},
	static const struct {
		enum margin margin;
		unsigned first, value;
	} places[] = {FACTS_PLACES(FACTS_PLACE_)};
#undef FACTS_PLACE_
	const unsigned value = places[place].value + place - places[place].first;

	return margin_key(zone, places[place].margin, 0, 0, 0, value);
}

uint64_t facts_place_version_key(uint32_t zone, unsigned place)
{
	unsigned version = EDNS_VERSION_0;

	if (place < FACTS_SIZE || place > FACTS_OTHER_SIZE_LAST_)
		return 0;
	if (place == FACTS_SIZE + EDNS_SIZE_NONE)
		version = EDNS_VERSION_NONE;
	else if (place >= FACTS_OTHER_SIZE)
		version = EDNS_VERSION_OTHER;
	return margin_key(zone, MARGIN_EDNS, 0, 0, 0, version);
}

static int fold_place(struct margins_batch *batch, uint32_t zone, unsigned place, uint64_t count)
{
	const uint64_t version = facts_place_version_key(zone, place);
	int r = margins_put(batch, facts_place_key(zone, place), count, 0);

	if (r == 0 && version)
		r = margins_put(batch, version, count, 0);
	return r;
}

static int fold_row(struct margins_batch *batch, uint32_t zone, const struct facts_row *row)
{
	int r = 0;

	for (unsigned i = 0; i < FACTS_PLACE_COUNT && r == 0; i++) {
		if (row->low[i])
			r = fold_place(batch, zone, i, row->low[i]);
	}
	return r;
}

static int fold_cell(struct margins_batch *batch, const struct cell *cell)
{
	int r = margins_put(batch, cell->key, cell->count, cell->amount);

	if (r == 0 && margin_kind(cell->key) == MARGIN_QTYPE_RCODE &&
	    key_qtype(margin_value(cell->key)) != KEY_NO_QUESTION)
		r = margins_put(batch,
		    margin_key(margin_zone(cell->key), MARGIN_QTYPE_RESPONSES, 0, 0, 0,
			key_qtype(margin_value(cell->key))),
		    cell->count, cell->amount);
	return r;
}

int facts_fold_slots(const struct cells *cells, struct cells *margins, size_t first, size_t n)
{
	struct margins_batch batch = {.margins = margins};
	int r = 0;

	for (size_t i = first; i < first + n && r == 0; i++) {
		if (cells->slots[i].key)
			r = fold_cell(&batch, &cells->slots[i]);
	}
	return r < 0 ? r : margins_flush(&batch);
}

int facts_fold(const struct facts *facts, struct cells *margins)
{
	struct margins_batch batch = {.margins = margins};
	int r = 0;

	for (uint32_t zone = 0; zone < ZONES_MAX && r == 0; zone++) {
		const struct facts_row *row = facts_row(facts, zone);

		if (row)
			r = fold_row(&batch, zone, row);
		else
			zone |= FACTS_BLOCK_ZONES - 1;
	}
	if (r == 0)
		r = margins_flush(&batch);
	return r < 0 ? r
		     : facts_fold_slots(&facts->cells, margins, 0, (size_t)facts->cells.mask + 1);
}

uint8_t facts_of_margin(enum margin margin)
{
	switch (margin) {
	case MARGIN_CLASS:
	case MARGIN_QTYPE_RESPONSES:
	case MARGIN_QTYPE_RCODE:
	case MARGIN_TRANSPORT_QTYPE:
	case MARGIN_RCODE_SIZE:
		return FACTS_TYPES;
	case MARGIN_EDNS:
	case MARGIN_EDNS_SIZE:
	case MARGIN_ECS:
	case MARGIN_EDE:
		return FACTS_EDNS;
	case MARGIN_QNAME_LENGTH:
	case MARGIN_QNAME_LABELS:
	case MARGIN_QNAME_TRAIT:
	case MARGIN_JUNK:
	case MARGIN_PRIMING:
	case MARGIN_PRIMING_DO:
	case MARGIN_PRIMING_TC:
	case MARGIN_PRIMING_SIZE:
		return FACTS_QNAME;
	case MARGIN_PORTS:
		return FACTS_PORTS;
	case MARGIN_ADDRESS:
	case MARGIN_ADDRESS_RESPONSES:
	case MARGIN_IDENTITY:
	case MARGIN_IDENTITY_RESPONSES:
		return FACTS_ADDRESSES;
	default:
		return 0;
	}
}

static bool class_is_assigned(uint32_t class)
{
	return class == DNS_CLASS_IN || class == DNS_CLASS_CH || class == CLASS_HS ||
	    class == CLASS_NONE || class == DNS_CLASS_ANY;
}

bool facts_is_assigned(uint64_t key, bool (*qtype_assigned)(uint16_t))
{
	const uint32_t value = margin_value(key);

	switch (margin_kind(key)) {
	case MARGIN_CLASS:
		return value == KEY_OTHER || class_is_assigned(value);
	case MARGIN_EDE:
		return value == KEY_OTHER || value <= EDE_LAST;
	case MARGIN_QTYPE_RCODE:
		return key_qtype(value) >= KEY_OTHER || !qtype_assigned ||
		    qtype_assigned((uint16_t)key_qtype(value));
	default:
		return true; /* of ECS: a prefix that a family can have */
	}
}

uint64_t facts_other_key(uint64_t key)
{
	const uint32_t value = margin_kind(key) == MARGIN_QTYPE_RCODE
	    ? key_qtype_rcode(KEY_OTHER, key_rcode(margin_value(key)))
	    : KEY_OTHER;

	return margin_key(margin_zone(key), (enum margin)margin_kind(key), margin_direction(key),
	    margin_transport(key), margin_family(key), value);
}
