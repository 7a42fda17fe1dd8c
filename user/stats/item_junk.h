/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message says beside its facts: queries that should not have come (stats/junk.h), priming
 * (RFC 9609: the NS records of the root), source ports. Inside stats/ only; here rather than in a
 * file of its own because every message passes.
 */
#ifndef CROSSTAP_STATS_ITEM_JUNK_H
#define CROSSTAP_STATS_ITEM_JUNK_H

#include "stats/item_facts.h"
#include "stats/junk.h"

/* The last label of the name; from its domain on, where that was found. */
static inline const uint8_t *item_tld(const struct item *item)
{
	const uint8_t *at = item_name(item) + (item->has_domain ? item->domain_start : 0), *next;

	while (*at && *(next = at + 1u + *at))
		at = next;
	return at;
}

static inline bool item_is_port_zero(const struct item *item)
{
	return item->record->has & RECORD_QUERY_PORT && item->record->query_port == 0 &&
	    item->transport == TRANSPORT_UDP;
}

static inline bool item_is_priming(const struct item *item)
{
	return item->facts.labels == 0 && item->facts.qtype == DNS_TYPE_NS &&
	    item->facts.opcode == DNS_OPCODE_QUERY &&
	    dns_class(item->message, &item->facts) == DNS_CLASS_IN;
}

static inline void item_transport_add(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, enum margin margin, uint32_t value,
    uint32_t amount)
{
	struct cell *cell = item_cell(traits, limits, item,
	    margin_key(item->zone, margin, item->direction, item->transport, 0, value));

	cell->count++;
	cell->amount += amount;
}

static inline void item_priming_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item)
{
	const struct dns_facts *facts = &item->facts;
	const bool query = item->direction == DIR_QUERY;

	item_transport_add(traits, limits, item, MARGIN_PRIMING, 0, item->length);
	if (query && facts->flags & DNS_FLAG_DO)
		item_transport_add(traits, limits, item, MARGIN_PRIMING_DO, 0, 0);
	if (!query && facts->flags & DNS_FLAG_TC)
		item_transport_add(traits, limits, item, MARGIN_PRIMING_TC, 0, 0);
	if (query)
		item_transport_add(traits, limits, item, MARGIN_PRIMING_SIZE,
		    facts->opt ? facts_size_bin(dns_udp_size(item->message, facts))
			       : EDNS_SIZE_NONE,
		    0);
}

static inline void item_junk_find(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct junk_usual *usual,
    const uint8_t *tld)
{
	const struct junk_rules rules = {traits->tlds, traits->qtype_assigned};
	const enum junk junk =
	    junk_find(&rules, item->message, &item->facts, item_is_port_zero(item));

	if (junk != JUNK_NONE)
		item_rare_add(traits, limits, item, MARGIN_JUNK, 0, junk);
	else
		junk_remember(usual, &rules, tld);
}

/* `usual`: the collector's, of queries before. */
static inline void item_junk_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct junk_usual *usual)
{
	if (item->direction == DIR_QUERY && item->wanted & FACTS_PORTS &&
	    item->record->has & RECORD_QUERY_PORT)
		item_rare_add(traits, limits, item, MARGIN_PORTS, 0,
		    item->record->query_port / KEY_PORT_STEP);
	if (!(item->wanted & FACTS_QNAME))
		return;
	if (item->direction == DIR_QUERY) {
		const uint8_t *tld = item_tld(item);

		if (__builtin_expect(!junk_is_usual(usual, item->message, &item->facts, tld) ||
			    item_is_port_zero(item),
			0))
			item_junk_find(traits, limits, item, usual, tld);
	}
	if (__builtin_expect(item_is_priming(item), 0))
		item_priming_count(traits, limits, item);
}

#endif
