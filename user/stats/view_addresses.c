/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/view_addresses.h"

#include "stats/subnets.h"

#include <errno.h>
#include <string.h>

struct job {
	struct zone_view **by_zone;
	size_t n_zones;
	const struct view_limits *limits;
	struct arena *arena;
	int error;
};

static struct zone_view *zone_of(const struct job *job, uint32_t zone)
{
	return zone < job->n_zones ? job->by_zone[zone] : NULL;
}

static void offer(
    struct job *job, struct ranked **list, size_t *n, size_t limit, const struct ranked *item)
{
	if (!limit || !item->count || job->error)
		return;
	if (!*list)
		*list = arena_alloc(job->arena, limit * sizeof(**list));
	if (*list)
		ranked_offer(*list, n, limit, item);
	else
		job->error = -ENOMEM;
}

/* -- networks */

static void take_subnets(struct job *job, const struct subnets *subnets)
{
	for (uint32_t i = 0; i <= subnets->mask; i++) {
		const struct subnet *subnet = &subnets->slots[i];
		struct ranked item = {.count = subnet->queries, .at = i};
		struct zone_view *zone = subnet->key ? zone_of(job, subnet_zone(subnet)) : NULL;

		if (!zone)
			continue;
		item.family = subnet_family(subnet);
		subnet_address(subnet, item.address);
		offer(job, &zone->subnet_ranks, &zone->n_subnets, job->limits->subnets, &item);
	}
}

static void list_subnets(struct job *job, struct zone_view *zone, const struct subnets *subnets)
{
	if (!zone || !zone->n_subnets || job->error)
		return;
	zone->subnets = arena_alloc(job->arena, zone->n_subnets * sizeof(*zone->subnets));
	if (!zone->subnets) {
		zone->n_subnets = 0;
		job->error = -ENOMEM;
		return;
	}
	ranked_sort(zone->subnet_ranks, zone->n_subnets);
	for (size_t i = 0; i < zone->n_subnets; i++) {
		const struct ranked *rank = &zone->subnet_ranks[i];
		const struct subnet *subnet = &subnets->slots[rank->at];

		zone->subnets[i] = (struct view_subnet){
		    .address = {rank->address[0], rank->address[1]},
		    .family = rank->family,
		    .queries = subnet->queries,
		    .response_bytes = subnet->response_bytes,
		    .nxdomain = subnet->nxdomain,
		};
	}
}

static int rank_subnets(
    struct job *job, const struct sources *sources, const struct hash_seed *seed)
{
	struct subnets subnets;
	int r = subnets_make(&subnets, sources, seed);

	if (r == 0)
		take_subnets(job, &subnets);
	for (size_t i = 0; i < job->n_zones && r == 0; i++)
		list_subnets(job, job->by_zone[i], &subnets);
	subnets_done(&subnets);
	return r < 0 ? r : job->error;
}

/* -- clients */

static void offer_talker(struct job *job, enum talker by, uint16_t zone_family,
    const uint64_t address[2], uint64_t count)
{
	struct zone_view *zone = zone_of(job, zone_family & ~SOURCE_IPV4);

	if (zone)
		offer(job, &zone->talkers[by], &zone->n_talkers[by], job->limits->talkers,
		    &(struct ranked){.count = count,
			.address = {address[0], address[1]},
			.family = zone_family & SOURCE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6});
}

static void offer_rare(struct job *job, const struct sources *rare)
{
	static const enum talker kinds[] = {TALKER_TCP, TALKER_REFUSED, TALKER_MALFORMED};

	for (size_t i = 0; rare->slots && i < rare->size; i++) {
		struct source *source = sources_slot(rare, i);

		for (size_t k = 0; source->transports && k < sizeof(kinds) / sizeof(kinds[0]); k++)
			offer_talker(job, kinds[k], source->zone_family, source->address,
			    *rare_counter(source, kinds[k]));
	}
}

static void rank_talkers(struct job *job, const struct shard *total)
{
	const struct sources *sources = &total->sources;

	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);

		if (!source->transports)
			continue;
		offer_talker(
		    job, TALKER_NXDOMAIN, source->zone_family, source->address, source->nxdomain);
		if (sources->has_bytes)
			offer_talker(job, TALKER_RESPONSE_BYTES, source->zone_family,
			    source->address, sources_bytes(sources, source));
	}
	offer_rare(job, &total->rare);
	for (size_t i = 0; i < job->n_zones; i++) {
		for (int by = 0; job->by_zone[i] && by < TALKER_COUNT; by++)
			ranked_sort(job->by_zone[i]->talkers[by], job->by_zone[i]->n_talkers[by]);
	}
}

int view_addresses(struct zone_view **by_zone, size_t n_zones, const struct shard *total,
    const struct view_limits *limits, const struct hash_seed *seed, struct arena *arena)
{
	struct job job = {.by_zone = by_zone, .n_zones = n_zones, .limits = limits, .arena = arena};
	int r = limits->subnets ? rank_subnets(&job, &total->sources, seed) : 0;

	if (r == 0 && limits->talkers)
		rank_talkers(&job, total);
	return r < 0 ? r : job.error;
}
