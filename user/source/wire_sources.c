/* SPDX-License-Identifier: BSD-2-Clause */
#include "source/wire_sources.h"

#include "base/hash.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BATCH     4096 /* more than a bucket can hold */
#define MAX_WORDS (sizeof(struct wire_source_rtt) / sizeof(uint64_t))
#define RESTING   2 /* readings */

struct entry {
	struct packet_address address;
	uint64_t read[2][WIRE_SLOTS]; /* counts, sums */
	uint32_t round;               /* of the last reading that saw it */
	uint32_t rest;                /* readings without a count */
	bool skipped;                 /* its address was not told of yet */
};

/* The kernel walks its map in the same order each time, but for what came and went. Entries lie in
 * that order, so that the next one is nearly always the one expected, and in the cache. */

struct wire_sources {
	struct hash_seed seed;
	struct entry *entries;
	uint32_t *index; /* by address: 1 + the entry's number; 0: free */
	uint32_t *order; /* entries as the last reading met them */
	uint32_t mask, used, size, limit;
	uint32_t words; /* of a value */
	uint32_t round, seen, resting;
	uint32_t expected; /* entry that is next if nothing changed */
	uint32_t searched; /* entries that were not, in this reading */
	bool no_batch;
	struct packet_address *keys;
	uint64_t *values;
	struct wire_sources_delta *deltas;
	size_t n_deltas, max_deltas;
};

int wire_sources_new(struct wire_sources **ret, uint32_t max_entries, size_t value_bytes)
{
	struct wire_sources *sources = calloc(1, sizeof(*sources));
	uint32_t slots = 64;

	if (!sources)
		return -ENOMEM;
	while (slots < 4 * max_entries)
		slots *= 2;
	hash_seed_random(&sources->seed);
	sources->mask = slots - 1;
	sources->limit = max_entries;
	sources->words = (uint32_t)(value_bytes / sizeof(uint64_t));
	sources->size = 2 * max_entries;
	sources->entries = calloc(sources->size, sizeof(*sources->entries));
	sources->index = calloc(slots, sizeof(*sources->index));
	sources->order = calloc(sources->size, sizeof(*sources->order));
	sources->keys = calloc(BATCH, sizeof(*sources->keys));
	sources->values = calloc((size_t)BATCH * sources->words, sizeof(uint64_t));
	sources->max_deltas = max_entries;
	sources->deltas = calloc(max_entries, sizeof(*sources->deltas));
	if (!sources->entries || !sources->index || !sources->order || !sources->keys ||
	    !sources->values || !sources->deltas) {
		wire_sources_free(sources);
		return -ENOMEM;
	}
	*ret = sources;
	return 0;
}

void wire_sources_free(struct wire_sources *sources)
{
	if (!sources)
		return;
	free(sources->entries);
	free(sources->index);
	free(sources->order);
	free(sources->keys);
	free(sources->values);
	free(sources->deltas);
	free(sources);
}

uint32_t wire_sources_count(const struct wire_sources *sources)
{
	return sources->seen;
}

static uint32_t slot_of(const struct wire_sources *sources, const struct packet_address *address)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return (uint32_t)hash_u64x3(&sources->seed, words[0], words[1], 0) & sources->mask;
}

/* Where its number is in the index, or belongs. */
static uint32_t *find(struct wire_sources *sources, const struct packet_address *address)
{
	uint32_t at = slot_of(sources, address);

	while (sources->index[at] &&
	    memcmp(&sources->entries[sources->index[at] - 1].address, address, sizeof(*address)) !=
		0)
		at = (at + 1) & sources->mask;
	return &sources->index[at];
}

/* NULL: no room. */
static struct entry *entry_of(struct wire_sources *sources, const struct packet_address *address)
{
	struct entry *entry = &sources->entries[sources->expected];
	uint32_t *place;

	if (sources->expected < sources->used &&
	    memcmp(&entry->address, address, sizeof(*address)) == 0) {
		sources->expected++;
		return entry;
	}
	place = find(sources, address);
	if (!*place) {
		if (sources->used == sources->size)
			return NULL;
		*place = ++sources->used;
		sources->entries[*place - 1] = (struct entry){.address = *address};
	}
	sources->searched++;
	sources->expected = *place;
	return &sources->entries[*place - 1];
}

static void take(struct wire_sources *sources, const struct packet_address *address,
    const uint64_t *value, uint32_t slot, bool skip)
{
	const bool sums = sources->words > 2;
	struct entry *entry = entry_of(sources, address);
	struct wire_sources_delta delta = {.address = *address};

	if (!entry)
		return;
	if (entry->round != sources->round) {
		/* Gone since, or less than was read: the kernel made the entry anew. */
		if (entry->round + 1 != sources->round || value[0] < entry->read[0][0] ||
		    value[1] < entry->read[0][1])
			memset(entry->read, 0, sizeof(entry->read));
		sources->order[sources->seen++] = (uint32_t)(entry - sources->entries);
	}
	entry->round = sources->round;
	delta.count = value[slot] - entry->read[0][slot];
	delta.sum = sums ? value[2 + slot] - entry->read[1][slot] : 0;
	delta.least = sums ? value[4] : 0;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++) {
		if (i != slot && !skip)
			continue;
		entry->read[0][i] = value[i];
		entry->read[1][i] = sums ? value[2 + i] : 0;
	}
	entry->rest = delta.count || value[!slot] != entry->read[0][!slot] ? 0 : entry->rest + 1;
	sources->resting += entry->rest >= RESTING;
	if (skip && !sums)
		entry->skipped = true;
	if ((delta.count || entry->skipped) && !skip && sources->n_deltas < sources->max_deltas) {
		sources->deltas[sources->n_deltas++] = delta;
		entry->skipped = false;
	}
}

/* Hash maps in batches (5.6). */
static int walk_batches(struct wire_sources *sources, int fd, uint32_t slot, bool skip)
{
	/* Entries come and go meanwhile: still no more than can be. */
	const uint32_t turns = 2 * (sources->limit / BATCH + 2);
	uint32_t token, *in = NULL;
	int r = 0;

	for (uint32_t turn = 0; turn < turns && r == 0; turn++) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(fd, in, &token, sources->keys, sources->values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++) {
			take(sources, &sources->keys[i], &sources->values[i * sources->words], slot,
			    skip);
		}
		in = &token;
	}
	return 0;
}

static int walk_singly(struct wire_sources *sources, int fd, uint32_t slot, bool skip)
{
	struct packet_address key, *previous = NULL;
	uint64_t value[MAX_WORDS];
	int r = 0;

	for (uint32_t i = 0; i < 2 * sources->limit; i++) {
		r = bpf_map_get_next_key(fd, previous, &key);
		if (r < 0)
			break;
		previous = &key;
		if (bpf_map_lookup_elem(fd, &key, value) == 0)
			take(sources, &key, value, slot, skip);
	}
	return r == -ENOENT ? 0 : r;
}

static int walk(struct wire_sources *sources, int fd, uint32_t slot, bool skip)
{
	int r;

	sources->round++;
	sources->seen = sources->resting = sources->expected = sources->searched = 0;
	sources->n_deltas = 0;
	if (!sources->no_batch) {
		r = walk_batches(sources, fd, slot, skip);
		if (r == 0 || sources->seen)
			return r;
		sources->no_batch = true;
	}
	return walk_singly(sources, fd, slot, skip);
}

int wire_sources_skip(struct wire_sources *sources, int fd)
{
	return walk(sources, fd, 0, true);
}

int wire_sources_read(struct wire_sources *sources, int fd, uint32_t slot,
    const struct wire_sources_delta **ret, size_t *ret_n)
{
	const int r = walk(sources, fd, slot, false);

	if (r < 0)
		return r;
	*ret = sources->deltas;
	*ret_n = sources->n_deltas;
	return 0;
}

/* Entries anew, in the order in which the last reading met them, without those that it did not
 * meet. */
static void reorder(struct wire_sources *sources, int fd, bool crowded)
{
	struct entry *old = sources->entries;
	struct entry *entries = calloc(sources->size, sizeof(*entries));

	if (!entries)
		return;
	sources->entries = entries;
	sources->used = 0;
	memset(sources->index, 0, ((size_t)sources->mask + 1) * sizeof(*sources->index));
	for (uint32_t i = 0; i < sources->seen; i++) {
		const struct entry *entry = &old[sources->order[i]];

		if (crowded && entry->rest >= RESTING &&
		    bpf_map_delete_elem(fd, &entry->address) == 0)
			continue;
		entries[sources->used] = *entry;
		*find(sources, &entry->address) = sources->used + 1;
		sources->used++;
	}
	free(old);
}

void wire_sources_tidy(struct wire_sources *sources, int fd)
{
	const bool crowded = sources->seen > sources->limit / 2 && sources->resting;

	if (crowded || sources->used - sources->seen > sources->limit / 4 ||
	    sources->searched > sources->limit / 8)
		reorder(sources, fd, crowded);
}
