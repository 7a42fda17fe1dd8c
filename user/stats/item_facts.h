/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The further facts of a message (stats/facts.h), counted. Inside stats/ only; here rather than in
 * a file of its own because every message passes.
 */
#ifndef CROSSTAP_STATS_ITEM_FACTS_H
#define CROSSTAP_STATS_ITEM_FACTS_H

#include "stats/collector.h"
#include "stats/item.h"

#include "crosstap/dns.h"

/* Malformed ones count nowhere but in messages, bytes and sizes. */
static inline uint8_t item_wanted(const struct collector_traits *traits, const struct item *item)
{
	if (!traits->figures || !item->client_side || item->facts.malformed)
		return 0;
	return item->facts.has_question ? traits->facts : traits->facts & FACTS_EDNS;
}

/* Once its zone is known. A response with a question keeps it. */
static inline void item_facts_prefetch(struct item *item)
{
	const struct facts *facts = &item->shard->facts;

	if (!item->wanted)
		return;
	if (item->direction == DIR_QUERY) {
		facts_prefetch_row(facts, item->zone);
	} else if (item->wanted & FACTS_TYPES) {
		item->type_key = margin_key(item->zone, MARGIN_QTYPE_RCODE, 0, 0, 0,
		    key_qtype_rcode(item->facts.qtype, item->facts.rcode));
		item->type_hash = cells_hash(&facts->cells, item->type_key);
		cells_prefetch(&facts->cells, item->type_hash);
	}
}

/* In a cell. */
static inline void item_cell_add(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, uint64_t hash, uint64_t key,
    uint64_t amount)
{
	struct shard *shard = item->shard;
	struct cell *cell = cells_at(&shard->facts.cells, hash, key);

	if (!cell)
		cell = shard_fact_slow(shard, limits, key);
	if (!cell->count && !facts_is_assigned(key, traits->qtype_assigned))
		cell = shard_fact_unassigned(shard, limits, cell);
	cell->count++;
	cell->amount += amount;
}

/* One of the few that have something besides the usual. */
static inline void item_rare_add(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, enum margin margin, uint32_t family,
    uint32_t value)
{
	const uint64_t key = margin_key(item->zone, margin, 0, 0, family, value);

	item_cell_add(traits, limits, item, cells_hash(&item->shard->facts.cells, key), key, 0);
}

/* In the zone's row. */
static inline void item_place_add(const struct shard_limits *limits, const struct item *item,
    struct facts_row *row, unsigned place)
{
	if (__builtin_expect(++row->low[place] == 0, 0))
		shard_fact_carry(item->shard, limits, item->zone, place);
}

static inline void item_ecs_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	uint8_t family, prefix;

	if (dns_ecs(item->message, &item->facts, &family, &prefix))
		item_rare_add(traits, limits, item, MARGIN_ECS,
		    family == DNS_ECS_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6, prefix);
	else
		item_rare_add(traits, limits, item, MARGIN_ECS, 0, KEY_OTHER);
}

static inline void item_edns_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;
	const unsigned bin = facts_size_bin(dns_udp_size(item->message, facts));
	const unsigned known =
	    dns_edns_version(item->message, facts) ? EDNS_VERSION_OTHER : EDNS_VERSION_0;
	const unsigned size = facts->opt ? bin : EDNS_SIZE_NONE;
	const unsigned version = facts->opt ? known : EDNS_VERSION_NONE;

	item_place_add(limits, item, row, FACTS_VERSION + version);
	item_place_add(limits, item, row, FACTS_SIZE + size);
	if (facts->flags & DNS_FLAG_ECS)
		item_ecs_count(traits, limits, item);
}

static inline void item_qname_count(
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;
	const unsigned labels = facts->labels < KEY_QNAME_LABELS ? facts->labels : KEY_QNAME_LABELS;
	unsigned traits = dns_name_traits(item->message, facts);

	item_place_add(limits, item, row, FACTS_LENGTH + facts->qname_length / KEY_QNAME_STEP);
	item_place_add(limits, item, row, FACTS_LABELS + labels);
	for (; traits; traits &= traits - 1)
		item_place_add(limits, item, row, FACTS_TRAIT + (unsigned)__builtin_ctz(traits));
}

static inline void item_query_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	struct facts_row *row = facts_row(&item->shard->facts, item->zone);

	if (!row)
		row = shard_row_slow(item->shard, limits, item->zone);
	if (!row)
		return;
	if (item->wanted & FACTS_QNAME)
		item_qname_count(limits, item, row);
	if (item->wanted & FACTS_TYPES) {
		const uint16_t class = dns_class(item->message, &item->facts);

		if (class == DNS_CLASS_IN)
			item_place_add(limits, item, row, FACTS_IN);
		else
			item_rare_add(traits, limits, item, MARGIN_CLASS, 0, class);
	}
	if (item->wanted & FACTS_EDNS)
		item_edns_count(traits, limits, item, row);
}

static inline void item_ede_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	uint16_t codes[DNS_MAX_EDE];
	const uint32_t n = dns_ede(item->message, &item->facts, codes);

	for (uint32_t i = 0; i < n; i++)
		item_rare_add(traits, limits, item, MARGIN_EDE, 0, codes[i]);
}

static inline void item_facts_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	if (item->direction == DIR_QUERY) {
		item_query_count(traits, limits, item);
		return;
	}
	if (item->wanted & FACTS_TYPES)
		item_cell_add(traits, limits, item, item->type_hash, item->type_key, item->length);
	if (item->wanted & FACTS_EDNS)
		item_ede_count(traits, limits, item);
}

#endif
