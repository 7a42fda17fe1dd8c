/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/source_rtts.h"

#include "base/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#define BATCH   4096 /* more than a bucket can hold */
#define LIMIT   WIRE_MAX_SOURCE_RTTS
#define SIZE    (2 * LIMIT) /* entries come and go while the map is walked */
#define PLACES  (2 * SIZE)  /* a power of two */
#define RESTING 2           /* readings */

struct entry {
	struct packet_address address;
	uint64_t count[WIRE_SLOTS], sum_us[WIRE_SLOTS]; /* as read */
	uint32_t round;                                 /* of the last reading that saw it */
	uint32_t rest;                                  /* readings without a count */
};

/* The kernel walks its map in the same order each time, but for what came and went. Entries lie in
 * that order, so that the next one is nearly always the one expected, and in the cache. */

struct wire_source_rtts {
	struct hash_seed seed;
	struct entry *entries;
	uint32_t *index; /* by address: 1 + the entry's number; 0: free */
	uint32_t *order; /* entries as the last reading met them */
	uint32_t used;
	uint32_t round, seen, resting;
	uint32_t expected; /* entry that is next if nothing changed */
	uint32_t searched; /* entries that were not, in this reading */
	bool no_batch;
	struct packet_address *keys;
	struct wire_source_rtt *values;
	struct wire_client_rtt *deltas;
	size_t n_deltas;
};

int wire_source_rtts_new(struct wire_source_rtts **ret)
{
	struct wire_source_rtts *rtts = calloc(1, sizeof(*rtts));

	if (!rtts)
		return -ENOMEM;
	hash_seed_random(&rtts->seed);
	rtts->entries = calloc(SIZE, sizeof(*rtts->entries));
	rtts->index = calloc(PLACES, sizeof(*rtts->index));
	rtts->order = calloc(SIZE, sizeof(*rtts->order));
	rtts->keys = calloc(BATCH, sizeof(*rtts->keys));
	rtts->values = calloc(BATCH, sizeof(*rtts->values));
	rtts->deltas = calloc(LIMIT, sizeof(*rtts->deltas));
	if (!rtts->entries || !rtts->index || !rtts->order || !rtts->keys || !rtts->values ||
	    !rtts->deltas) {
		wire_source_rtts_free(rtts);
		return -ENOMEM;
	}
	*ret = rtts;
	return 0;
}

void wire_source_rtts_free(struct wire_source_rtts *rtts)
{
	if (!rtts)
		return;
	free(rtts->entries);
	free(rtts->index);
	free(rtts->order);
	free(rtts->keys);
	free(rtts->values);
	free(rtts->deltas);
	free(rtts);
}

static uint32_t slot_of(const struct wire_source_rtts *rtts, const struct packet_address *address)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return (uint32_t)hash_u64x3(&rtts->seed, words[0], words[1], 0) & (PLACES - 1);
}

/* Where its number is in the index, or belongs. */
static uint32_t *find(struct wire_source_rtts *rtts, const struct packet_address *address)
{
	uint32_t at = slot_of(rtts, address);

	while (rtts->index[at] &&
	    memcmp(&rtts->entries[rtts->index[at] - 1].address, address, sizeof(*address)) != 0)
		at = (at + 1) & (PLACES - 1);
	return &rtts->index[at];
}

/* NULL: no room. */
static struct entry *entry_of(struct wire_source_rtts *rtts, const struct packet_address *address)
{
	struct entry *entry = &rtts->entries[rtts->expected];
	uint32_t *place;

	if (rtts->expected < rtts->used &&
	    memcmp(&entry->address, address, sizeof(*address)) == 0) {
		rtts->expected++;
		return entry;
	}
	place = find(rtts, address);
	if (!*place) {
		if (rtts->used == SIZE)
			return NULL;
		*place = ++rtts->used;
		rtts->entries[*place - 1] = (struct entry){.address = *address};
	}
	rtts->searched++;
	rtts->expected = *place;
	return &rtts->entries[*place - 1];
}

static void take(struct wire_source_rtts *rtts, const struct packet_address *address,
    const struct wire_source_rtt *value, uint32_t slot, bool skip)
{
	struct entry *entry = entry_of(rtts, address);
	struct wire_client_rtt delta = {.address = *address, .min_us = value->min_us};

	if (!entry)
		return;
	if (entry->round != rtts->round) {
		/* Gone since, or less than was read: the kernel made the entry anew. */
		if (entry->round + 1 != rtts->round || value->count[0] < entry->count[0] ||
		    value->count[1] < entry->count[1]) {
			memset(entry->count, 0, sizeof(entry->count));
			memset(entry->sum_us, 0, sizeof(entry->sum_us));
		}
		rtts->order[rtts->seen++] = (uint32_t)(entry - rtts->entries);
	}
	entry->round = rtts->round;
	delta.count = value->count[slot] - entry->count[slot];
	delta.sum_us = value->sum_us[slot] - entry->sum_us[slot];
	for (uint32_t i = 0; i < WIRE_SLOTS; i++) {
		if (i != slot && !skip)
			continue;
		entry->count[i] = value->count[i];
		entry->sum_us[i] = value->sum_us[i];
	}
	entry->rest =
	    delta.count || value->count[!slot] != entry->count[!slot] ? 0 : entry->rest + 1;
	rtts->resting += entry->rest >= RESTING;
	if (delta.count && !skip && rtts->n_deltas < LIMIT)
		rtts->deltas[rtts->n_deltas++] = delta;
}

/* Hash maps in batches (5.6). */
static int walk_batches(struct wire_source_rtts *rtts, int fd, uint32_t slot, bool skip)
{
	/* Entries come and go meanwhile: still no more than can be. */
	const uint32_t turns = 2 * (LIMIT / BATCH + 2);
	uint32_t token, *in = NULL;
	int r = 0;

	for (uint32_t turn = 0; turn < turns && r == 0; turn++) {
		uint32_t n = BATCH;

		r = bpf_map_lookup_batch(fd, in, &token, rtts->keys, rtts->values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++) {
			take(rtts, &rtts->keys[i], &rtts->values[i], slot, skip);
		}
		in = &token;
	}
	return 0;
}

static int walk_singly(struct wire_source_rtts *rtts, int fd, uint32_t slot, bool skip)
{
	struct packet_address key, *previous = NULL;
	struct wire_source_rtt value;
	int r = 0;

	for (uint32_t i = 0; i < 2 * LIMIT; i++) {
		r = bpf_map_get_next_key(fd, previous, &key);
		if (r < 0)
			break;
		previous = &key;
		if (bpf_map_lookup_elem(fd, &key, &value) == 0)
			take(rtts, &key, &value, slot, skip);
	}
	return r == -ENOENT ? 0 : r;
}

static int walk(struct wire_source_rtts *rtts, int fd, uint32_t slot, bool skip)
{
	int r;

	rtts->round++;
	rtts->seen = rtts->resting = rtts->expected = rtts->searched = 0;
	rtts->n_deltas = 0;
	if (!rtts->no_batch) {
		r = walk_batches(rtts, fd, slot, skip);
		if (r == 0 || rtts->seen)
			return r;
		rtts->no_batch = true;
	}
	return walk_singly(rtts, fd, slot, skip);
}

int wire_source_rtts_skip(struct wire_source_rtts *rtts, int fd)
{
	return walk(rtts, fd, 0, true);
}

int wire_source_rtts_read(struct wire_source_rtts *rtts, int fd, uint32_t slot,
    const struct wire_client_rtt **ret, size_t *ret_n)
{
	const int r = walk(rtts, fd, slot, false);

	if (r < 0)
		return r;
	*ret = rtts->deltas;
	*ret_n = rtts->n_deltas;
	return 0;
}

/* Entries anew, in the order in which the last reading met them, without those that it did not
 * meet. */
static void reorder(struct wire_source_rtts *rtts, int fd, bool crowded)
{
	struct entry *old = rtts->entries;
	struct entry *entries = calloc(SIZE, sizeof(*entries));

	if (!entries)
		return;
	rtts->entries = entries;
	rtts->used = 0;
	memset(rtts->index, 0, PLACES * sizeof(*rtts->index));
	for (uint32_t i = 0; i < rtts->seen; i++) {
		const struct entry *entry = &old[rtts->order[i]];

		if (crowded && entry->rest >= RESTING &&
		    bpf_map_delete_elem(fd, &entry->address) == 0)
			continue;
		entries[rtts->used] = *entry;
		*find(rtts, &entry->address) = rtts->used + 1;
		rtts->used++;
	}
	free(old);
}

void wire_source_rtts_tidy(struct wire_source_rtts *rtts, int fd)
{
	const bool crowded = rtts->seen > LIMIT / 2 && rtts->resting;

	if (crowded || rtts->used - rtts->seen > LIMIT / 4 || rtts->searched > LIMIT / 8)
		reorder(rtts, fd, crowded);
}
