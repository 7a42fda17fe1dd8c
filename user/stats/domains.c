/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/domains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 64

static int make_index(struct domains *domains, size_t room)
{
	const size_t size = room * 2;
	uint64_t *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(domains->index);
	domains->index = index;
	domains->mask = size - 1;
	return 0;
}

static void index_insert(struct domains *domains, uint64_t hash, uint32_t place)
{
	uint64_t at = hash & domains->mask;

	while (domains->index[at])
		at = (at + 1) & domains->mask;
	domains->index[at] = (hash & DOMAIN_TAG_MASK) | (place + 1);
}

/* Of a table that has no more entries than that. Without memory it has the lesser room. */
static int make_room(struct domains *domains, size_t room)
{
	struct domain *entries;
	struct domain_name *keys;
	uint32_t *weights;

	if (domains->room > room)
		domains->room = room;
	entries = reallocarray(domains->entries, room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	domains->entries = entries;
	keys = reallocarray(domains->keys, room, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	domains->keys = keys;
	weights = reallocarray(domains->weights, room, sizeof(*weights));
	if (!weights)
		return -ENOMEM;
	domains->weights = weights;
	if (make_index(domains, room) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < domains->used; i++)
		index_insert(domains, domains->entries[i].hash, (uint32_t)i);
	domains->room = room;
	return 0;
}

static size_t valid_limit(size_t limit)
{
	size_t valid = DOMAIN_WAYS;

	while (valid * 2 <= limit)
		valid *= 2;
	return valid;
}

bool domains_fit(const struct domains *domains, size_t limit, size_t sketch_bytes)
{
	return limit && domains->limit == valid_limit(limit) &&
	    domains->budget.limit == sketch_bytes;
}

int domains_new(struct domains **ret, size_t limit, size_t sketch_bytes)
{
	struct domains *domains = calloc(1, sizeof(*domains));

	if (!domains)
		return -ENOMEM;
	domains->limit = valid_limit(limit);
	domains->budget.limit = sketch_bytes;
	if (make_room(domains, domains->limit < FIRST_ENTRIES ? domains->limit : FIRST_ENTRIES) <
	    0) {
		domains_free(domains);
		return -ENOMEM;
	}
	*ret = domains;
	return 0;
}

static void release_sketches(struct domains *domains)
{
	for (size_t i = 0; i < domains->used; i++) {
		sketch_done(&domains->entries[i].sources, &domains->budget);
		sketch_done(&domains->entries[i].names, &domains->budget);
	}
}

void domains_free(struct domains *domains)
{
	if (!domains)
		return;
	release_sketches(domains);
	free(domains->entries);
	free(domains->keys);
	free(domains->weights);
	free(domains->index);
	free(domains->filter);
	free(domains);
}

void domains_clear(struct domains *domains)
{
	const size_t used = domains->used;

	release_sketches(domains);
	domains->used = 0;
	free(domains->filter);
	domains->filter = NULL;
	/* Half as large if it was nearly empty; without memory it stays as it is. */
	if (used < domains->room / 8 && domains->room > FIRST_ENTRIES &&
	    make_room(domains, domains->room / 2) == 0)
		return;
	memset(domains->index, 0, (domains->mask + 1) * sizeof(*domains->index));
}

/* Takes a place out of the index and moves those behind it up, so that no search ends too early. */
static void index_remove(struct domains *domains, uint32_t place)
{
	const uint64_t mask = domains->mask;
	uint64_t hole = domains->entries[place].hash & mask;

	while ((uint32_t)domains->index[hole] != place + 1)
		hole = (hole + 1) & mask;
	for (uint64_t at = (hole + 1) & mask; domains->index[at]; at = (at + 1) & mask) {
		const struct domain *entry = &domains->entries[(uint32_t)domains->index[at] - 1];
		const uint64_t home = entry->hash & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			domains->index[hole] = domains->index[at];
			hole = at;
		}
	}
	domains->index[hole] = 0;
}

static int need_filter(struct domains *domains)
{
	if (!domains->filter)
		domains->filter = calloc(domains->limit * DOMAIN_COUNTERS, sizeof(uint32_t));
	return domains->filter ? 0 : -ENOMEM;
}

/* What a newcomer has collected, this time included: the less of two counters, of which only those
 * that are too low are raised (Estan and Varghese 2002). */
static uint32_t collect(struct domains *domains, uint64_t hash, uint32_t weight)
{
	uint32_t *a = domains_collected(domains, hash, 8),
		 *b = domains_collected(domains, hash, 36);
	uint32_t sum = *a < *b ? *a : *b;

	saturating_add(&sum, weight);
	*a = *a < sum ? sum : *a;
	*b = *b < sum ? sum : *b;
	return sum;
}

/* One that has to go comes back with what it had. */
static void hand_back(struct domains *domains, uint32_t place)
{
	const uint64_t hash = domains->entries[place].hash;
	const uint32_t collected = collect(domains, hash, 0);

	if (collected < domains->weights[place])
		(void)collect(domains, hash, domains->weights[place] - collected);
}

/* The least of those that this hash may take the place of; which of them nobody can foretell. */
static uint32_t least_of(const struct domains *domains, uint64_t hash)
{
	const uint32_t first = domains_ways(domains, hash);
	uint64_t least = UINT64_MAX;

	for (uint32_t i = first; i < first + DOMAIN_WAYS; i++) {
		const uint64_t one = (uint64_t)domains->weights[i] << 32 | i;

		least = one < least ? one : least;
	}
	return (uint32_t)least;
}

static void write_entry(struct domains *domains, uint32_t place, uint64_t hash, uint16_t zone,
    const uint8_t *name, size_t length, uint32_t weight)
{
	domains->entries[place] =
	    (struct domain){.hash = hash, .zone = zone, .length = (uint8_t)length};
	domains->weights[place] = weight;
	for (size_t i = 0; i < length; i++) {
		const uint8_t c = name[i];

		domains->keys[place].bytes[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	index_insert(domains, hash, place);
}

static struct domain *replace(struct domains *domains, uint64_t hash, uint16_t zone,
    const uint8_t *name, size_t length, uint32_t weight)
{
	const uint32_t place = least_of(domains, hash);
	struct domain *entry = &domains->entries[place];
	uint32_t collected;

	if (need_filter(domains) < 0)
		return NULL;
	collected = collect(domains, hash, weight);
	if (collected <= domains->weights[place])
		return NULL;
	index_remove(domains, place);
	hand_back(domains, place);
	sketch_done(&entry->sources, &domains->budget);
	sketch_done(&entry->names, &domains->budget);
	write_entry(domains, place, hash, zone, name, length, collected);
	return entry;
}

struct domain *domains_let_in(struct domains *domains, uint64_t hash, uint16_t zone,
    const uint8_t *name, size_t length, uint32_t weight)
{
	if (length > DOMAIN_MAX_BYTES)
		return NULL;
	if (domains->used == domains->room && domains->room < domains->limit)
		(void)make_room(domains, domains->room * 2);
	if (domains->used < domains->room) {
		write_entry(domains, (uint32_t)domains->used, hash, zone, name, length, weight);
		return &domains->entries[domains->used++];
	}
	/* Without memory it is full before its limit, and those that it has stay. */
	return domains->room == domains->limit ? replace(domains, hash, zone, name, length, weight)
					       : NULL;
}

void domains_forget_below(struct domains *domains)
{
	for (size_t i = 0; i < domains->used; i++)
		domains->entries[i].below = 0;
}

void domains_merge(struct domains *into, const struct domains *from)
{
	for (size_t i = 0; i < from->used; i++) {
		const struct domain *more = &from->entries[i];
		const uint32_t place = domains_find(into, more->hash);
		struct domain *entry = place == DOMAIN_NOWHERE
		    ? domains_let_in(into, more->hash, more->zone, from->keys[i].bytes,
			  more->length, from->weights[i])
		    : &into->entries[place];

		if (!entry)
			continue;
		if (place != DOMAIN_NOWHERE)
			saturating_add(&into->weights[place], from->weights[i]);
		saturating_add(&entry->queries, more->queries);
		saturating_add(&entry->nxdomain, more->nxdomain);
		sketch_merge(&entry->sources, &into->budget, &more->sources);
		sketch_merge(&entry->names, &into->budget, &more->names);
	}
}

static size_t table_bytes(size_t room, size_t limit, bool filter)
{
	return room *
	    (sizeof(struct domain) + sizeof(struct domain_name) + sizeof(uint32_t) +
		2 * sizeof(uint64_t)) +
	    (filter ? limit * DOMAIN_COUNTERS * sizeof(uint32_t) : 0);
}

size_t domains_most_bytes(size_t limit, size_t sketch_bytes)
{
	return table_bytes(limit, limit, true) + limit * 2 * SKETCH_LEAST_BYTES + sketch_bytes;
}

static size_t least_bytes(const struct sketch *sketch)
{
	const size_t bytes = sketch->kind == SKETCH_INLINE ? 0
	    : sketch->kind == SKETCH_SET                   ? sizeof(uint32_t) << sketch->bits
							   : (size_t)1 << sketch->bits;

	return bytes < SKETCH_LEAST_BYTES ? bytes : SKETCH_LEAST_BYTES;
}

size_t domains_bytes(const struct domains *domains)
{
	size_t bytes = table_bytes(domains->room, domains->limit, domains->filter != NULL);

	for (size_t i = 0; i < domains->used; i++)
		bytes += least_bytes(&domains->entries[i].sources) +
		    least_bytes(&domains->entries[i].names);
	return bytes + domains->budget.bytes;
}
