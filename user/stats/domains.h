/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domains that one thread's queries of a window ask for: so many labels below the zone, or
 * below the public suffix (zones/suffixes.h), each with its queries, its NXDOMAIN answers, its
 * distinct clients and its distinct names. Exact while the table has room for all that there are.
 *
 * A full table keeps the busiest, by queries and NXDOMAIN answers together: a newcomer must first
 * collect, in a small array of counters, more than the least of the eight entries that it can take
 * the place of. So a run through a dictionary, a million domains with one NXDOMAIN each, replaces
 * itself and not the domains that are really asked for. What an entry has counted is what came
 * since it was let in: never too much.
 */
#ifndef CROSSTAP_STATS_DOMAINS_H
#define CROSSTAP_STATS_DOMAINS_H

#include "base/hash.h"
#include "base/prefetch.h"
#include "base/saturate.h"
#include "base/sketch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_MAX_BYTES 255

struct domain {
	uint64_t hash;              /* of name and zone */
	uint32_t queries, nxdomain; /* saturating */
	uint16_t zone;
	uint8_t length; /* of the name */
	uint8_t below;  /* enum junk_below of its TLD, once it is known: the caller's */
	struct sketch sources, names;
};

struct domain_name {
	uint8_t bytes[DOMAIN_MAX_BYTES]; /* wire format, lower case */
};

struct domains {
	struct domain *entries;
	struct domain_name *keys; /* of the entries */
	uint32_t *weights; /* likewise: upper bounds of queries and NXDOMAIN answers together */
	size_t used, room, limit;
	uint64_t
	    *index; /* upper bits of the hash, and the place plus 1; 0: free; by linear probing */
	uint64_t mask;
	uint32_t *filter; /* counters of newcomers; NULL until the table is full */
	struct sketch_budget budget;
};

#define DOMAIN_NOWHERE UINT32_MAX

/* How much memory a table of so many entries takes at most, sketches included. */
size_t domains_most_bytes(size_t limit, size_t sketch_bytes);

/* At most `limit` entries, a power of two from 8 on; their sketches share `sketch_bytes` beyond
 * SKETCH_LEAST_BYTES each. -ENOMEM. */
int domains_new(struct domains **ret, size_t limit, size_t sketch_bytes);
void domains_free(struct domains *domains);
/* Whether domains_new() would make one of these bounds. */
bool domains_fit(const struct domains *domains, size_t limit, size_t sketch_bytes);
/* Empty; the memory of few entries stays. */
void domains_clear(struct domains *domains);

#define DOMAIN_TAG_MASK (~0ull << 32)
#define DOMAIN_WAYS     8  /* entries that a newcomer may take the place of one of */
#define DOMAIN_COUNTERS 16 /* of newcomers, for each entry */

/* One of a newcomer's counters; by the lowest of the hash's bits that choose it. */
static inline uint32_t *domains_collected(
    const struct domains *domains, uint64_t hash, unsigned lowest)
{
	return &domains->filter[hash >> lowest & (domains->limit * DOMAIN_COUNTERS - 1)];
}

/* The first of those whose place it may take. */
static inline uint32_t domains_ways(const struct domains *domains, uint64_t hash)
{
	return (uint32_t)(hash >> 16 & (domains->limit / DOMAIN_WAYS - 1)) * DOMAIN_WAYS;
}

static inline void domains_prefetch(const struct domains *domains, uint64_t hash)
{
	prefetch(&domains->index[hash & domains->mask]);
}

/* The place of an entry, or DOMAIN_NOWHERE. Places are good until the table next takes in another
 * one. */
static inline uint32_t domains_find(const struct domains *domains, uint64_t hash)
{
	for (uint64_t at = hash & domains->mask; domains->index[at];
	     at = (at + 1) & domains->mask) {
		const uint64_t item = domains->index[at];

		if ((item ^ hash) & DOMAIN_TAG_MASK)
			continue;
		if (domains->entries[(uint32_t)item - 1].hash == hash)
			return (uint32_t)item - 1;
	}
	return DOMAIN_NOWHERE;
}

/* Where it is for domains_at(), if it is at the first place of its search. Asks for the cache lines
 * of that entry, or of what a newcomer is counted in. */
static inline uint32_t domains_guess(const struct domains *domains, uint64_t hash)
{
	const uint64_t item = domains->index[hash & domains->mask];
	const uint32_t place = (uint32_t)item - 1;

	if (item && !((item ^ hash) & DOMAIN_TAG_MASK)) {
		prefetch_write(&domains->entries[place]);
		prefetch_write(&domains->entries[place].names);
		return place;
	}
	if (domains->filter) {
		prefetch_write(domains_collected(domains, hash, 8));
		prefetch_write(domains_collected(domains, hash, 36));
		prefetch(&domains->weights[domains_ways(domains, hash)]);
	}
	return DOMAIN_NOWHERE;
}

/* For a hash that is not there: an entry that has taken a place, its weight counted; NULL: not yet
 * let in. */
struct domain *domains_let_in(struct domains *domains, uint64_t hash, uint16_t zone,
    const uint8_t *name, size_t length, uint32_t weight);

/* The entry, one message more on it; NULL: it has none. `hash` covers name and zone; `guess`: where
 * to look first, any number. */
static inline struct domain *domains_at(struct domains *domains, uint64_t hash, uint32_t guess,
    uint16_t zone, const uint8_t *name, size_t length)
{
	uint32_t place = guess;

	if (guess >= domains->used || domains->entries[guess].hash != hash) {
		place = domains_find(domains, hash);
		if (place == DOMAIN_NOWHERE)
			return domains_let_in(domains, hash, zone, name, length, 1);
	}
	saturating_add(&domains->weights[place], 1);
	return &domains->entries[place];
}

/* What is below their TLDs has to be found out anew. */
void domains_forget_below(struct domains *domains);
/* Adds all of `from`, whose hashes have the same seed. */
void domains_merge(struct domains *into, const struct domains *from);
/* What its memory is now. */
size_t domains_bytes(const struct domains *domains);

#endif
