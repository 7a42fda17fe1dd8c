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
static inline bool item_has_facts(const struct collector_traits *traits, const struct item *item)
{
	return traits->facts && traits->figures && item->client_side && !item->facts.malformed;
}

static inline bool item_has_type(const struct collector_traits *traits, const struct item *item)
{
	return item->direction == DIR_RESPONSE && traits->facts & FACTS_TYPES &&
	    item->facts.has_question;
}

static inline void item_facts_prefetch_row(
    const struct collector_traits *traits, const struct item *item)
{
	if (item->direction == DIR_QUERY && item_has_facts(traits, item))
		facts_prefetch_row(&item->shard->facts, item->zone);
}

static inline void item_facts_prefetch_cell(
    const struct collector_traits *traits, struct item *item)
{
	const struct cells *cells = &item->shard->facts.cells;

	if (!item_has_facts(traits, item) || !item_has_type(traits, item))
		return;
	item->type_key = margin_key(item->zone, MARGIN_QTYPE_RCODE, 0, 0, 0,
	    key_qtype_rcode(item->facts.qtype, item->facts.rcode));
	item->type_hash = cells_hash(cells, item->type_key);
	cells_prefetch(cells, item->type_hash);
}

static inline void item_fact_add(const struct collector_traits *traits,
    const struct shard_limits *limits, struct shard *shard, uint64_t hash, uint64_t key,
    uint64_t amount)
{
	struct cell *cell = cells_at(&shard->facts.cells, hash, key);

	if (!cell)
		cell = shard_fact_slow(shard, limits, key);
	if (!cell->count && !facts_is_assigned(key, traits->qtype_assigned))
		cell = shard_fact_unassigned(shard, limits, cell);
	cell->count++;
	cell->amount += amount;
}

/* One of the few that have something besides the usual. */
static inline void item_fact_add_rare(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, enum margin margin, uint32_t family,
    uint32_t value)
{
	const uint64_t key = margin_key(item->zone, margin, 0, 0, family, value);

	item_fact_add(
	    traits, limits, item->shard, cells_hash(&item->shard->facts.cells, key), key, 0);
}

static inline void item_ecs_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	uint8_t family, prefix;

	if (dns_ecs(item->message, &item->facts, &family, &prefix))
		item_fact_add_rare(traits, limits, item, MARGIN_ECS,
		    family == DNS_ECS_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6, prefix);
	else
		item_fact_add_rare(traits, limits, item, MARGIN_ECS, 0, KEY_OTHER);
}

static inline void item_edns_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;

	if (!facts->opt) {
		row->size[EDNS_SIZE_NONE]++;
		return;
	}
	row->size[facts_size_bin(dns_udp_size(item->message, facts))]++;
	if (dns_edns_version(item->message, facts))
		row->version_other++;
	if (facts->flags & DNS_FLAG_ECS)
		item_ecs_count(traits, limits, item);
}

static inline void item_qname_count(const struct item *item, struct facts_row *row)
{
	const struct dns_facts *facts = &item->facts;
	uint32_t traits = dns_name_traits(item->message, facts);

	row->length[facts->qname_length / KEY_QNAME_STEP]++;
	row->labels[facts->labels < KEY_QNAME_LABELS ? facts->labels : KEY_QNAME_LABELS]++;
	for (; traits; traits &= traits - 1)
		row->traits[__builtin_ctz(traits)]++;
}

static inline void item_query_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	struct facts *facts = &item->shard->facts;
	struct facts_row *row = facts_row(facts, item->zone);

	if (!row)
		row = shard_row_slow(item->shard, limits, item->zone);
	if (!row)
		return;
	if (traits->facts & FACTS_QNAME && item->facts.has_question)
		item_qname_count(item, row);
	if (traits->facts & FACTS_TYPES && item->facts.has_question) {
		const uint16_t class = dns_class(item->message, &item->facts);

		if (class == DNS_CLASS_IN)
			row->in++;
		else
			item_fact_add_rare(traits, limits, item, MARGIN_CLASS, 0, class);
	}
	if (traits->facts & FACTS_EDNS)
		item_edns_count(traits, limits, item, row);
	if (++facts->counted == UINT32_MAX)
		shard_fold_facts(item->shard);
}

static inline void item_response_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	uint16_t codes[DNS_MAX_EDE];
	uint32_t n = 0;

	if (item_has_type(traits, item))
		item_fact_add(
		    traits, limits, item->shard, item->type_hash, item->type_key, item->length);
	if (traits->facts & FACTS_EDNS && item->facts.opt)
		n = dns_ede(item->message, &item->facts, codes);
	for (uint32_t i = 0; i < n; i++)
		item_fact_add_rare(traits, limits, item, MARGIN_EDE, 0, codes[i]);
}

static inline void item_facts_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	if (!item_has_facts(traits, item))
		return;
	if (item->direction == DIR_QUERY)
		item_query_count(traits, limits, item);
	else
		item_response_count(traits, limits, item);
}

#endif
