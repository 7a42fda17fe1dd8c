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

/* Malformed ones count nowhere but in messages, bytes and sizes, and of one that the producer left
 * out nothing is known. */
static inline uint8_t item_wanted(const struct collector_traits *traits, const struct item *item)
{
	if (!traits->figures || !item->client_side || item->facts.malformed || !item->has_message)
		return 0;
	if (item->facts.has_question)
		return traits->facts;
	return traits->facts &
	    (FACTS_EDNS | FACTS_CLIENTS | FACTS_ATTACKS |
		(item->direction == DIR_QUERY ? FACTS_PORTS : FACTS_TYPES));
}

/* Of a response. */
static inline uint64_t item_type_key(const struct item *item)
{
	const uint32_t type = item->facts.has_question ? item->facts.qtype : KEY_NO_QUESTION;

	return margin_key(
	    item->zone, MARGIN_QTYPE_RCODE, 0, 0, 0, key_qtype_rcode(type, item->facts.rcode));
}

/* Once its zone is known. A response with a question keeps it. What was counted of a zone just now
 * is in the processor's cache. */
static inline void item_facts_prefetch(const struct item *item)
{
	const struct facts *facts = &item->shard->facts;

	if (!(item->wanted & FACTS_ALL) || item->zone == facts->last_zone)
		return;
	if (item->direction == DIR_QUERY)
		facts_prefetch_row(facts, item->zone);
	else if (item->wanted & FACTS_TYPES)
		cells_prefetch(&facts->cells, cells_hash(&facts->cells, item_type_key(item)));
}

/* The cell to count in: that of the key, or of the others. */
static inline struct cell *item_cell(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, uint64_t key)
{
	struct shard *shard = item->shard;
	struct cells *cells = &shard->facts.cells;
	struct cell *cell = cells_at(cells, cells_hash(cells, key), key);

	if (!cell)
		cell = shard_fact_slow(shard, limits, key);
	if (!cell->count && !facts_is_assigned(key, traits->qtype_assigned))
		cell = shard_fact_unassigned(shard, limits, cell);
	return cell;
}

/* One of the few that have something besides the usual. */
static inline void item_rare_add(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, enum margin margin, uint32_t family,
    uint32_t value)
{
	item_cell(traits, limits, item, margin_key(item->zone, margin, 0, 0, family, value))
	    ->count++;
}

/* In the zone's row: one of the values whose places begin at `first`. */
static inline void item_place_add(const struct shard_limits *limits, const struct item *item,
    struct facts_row *row, size_t first, size_t value)
{
	if (__builtin_expect(++row->low[first + value] == 0, 0))
		shard_fact_carry(item->shard, limits, item->zone, (unsigned)(first + value));
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

CT_INLINE void item_edns_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;
	size_t size;

	if (!facts->opt) {
		item_place_add(limits, item, row, FACTS_SIZE, EDNS_SIZE_NONE);
		return;
	}
	size = facts_size_bin(dns_udp_size(item->message, facts));
	if (__builtin_expect(dns_edns_version(item->message, facts) == 0, 1))
		item_place_add(limits, item, row, FACTS_SIZE, size);
	else
		item_place_add(limits, item, row, FACTS_OTHER_SIZE, size);
	if (facts->flags & DNS_FLAG_ECS)
		item_ecs_count(traits, limits, item);
}

CT_INLINE void item_qname_count(
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;
	const size_t length = facts->qname_length, labels = facts->labels;

	item_place_add(limits, item, row, FACTS_LENGTH, length / KEY_QNAME_STEP);
	item_place_add(
	    limits, item, row, FACTS_LABELS, labels < KEY_QNAME_LABELS ? labels : KEY_QNAME_LABELS);
	if (__builtin_expect(item->is_plain, 1))
		return;
	for (unsigned traits = dns_name_traits(item->message, facts); traits; traits &= traits - 1)
		item_place_add(limits, item, row, FACTS_TRAIT, (size_t)__builtin_ctz(traits));
}

static inline void item_class_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const uint16_t class = dns_class(item->message, &item->facts);

	if (__builtin_expect(class == DNS_CLASS_IN, 1))
		item_place_add(limits, item, row, FACTS_IN, 0);
	else
		item_rare_add(traits, limits, item, MARGIN_CLASS, 0, class);
}

CT_INLINE void item_query_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, unsigned wanted)
{
	struct facts *facts = &item->shard->facts;
	struct facts_row *row = facts->last_row;

	if (__builtin_expect(item->zone != facts->last_zone, 0)) {
		row = facts_row(facts, item->zone);
		if (!row)
			row = shard_row_slow(item->shard, limits, item->zone);
		if (!row)
			return;
		facts->last_zone = item->zone;
		facts->last_row = row;
	}
	if (wanted & FACTS_QNAME)
		item_qname_count(limits, item, row);
	if (wanted & FACTS_TYPES)
		item_class_count(traits, limits, item, row);
	if (wanted & FACTS_EDNS)
		item_edns_count(traits, limits, item, row);
}

CT_INLINE void item_type_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	const uint64_t name = facts_recent_name(item->zone, item->facts.qtype, item->facts.rcode);
	struct facts_recent *recent = facts_recent(&item->shard->facts, name);
	struct cell *cell = recent->cell;

	if (__builtin_expect(!item->facts.has_question, 0)) {
		cell = item_cell(traits, limits, item, item_type_key(item));
	} else if (__builtin_expect(recent->name != name, 0)) {
		cell = item_cell(traits, limits, item, item_type_key(item));
		*recent = (struct facts_recent){name, cell};
	}
	cell->count++;
	cell->amount += item->length;
}

static inline void item_ede_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	uint16_t codes[DNS_MAX_EDE];
	const uint32_t n = dns_ede(item->message, &item->facts, codes);

	for (uint32_t i = 0; i < n; i++)
		item_rare_add(traits, limits, item, MARGIN_EDE, 0, codes[i]);
}

CT_INLINE void item_facts_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, unsigned wanted, unsigned direction)
{
	if (direction == DIR_QUERY) {
		item_query_count(traits, limits, item, wanted);
		return;
	}
	if (wanted & FACTS_TYPES)
		item_type_count(traits, limits, item);
	if (wanted & FACTS_EDNS && dns_has_options(item->message, &item->facts))
		item_ede_count(traits, limits, item);
}

#endif
