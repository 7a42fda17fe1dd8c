/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/pairing.h"

#include "base/prefetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS      4
#define ZONE_BITS (0xffffull ^ PAIRING_UNTIMED)
_Static_assert(ZONES_MAX <= PAIRING_UNTIMED, "no zone's number has that bit");

struct query {
	uint64_t tag_zone; /* upper 48 bits of the hash, zone; 0 is free */
	int64_t time_ns;
};

struct set {
	_Alignas(64) struct query ways[WAYS];
};

struct pairing {
	struct set *sets;
	size_t mask;
	uint64_t evicted, evicted_before;
};

static struct set *sets_new(size_t n)
{
	struct set *sets = aligned_alloc(64, n * sizeof(struct set));

	if (sets)
		memset(sets, 0, n * sizeof(struct set));
	return sets;
}

int pairing_new(struct pairing **ret)
{
	struct pairing *pairing = calloc(1, sizeof(*pairing));

	if (pairing)
		pairing->sets = sets_new(PAIRING_LEAST_SETS);
	if (!pairing || !pairing->sets) {
		free(pairing);
		return -ENOMEM;
	}
	pairing->mask = PAIRING_LEAST_SETS - 1;
	*ret = pairing;
	return 0;
}

void pairing_free(struct pairing *pairing)
{
	if (!pairing)
		return;
	free(pairing->sets);
	free(pairing);
}

static uint64_t tag_of(uint64_t hash)
{
	uint64_t tag = hash & ~0xffffull;

	return tag ? tag : 1ull << 16;
}

/* From the bits that an entry keeps, so that it can move when the table grows. */
static struct set *set_of(const struct pairing *pairing, uint64_t tag)
{
	return &pairing->sets[tag >> 16 & pairing->mask];
}

void pairing_prefetch(const struct pairing *pairing, uint64_t hash)
{
	prefetch_write(set_of(pairing, tag_of(hash)));
}

/* Too old to be answered, or from before the clock stepped back: it must not hold its place. */
static bool is_stale(const struct query *slot, int64_t now_ns)
{
	/* Unsigned: hostile times must not overflow. */
	return slot->time_ns < now_ns
	    ? (uint64_t)now_ns - (uint64_t)slot->time_ns > PAIRING_MAX_AGE_NS
	    : (uint64_t)slot->time_ns - (uint64_t)now_ns > PAIRING_MAX_AGE_NS;
}

static void put(struct pairing *pairing, const struct query *query)
{
	struct set *set = set_of(pairing, query->tag_zone & ~0xffffull);
	struct query *oldest = &set->ways[0], *stale = NULL;

	for (int way = 0; way < WAYS; way++) {
		struct query *slot = &set->ways[way];

		if (!slot->tag_zone) {
			*slot = *query;
			return;
		}
		if (is_stale(slot, query->time_ns))
			stale = slot;
		if (slot->time_ns < oldest->time_ns)
			oldest = slot;
	}
	/* One of before a step back is stale as well, but so is a newer one to a query that comes
	 * late: it is the last to go. */
	if (is_stale(oldest, query->time_ns) || !stale)
		stale = oldest;
	if (!is_stale(stale, query->time_ns))
		pairing->evicted++;
	*stale = *query;
}

void pairing_put(struct pairing *pairing, uint64_t hash, uint16_t zone, int64_t time_ns)
{
	put(pairing, &(struct query){.tag_zone = tag_of(hash) | zone, .time_ns = time_ns});
}

bool pairing_take(struct pairing *pairing, uint64_t hash, int64_t time_ns, int64_t *ret_query_ns,
    uint16_t *ret_zone)
{
	const uint64_t tag = tag_of(hash);
	struct set *set = set_of(pairing, tag);
	struct query *newest = NULL;

	for (int way = 0; way < WAYS; way++) {
		struct query *slot = &set->ways[way];

		if ((slot->tag_zone & ~0xffffull) == tag && !is_stale(slot, time_ns) &&
		    (!newest || slot->time_ns > newest->time_ns))
			newest = slot;
	}
	if (!newest)
		return false;
	*ret_query_ns = newest->time_ns;
	*ret_zone = (uint16_t)newest->tag_zone;
	newest->tag_zone = 0;
	return true;
}

void pairing_relabel(struct pairing *pairing, const struct zone_numbers *numbers, uint16_t other)
{
	for (size_t i = 0; i <= pairing->mask; i++) {
		for (int way = 0; way < WAYS; way++) {
			uint64_t *slot = &pairing->sets[i].ways[way].tag_zone;

			if (*slot && !(numbers && zone_numbers_has(numbers, *slot & ZONE_BITS)))
				*slot = (*slot & ~ZONE_BITS) | other;
		}
	}
}

uint64_t pairing_evicted(const struct pairing *pairing)
{
	return pairing->evicted;
}

void pairing_grow(struct pairing *pairing)
{
	const size_t sets = pairing->mask + 1;
	const uint64_t evicted = pairing->evicted;
	struct set *old = pairing->sets, *grown;

	if (evicted == pairing->evicted_before || sets >= PAIRING_MOST_SETS)
		return;
	grown = sets_new(sets * 2);
	if (!grown)
		return; /* goes on as it is, and is asked again */
	pairing->sets = grown;
	pairing->mask = sets * 2 - 1;
	for (size_t i = 0; i < sets; i++) {
		for (int way = 0; way < WAYS; way++) {
			if (old[i].ways[way].tag_zone)
				put(pairing, &old[i].ways[way]);
		}
	}
	free(old);
	pairing->evicted = pairing->evicted_before = evicted;
}
