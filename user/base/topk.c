/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/topk.h"

#include "base/prefetch.h"
#include "base/saturate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS            8
#define FILTER_PER_SLOT 4

struct set {                /* one cache line: all that a hit touches */
	uint32_t tag[WAYS]; /* upper half of the hash, 0 is free */
	uint32_t count[WAYS];
};

struct detail {
	uint64_t hash;
	uint32_t error;
	uint16_t group;
	uint8_t length;
	uint8_t key[TOPK_MAX_KEY_BYTES];
};

struct topk {
	struct set *sets;
	struct detail *details; /* [set][way] */
	uint32_t *filter;
	size_t set_mask, filter_mask;
};

int topk_new(struct topk **ret, size_t slots)
{
	struct topk *topk = calloc(1, sizeof(*topk));
	size_t sets = 64 / WAYS;

	if (!topk)
		return -ENOMEM;
	while (sets * WAYS < slots)
		sets *= 2;
	topk->set_mask = sets - 1;
	topk->filter_mask = sets * WAYS * FILTER_PER_SLOT - 1;
	topk->sets = aligned_alloc(64, sets * sizeof(struct set));
	topk->details = malloc(sets * WAYS * sizeof(struct detail));
	topk->filter = calloc(topk->filter_mask + 1, sizeof(uint32_t));
	if (!topk->sets || !topk->details || !topk->filter) {
		topk_free(topk);
		return -ENOMEM;
	}
	memset(topk->sets, 0, sets * sizeof(struct set));
	*ret = topk;
	return 0;
}

void topk_free(struct topk *topk)
{
	if (!topk)
		return;
	free(topk->sets);
	free(topk->details);
	free(topk->filter);
	free(topk);
}

void topk_clear(struct topk *topk)
{
	memset(topk->sets, 0, (topk->set_mask + 1) * sizeof(struct set));
	memset(topk->filter, 0, (topk->filter_mask + 1) * sizeof(uint32_t));
}

static uint32_t tag_of(uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	return tag ? tag : 1;
}

static uint32_t *filter_of(const struct topk *topk, uint64_t hash)
{
	return &topk->filter[(hash >> 20) & topk->filter_mask];
}

void topk_prefetch(const struct topk *topk, uint64_t hash)
{
	prefetch(&topk->sets[hash & topk->set_mask]);
}

static void admit(struct topk *topk, size_t set_index, int way, uint64_t hash, uint16_t group,
    const uint8_t *key, size_t length, uint32_t count, uint32_t error)
{
	struct set *set = &topk->sets[set_index];
	struct detail *detail = &topk->details[set_index * WAYS + (size_t)way];

	if (set->tag[way]) {
		uint32_t *cell = filter_of(topk, detail->hash);

		if (*cell < set->count[way])
			*cell = set->count[way];
	}
	set->tag[way] = tag_of(hash);
	set->count[way] = count;
	detail->hash = hash;
	detail->error = error;
	detail->group = group;
	detail->length = (uint8_t)length;
	memcpy(detail->key, key, length);
}

/* With an error of its own, for merging; a stream's item has none. */
static void add(struct topk *topk, uint64_t hash, uint16_t group, const uint8_t *key, size_t length,
    uint32_t count, uint32_t error)
{
	size_t set_index = hash & topk->set_mask;
	struct set *set = &topk->sets[set_index];
	uint32_t tag = tag_of(hash), *cell, before;
	int least = 0;

	for (int way = 0; way < WAYS; way++) {
		if (set->tag[way] == tag) {
			saturating_add(&set->count[way], count);
			if (error)
				saturating_add(
				    &topk->details[set_index * WAYS + (size_t)way].error, error);
			return;
		}
		if (set->count[way] < set->count[least])
			least = way;
	}
	if (length > TOPK_MAX_KEY_BYTES)
		return;
	cell = filter_of(topk, hash);
	before = *cell;
	if (!set->tag[least]) {
		admit(topk, set_index, least, hash, group, key, length, count, error);
		return;
	}
	saturating_add(cell, count);
	if (*cell > set->count[least]) {
		saturating_add(&error, before);
		admit(topk, set_index, least, hash, group, key, length, *cell, error);
	}
}

void topk_add(struct topk *topk, uint64_t hash, uint16_t group, const uint8_t *key, size_t length,
    uint32_t count)
{
	add(topk, hash, group, key, length, count, 0);
}

uint32_t topk_count(const struct topk *topk, uint64_t hash)
{
	const struct set *set = &topk->sets[hash & topk->set_mask];
	const uint32_t tag = tag_of(hash);

	for (int way = 0; way < WAYS; way++) {
		if (set->tag[way] == tag)
			return set->count[way];
	}
	return 0;
}

void topk_merge(struct topk *into, const struct topk *from)
{
	for (size_t i = 0; i <= from->set_mask; i++) {
		for (int way = 0; way < WAYS; way++) {
			const struct detail *detail = &from->details[i * WAYS + (size_t)way];

			if (from->sets[i].tag[way])
				add(into, detail->hash, detail->group, detail->key, detail->length,
				    from->sets[i].count[way], detail->error);
		}
	}
}

void topk_each(const struct topk *topk, void (*take)(void *context, const struct topk_entry *entry),
    void *context)
{
	for (size_t i = 0; i <= topk->set_mask; i++) {
		for (int way = 0; way < WAYS; way++) {
			const struct detail *detail = &topk->details[i * WAYS + (size_t)way];
			struct topk_entry entry = {
			    .count = topk->sets[i].count[way],
			    .error = detail->error,
			    .group = detail->group,
			    .length = detail->length,
			    .key = detail->key,
			};

			if (topk->sets[i].tag[way])
				take(context, &entry);
		}
	}
}
