/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/resolvers.h"

#include "base/prefetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 1024

/* Entries lie close together, in the order in which the hand passes them; the index holds their
 * places, plus 1, by linear probing and is never more than half full. */
struct resolvers {
	struct resolver *entries;
	size_t used, room, limit;
	uint32_t *index;
	uint64_t mask;
	struct hash_seed seed;
	uint32_t window;
	size_t hand;   /* where the search for an idle one goes on */
	size_t passed; /* entries that the hand passed in this window */
	uint64_t evicted, refused;
};

static size_t index_size(size_t entries)
{
	size_t size = 2 * FIRST_ENTRIES;

	while (size < 2 * entries)
		size *= 2;
	return size;
}

uint64_t resolvers_hash(
    const struct resolvers *resolvers, const uint64_t address[2], unsigned family)
{
	return hash_u64x3(&resolvers->seed, address[0], address[1], family);
}

static uint64_t entry_hash(const struct resolvers *resolvers, const struct resolver *entry)
{
	return resolvers_hash(resolvers, entry->address, entry->family);
}

static void index_insert(struct resolvers *resolvers, uint64_t hash, uint32_t place)
{
	uint64_t at = hash & resolvers->mask;

	while (resolvers->index[at])
		at = (at + 1) & resolvers->mask;
	resolvers->index[at] = place + 1;
}

static int make_index(struct resolvers *resolvers, size_t room)
{
	const size_t size = index_size(room);
	uint32_t *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(resolvers->index);
	resolvers->index = index;
	resolvers->mask = size - 1;
	for (size_t i = 0; i < resolvers->used; i++)
		index_insert(resolvers, entry_hash(resolvers, &resolvers->entries[i]), (uint32_t)i);
	return 0;
}

static int make_room(struct resolvers *resolvers, size_t room)
{
	struct resolver *entries = reallocarray(resolvers->entries, room, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	resolvers->entries = entries;
	if (!resolvers->index || index_size(room) != resolvers->mask + 1) {
		int r = make_index(resolvers, room);

		if (r < 0)
			return r;
	}
	resolvers->room = room;
	return 0;
}

static size_t valid_limit(size_t limit)
{
	return limit < 1 ? 1 : limit > 1u << 30 ? 1u << 30 : limit;
}

int resolvers_new(struct resolvers **ret, size_t limit, const struct hash_seed *seed)
{
	struct resolvers *resolvers = calloc(1, sizeof(*resolvers));
	int r;

	if (!resolvers)
		return -ENOMEM;
	resolvers->limit = valid_limit(limit);
	resolvers->seed = *seed;
	resolvers->window = 1;
	r = make_room(
	    resolvers, resolvers->limit < FIRST_ENTRIES ? resolvers->limit : FIRST_ENTRIES);
	if (r < 0) {
		resolvers_free(resolvers);
		return r;
	}
	*ret = resolvers;
	return 0;
}

void resolvers_free(struct resolvers *resolvers)
{
	if (!resolvers)
		return;
	free(resolvers->entries);
	free(resolvers->index);
	free(resolvers);
}

void resolvers_set_limit(struct resolvers *resolvers, size_t limit)
{
	const size_t used = resolvers->used;

	resolvers->limit = valid_limit(limit);
	if (resolvers->room <= resolvers->limit)
		return;
	if (resolvers->used > resolvers->limit)
		resolvers->used = resolvers->limit;
	/* Whoever is cut off must go from the index as well, which is made anew. */
	if (make_index(resolvers, resolvers->limit) < 0) {
		resolvers->used = used;
	} else {
		(void)make_room(resolvers, resolvers->limit);
		/* The index has no more places, whether or not memory could be given back. */
		resolvers->room = resolvers->limit;
	}
	resolvers->hand = 0;
}

void resolvers_reset(struct resolvers *resolvers)
{
	resolvers->used = 0;
	resolvers->hand = 0;
	memset(resolvers->index, 0, (resolvers->mask + 1) * sizeof(*resolvers->index));
}

void resolvers_begin_window(struct resolvers *resolvers)
{
	resolvers->window++;
	resolvers->passed = 0;
}

void resolvers_prefetch(const struct resolvers *resolvers, uint64_t hash)
{
	prefetch(&resolvers->index[hash & resolvers->mask]);
}

void resolvers_prefetch_entry(const struct resolvers *resolvers, uint64_t hash)
{
	const uint32_t place = resolvers->index[hash & resolvers->mask];

	if (place)
		prefetch_write(&resolvers->entries[place - 1]);
}

static bool is_at(const struct resolver *entry, const uint64_t address[2], unsigned family)
{
	return entry->address[0] == address[0] && entry->address[1] == address[1] &&
	    entry->family == family;
}

struct resolver *resolvers_find(
    struct resolvers *resolvers, uint64_t hash, const uint64_t address[2], unsigned family)
{
	for (uint64_t at = hash & resolvers->mask; resolvers->index[at];
	     at = (at + 1) & resolvers->mask) {
		struct resolver *entry = &resolvers->entries[resolvers->index[at] - 1];

		if (is_at(entry, address, family))
			return entry;
	}
	return NULL;
}

/* Takes a place out of the index and moves those behind it up, so that no search ends too early. */
static void index_remove(struct resolvers *resolvers, uint32_t place)
{
	const uint64_t mask = resolvers->mask;
	uint64_t hole = entry_hash(resolvers, &resolvers->entries[place]) & mask;

	while (resolvers->index[hole] != place + 1)
		hole = (hole + 1) & mask;
	for (uint64_t at = (hole + 1) & mask; resolvers->index[at]; at = (at + 1) & mask) {
		const struct resolver *entry = &resolvers->entries[resolvers->index[at] - 1];
		const uint64_t home = entry_hash(resolvers, entry) & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			resolvers->index[hole] = resolvers->index[at];
			hole = at;
		}
	}
	resolvers->index[hole] = 0;
}

static bool is_idle(const struct resolvers *resolvers, const struct resolver *entry)
{
	return resolvers->window - entry->window > (1u << entry->credit) - 1;
}

/* The place of an idle entry, which is then in no index. Within a window entries only cease to be
 * idle, so the hand goes round once. */
static struct resolver *evict(struct resolvers *resolvers)
{
	while (resolvers->passed < resolvers->used) {
		const size_t place = resolvers->hand;

		resolvers->passed++;
		resolvers->hand = place + 1 < resolvers->used ? place + 1 : 0;
		if (!is_idle(resolvers, &resolvers->entries[place]))
			continue;
		index_remove(resolvers, (uint32_t)place);
		resolvers->evicted++;
		return &resolvers->entries[place];
	}
	return NULL;
}

static struct resolver *take_place(struct resolvers *resolvers)
{
	if (resolvers->used == resolvers->room && resolvers->room < resolvers->limit) {
		const size_t twice = resolvers->room * 2;

		(void)make_room(resolvers, twice < resolvers->limit ? twice : resolvers->limit);
	}
	return resolvers->used < resolvers->room ? &resolvers->entries[resolvers->used++]
						 : evict(resolvers);
}

struct resolver *resolvers_add(
    struct resolvers *resolvers, uint64_t hash, const uint64_t address[2], unsigned family)
{
	struct resolver *entry = take_place(resolvers);

	if (!entry) {
		resolvers->refused++;
		return NULL;
	}
	*entry = (struct resolver){
	    .address = {address[0], address[1]},
	    .family = (uint8_t)family,
	    .window = resolvers->window,
	};
	index_insert(resolvers, hash, (uint32_t)(entry - resolvers->entries));
	return entry;
}

void resolvers_touch(struct resolvers *resolvers, struct resolver *resolver, uint32_t answered)
{
	if (resolver->window != resolvers->window) {
		resolver->window = resolvers->window;
		resolver->answered = 0;
		if (resolver->credit < RESOLVER_MAX_CREDIT)
			resolver->credit++;
	}
	resolver->answered = answered < UINT16_MAX - (uint32_t)resolver->answered
	    ? (uint16_t)(resolver->answered + answered)
	    : UINT16_MAX;
}

static int find_for_rtt(struct resolvers *resolvers, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, struct resolver **ret)
{
	struct resolver *entry;

	if (!rtt_us || rtt_us > RESOLVER_MAX_RTT_US)
		return -ERANGE;
	entry =
	    resolvers_find(resolvers, resolvers_hash(resolvers, address, family), address, family);
	if (!entry)
		return -ENOENT;
	*ret = entry;
	return 0;
}

int resolvers_set_icmp_rtt(struct resolvers *resolvers, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s)
{
	struct resolver *entry;
	int r = find_for_rtt(resolvers, address, family, rtt_us, &entry);

	if (r < 0)
		return r;
	entry->icmp_rtt_us = rtt_us;
	entry->icmp_s = now_s;
	return 0;
}

int resolvers_set_tcp_rtt(struct resolvers *resolvers, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s)
{
	struct resolver *entry;
	int r = find_for_rtt(resolvers, address, family, rtt_us, &entry);

	if (r < 0)
		return r;
	entry->tcp_rtt_us = rtt_us;
	entry->tcp_s = now_s;
	return 0;
}

bool resolvers_is_present(const struct resolvers *resolvers, const struct resolver *resolver)
{
	return resolver->window == resolvers->window;
}

void resolvers_forget_geo(struct resolvers *resolvers)
{
	for (size_t i = 0; i < resolvers->used; i++)
		resolvers->entries[i].geo.generation = 0;
}

size_t resolvers_count(const struct resolvers *resolvers)
{
	return resolvers->used;
}

size_t resolvers_limit(const struct resolvers *resolvers)
{
	return resolvers->limit;
}

struct resolver *resolvers_at(struct resolvers *resolvers, size_t i)
{
	return &resolvers->entries[i];
}

uint64_t resolvers_evicted(const struct resolvers *resolvers)
{
	return resolvers->evicted;
}

uint64_t resolvers_refused(const struct resolvers *resolvers)
{
	return resolvers->refused;
}

size_t resolvers_memory_bytes(const struct resolvers *resolvers)
{
	return sizeof(*resolvers) + resolvers->room * sizeof(*resolvers->entries) +
	    (resolvers->mask + 1) * sizeof(*resolvers->index);
}
