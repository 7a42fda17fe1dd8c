/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client of a message (stats/sources.h), counted: what it asked and was sent, and rare events
 * of it in a table of their own. Inside stats/ only; here rather than in a file of its own because
 * every message passes.
 */
#ifndef CROSSTAP_STATS_ITEM_SOURCE_H
#define CROSSTAP_STATS_ITEM_SOURCE_H

#include "stats/item_traits.h"

/* Once the tags have come. */
static inline void item_source_prefetch(const struct collector_config *config, struct item *item)
{
	const struct sources *sources = &item->shard->sources;
	const uint32_t at = sources_guess(sources, item->source_hash);

	item->source_guess = at;
	prefetch_write(sources_slot(sources, at));
	if (config->traits.facts & FACTS_ADDRESSES && item->direction == DIR_RESPONSE &&
	    !item_traits_has_bytes(item, item->wanted))
		prefetch_write(&sources->bytes[at]);
}

static inline void item_rare_count(const struct collector_config *config, const struct item *item,
    uint64_t hash, uint16_t zone_family, enum talker by)
{
	struct source *rare = shard_rare(
	    item->shard, &config->limits, &config->seed, hash, item->address, zone_family);

	if (!rare)
		return;
	rare->transports |= (uint16_t)(1u << item->transport);
	saturating_add(rare_counter(rare, by), 1);
}

CT_INLINE void item_talker_count(const struct collector_config *config, const struct item *item,
    struct wanted wanted, uint64_t hash, uint16_t zone_family)
{
	if (wanted.direction == DIR_RESPONSE) {
		if (__builtin_expect(item->facts.rcode == DNS_RCODE_REFUSED, 0) &&
		    !item->facts.malformed)
			item_rare_count(config, item, hash, zone_family, TALKER_REFUSED);
		return;
	}
	if (__builtin_expect(item->transport == TRANSPORT_TCP, 0))
		item_rare_count(config, item, hash, zone_family, TALKER_TCP);
	if (__builtin_expect(item->facts.malformed, 0))
		item_rare_count(config, item, hash, zone_family, TALKER_MALFORMED);
}

/* Of a response. */
CT_INLINE void item_bytes_count(
    const struct item *item, struct wanted wanted, struct source *source)
{
	struct sources *sources = &item->shard->sources;

	if (wanted.addresses)
		sources->has_bytes = true;
	if (item_traits_has_bytes(item, wanted.facts))
		sources_add_traits_bytes(sources, source, item->length);
	else if (wanted.addresses)
		sources_add_bytes(sources, source, item->length);
}

/* The message's client, made if need be; NULL: it is in the overflow, which has counted it. */
CT_INLINE struct source *item_source(const struct collector_config *config, const struct item *item,
    uint64_t hash, uint16_t zone_family)
{
	struct shard *shard = item->shard;
	struct source *source =
	    sources_at_guess(&shard->sources, item->source_guess, hash, item->address, zone_family);

	if (!source)
		source = shard_source_slow(
		    shard, &config->limits, &config->seed, hash, item->address, zone_family);
	if (!source)
		shard_overflow_add(shard, hash, item->address, zone_family, item->transport);
	return source;
}

CT_INLINE void item_source_count(
    const struct collector_config *config, const struct item *item, struct wanted wanted)
{
	const uint16_t zone_family = item_zone_family(item);
	uint64_t hash = item->source_hash;
	struct source *source;

	if (zone_family != item->hashed_zone_family) /* pairing found another zone */
		hash = source_hash(&config->seed, item->address, zone_family);
	if (wanted.addresses)
		item_talker_count(config, item, wanted, hash, zone_family);
	source = item_source(config, item, hash, zone_family);
	if (!source)
		return;
	source->transports |= (uint16_t)(1u << item->transport);
	if (wanted.direction == DIR_QUERY) {
		saturating_add(&source->queries, 1);
	} else {
		saturating_add(&source->responses, 1);
		item_bytes_count(item, wanted, source);
		if (!item->facts.malformed && item->facts.rcode == DNS_RCODE_NXDOMAIN)
			saturating_add(&source->nxdomain, 1);
	}
	if (item->shard->sources.has_traits)
		item_traits_count(&config->traits.clients, item, sources_traits(source),
		    wanted.facts, wanted.direction);
}

#endif
