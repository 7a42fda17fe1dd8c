/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MARGIN_SLOTS  1024
#define KEPT_MARGIN_SLOTS   131072 /* of so many a thread would wait for pages */
#define OVERFLOW_TOPK_SLOTS 1024
#define MERGED_PLACE_SLOTS  65536 /* all inputs' */

static void overflow_free(struct shard_overflow *overflow)
{
	if (!overflow)
		return;
	for (size_t i = 0; i < OVERFLOW_GROUPS; i++)
		distinct_free(overflow->groups[i].distinct);
	topk_free(overflow->addresses);
	free(overflow);
}

int shard_new(struct shard **ret, const struct shard_limits *limits, const struct hash_seed *seed)
{
	struct shard *shard = calloc(1, sizeof(*shard));
	int r;

	if (!shard)
		return -ENOMEM;
	r = cube_init(&shard->cube, CUBE_LEAST_SLOTS, seed);
	if (r == 0)
		r = sources_init(&shard->sources, 0);
	if (r == 0)
		r = sources_want_traits(&shard->sources, limits->source_traits);
	if (r == 0)
		r = facts_init(&shard->facts, seed);
	if (r == 0)
		r = places_init(&shard->places);
	for (int kind = 0; kind < NAMES_KINDS && r == 0 && limits->name_slots; kind++)
		r = topk_new(&shard->names[kind], limits->name_slots);
	shard->name_slots = limits->name_slots;
	shard->margin_slots = FIRST_MARGIN_SLOTS;
	if (r == 0 && limits->domain_slots)
		r = domains_new(&shard->domains, limits->domain_slots, limits->domain_sketch_bytes);
	if (r < 0) {
		shard_free(shard);
		return r;
	}
	*ret = shard;
	return 0;
}

void shard_free(struct shard *shard)
{
	if (!shard)
		return;
	cube_done(&shard->cube);
	cells_done(&shard->margins);
	pending_done(&shard->pending);
	facts_done(&shard->facts);
	sources_done(&shard->sources);
	for (int kind = 0; kind < NAMES_KINDS; kind++)
		topk_free(shard->names[kind]);
	domains_free(shard->domains);
	if (shard->rare.slots)
		sources_done(&shard->rare);
	places_done(&shard->places);
	tally_free(shard->tally);
	overflow_free(shard->overflow);
	free(shard);
}

static void fit_domains(struct shard *shard, const struct shard_limits *limits)
{
	if (shard->domains &&
	    domains_fit(shard->domains, limits->domain_slots, limits->domain_sketch_bytes))
		return;
	domains_free(shard->domains);
	shard->domains = NULL;
	/* Without memory it is tried again with the next window. */
	if (limits->domain_slots)
		(void)domains_new(
		    &shard->domains, limits->domain_slots, limits->domain_sketch_bytes);
}

void shard_fit_lists(struct shard *shard, const struct shard_limits *limits)
{
	/* Likewise. */
	(void)sources_want_traits(&shard->sources, limits->source_traits);
	fit_domains(shard, limits);
	if (shard->name_slots == limits->name_slots)
		return;
	shard->name_slots = limits->name_slots;
	for (int kind = 0; kind < NAMES_KINDS; kind++) {
		topk_free(shard->names[kind]);
		shard->names[kind] = NULL;
		if (limits->name_slots && topk_new(&shard->names[kind], limits->name_slots) < 0)
			shard->name_slots = 0; /* tried again when it is cleared */
	}
}

void shard_note_margins(struct shard *shard)
{
	size_t slots = shard->margins.slots ? (size_t)shard->margins.mask + 1 : shard->margin_slots;

	if (shard->margins.used + shard->pending.outgrown.used < slots / 4)
		slots /= 2;
	shard->margin_slots = slots > FIRST_MARGIN_SLOTS ? slots : FIRST_MARGIN_SLOTS;
}

/* Many that were needed will be again: their memory stays. */
static void clear_margins(struct shard *shard)
{
	const size_t slots = shard->margin_slots;
	struct cells *margins = &shard->margins;
	const bool kept = margins->slots && slots >= KEPT_MARGIN_SLOTS;

	if (!kept || (size_t)margins->mask + 1 != slots)
		cells_done(margins);
	if (kept && (margins->slots || cells_init(margins, slots, &shard->cube.seed) == 0))
		cells_renew(margins);
}

void shard_clear(struct shard *shard, const struct shard_limits *limits)
{
	struct cube cube;
	struct cells margins;
	struct shard_pending pending;
	const size_t name_slots = shard->name_slots;
	size_t margin_slots;
	struct sources sources;
	struct facts facts;
	struct domains *domains = shard->domains;
	struct topk *names[NAMES_KINDS];
	struct places places;
	struct tally *tally = shard->tally;

	clear_margins(shard);
	cube_clear(&shard->cube, limits->cube_slots);
	pending_clear(shard);
	if (shard->overflow)
		shard->sources.used = shard->sources.limit;
	sources_clear(&shard->sources, limits->source_slots);
	facts_clear(&shard->facts, limits->facts_cells);
	for (int kind = 0; kind < NAMES_KINDS; kind++) {
		if (shard->names[kind])
			topk_clear(shard->names[kind]);
		names[kind] = shard->names[kind];
	}
	if (domains)
		domains_clear(domains);
	if (shard->rare.slots)
		sources_done(&shard->rare);
	places_clear(&shard->places);
	places = shard->places;
	if (tally)
		tally_clear(tally);
	overflow_free(shard->overflow);
	cube = shard->cube;
	margins = shard->margins;
	margin_slots = shard->margin_slots;
	pending = shard->pending;
	sources = shard->sources;
	facts = shard->facts;
	*shard = (struct shard){.cube = cube,
	    .margins = margins,
	    .pending = pending,
	    .sources = sources,
	    .facts = facts,
	    .domains = domains,
	    .places = places,
	    .tally = tally,
	    .name_slots = name_slots,
	    .margin_slots = margin_slots};
	memcpy(shard->names, names, sizeof(names));
	shard_fit_lists(shard, limits);
}

struct tally *shard_tally(struct shard *shard, const struct hash_seed *seed)
{
	if (!shard->tally && tally_new(&shard->tally, seed->a) < 0)
		shard->lost++;
	return shard->tally;
}

static int merge_tally(struct shard *into, const struct shard *from, const struct hash_seed *seed)
{
	if (!from->tally)
		return 0;
	if (!shard_tally(into, seed))
		return -ENOMEM;
	tally_merge(into->tally, from->tally);
	return 0;
}

static int merge_rare(struct shard *into, const struct shard *from, const struct hash_seed *seed)
{
	int r = 0;

	if (!from->rare.slots)
		return 0;
	if (!into->rare.slots)
		r = sources_init(&into->rare, SHARD_RARE_SLOTS);
	return r < 0 ? r : sources_merge(&into->rare, &from->rare, seed);
}

static int need_overflow(struct shard *shard)
{
	struct shard_overflow *overflow;
	int r;

	if (shard->overflow)
		return 0;
	overflow = calloc(1, sizeof(*overflow));
	if (!overflow)
		return -ENOMEM;
	r = topk_new(&overflow->addresses, OVERFLOW_TOPK_SLOTS);
	if (r < 0) {
		free(overflow);
		return r;
	}
	shard->overflow = overflow;
	return 0;
}

/* The group, or the free place where it belongs. */
static struct overflow_group *find_group(struct shard_overflow *overflow, uint32_t key)
{
	uint32_t at = key * 0x9e3779b1u >> 16;

	for (;; at++) {
		struct overflow_group *group = &overflow->groups[at % OVERFLOW_GROUPS];

		if (!group->distinct || group->key == key)
			return group;
	}
}

static int need_group(struct shard_overflow *overflow, uint32_t key, struct overflow_group **ret)
{
	struct overflow_group *group = find_group(overflow, key);
	int r;

	if (!group->distinct) {
		if (overflow->n_groups == OVERFLOW_GROUPS / 2)
			return -ENOSPC;
		r = distinct_new(&group->distinct);
		if (r < 0)
			return r;
		group->key = key;
		overflow->n_groups++;
	}
	*ret = group;
	return 0;
}

static uint32_t group_key(uint32_t zone, uint32_t family, uint32_t transport)
{
	return zone << 8 | family << 4 | transport;
}

void shard_overflow_add(struct shard *shard, uint64_t hash, const uint64_t address[2],
    uint16_t zone_family, uint32_t transport)
{
	const uint32_t zone = zone_family & ~SOURCE_IPV4;
	const uint32_t family = zone_family & SOURCE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
	const uint32_t keys[] = {
	    group_key(zone, family, transport), group_key(zone, family, OVERFLOW_ANY)};

	if (need_overflow(shard) < 0) {
		shard->lost++;
		return;
	}
	shard->overflow->messages++;
	for (int i = 0; i < 2; i++) {
		struct overflow_group *group;

		if (need_group(shard->overflow, keys[i], &group) < 0 ||
		    distinct_add(group->distinct, hash) < 0)
			shard->lost++;
	}
	topk_add(shard->overflow->addresses, hash, zone_family, (const uint8_t *)address, 16, 1);
}

static int merge_overflow(struct shard *into, const struct shard_overflow *from)
{
	int r = need_overflow(into);

	if (r < 0)
		return r;
	into->overflow->messages += from->messages;
	topk_merge(into->overflow->addresses, from->addresses);
	for (size_t i = 0; i < OVERFLOW_GROUPS; i++) {
		struct overflow_group *group;

		if (!from->groups[i].distinct)
			continue;
		r = need_group(into->overflow, from->groups[i].key, &group);
		if (r == 0)
			r = distinct_merge(group->distinct, from->groups[i].distinct);
		if (r < 0)
			return r;
	}
	return 0;
}

int shard_merge(struct shard *into, struct shard *from, const struct hash_seed *seed)
{
	int r;

	shard_settle(into, seed);
	shard_settle(from, seed);
	r = shard_need_margins(into);
	if (r == 0)
		r = margins_fold(&into->margins, &from->cube);
	if (r == 0)
		r = facts_fold(&from->facts, &into->margins);
	if (r == 0 && from->margins.slots)
		r = margins_merge(&into->margins, &from->margins);
	if (r == 0)
		r = sources_merge(&into->sources, &from->sources, seed);
	if (r == 0 && from->overflow)
		r = merge_overflow(into, from->overflow);
	if (r == 0)
		r = places_merge(
		    &into->places, &from->places, MERGED_PLACE_SLOTS, seed, &into->margins);
	if (r == 0)
		r = merge_rare(into, from, seed);
	if (r == 0)
		r = merge_tally(into, from, seed);
	for (int kind = 0; kind < NAMES_KINDS; kind++) {
		if (into->names[kind] && from->names[kind])
			topk_merge(into->names[kind], from->names[kind]);
	}
	if (into->domains && from->domains)
		domains_merge(into->domains, from->domains);
	pace_merge(&into->pace, &from->pace);
	into->frames += from->frames;
	into->frames_bad += from->frames_bad;
	into->late += from->late;
	into->skewed += from->skewed;
	into->ignored += from->ignored;
	into->merged += from->merged;
	into->paired += from->paired;
	into->evicted += from->evicted;
	into->lost += from->lost + (r < 0);
	return r;
}

static void add_to_group(struct shard *shard, uint32_t key, uint64_t hash)
{
	struct overflow_group *group = find_group(shard->overflow, key);

	if (group->distinct && distinct_add(group->distinct, hash) < 0)
		shard->lost++;
}

void shard_close_overflow(struct shard *shard, const struct hash_seed *seed)
{
	if (!shard->overflow)
		return;
	/* Several threads' tables may have been full at different sources: only the union is right.
	 */
	for (size_t i = 0; i < shard->sources.size; i++) {
		const struct source *source = sources_slot(&shard->sources, i);
		const uint32_t zone = source_zone(source), family = source_family(source);
		uint64_t hash;

		if (!source->transports)
			continue;
		hash = source_hash(seed, source->address, source->zone_family);
		add_to_group(shard, group_key(zone, family, OVERFLOW_ANY), hash);
		for (uint32_t left = source->transports; left; left &= left - 1)
			add_to_group(
			    shard, group_key(zone, family, (uint32_t)__builtin_ctz(left)), hash);
	}
}

uint64_t shard_distinct(const struct shard *shard, uint16_t zone, uint32_t family,
    uint32_t transport, uint64_t in_table)
{
	const struct overflow_group *group;

	if (!shard->overflow)
		return in_table;
	group = find_group(shard->overflow, group_key(zone, family, transport));
	return group->distinct ? distinct_count(group->distinct) : in_table;
}
