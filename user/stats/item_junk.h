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

static inline void item_junk_add(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, enum junk junk)
{
	struct facts *facts = &item->shard->facts;

	if (__builtin_expect(junk == JUNK_NON_AUTH_TLD && facts->last_zone == item->zone, 1))
		item_place_add(limits, item, facts->last_row, FACTS_NO_TLD, 0);
	else
		item_rare_add(traits, limits, item, MARGIN_JUNK, 0, junk);
}

/* `seen`: the collector's, of queries before. */
static inline enum junk_below item_below(
    const struct junk_rules *rules, const struct item *item, struct junk_seen *seen)
{
	const uint8_t *tld = item_name(item) + item->facts.last_label;
	enum junk_below below = junk_below_seen(seen, tld);

	if (__builtin_expect(below == BELOW_UNKNOWN, 0)) {
		junk_remember(seen, rules, tld);
		below = junk_below_seen(seen, tld);
	}
	seen->latest = junk_tld_raw(tld);
	seen->latest_below = (uint8_t)below;
	return below;
}

/* `domain`: the name's, which keeps what is below its TLD; NULL: none. */
static __attribute__((noinline)) void item_junk_slow(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct junk_seen *seen,
    struct domain *domain)
{
	const struct junk_rules rules = {traits->tlds, traits->qtype_assigned};
	const uint8_t *tld = item_name(item) + item->facts.last_label;
	enum junk_below below = domain ? (enum junk_below)domain->below : BELOW_UNKNOWN;
	enum junk junk;

	if (below == BELOW_UNKNOWN)
		below = item_below(&rules, item, seen);
	if (domain)
		domain->below = (uint8_t)below;
	if (!junk_is_usual(item->message, &item->facts) || item_is_port_zero(item) ||
	    !junk_is_known(below, item->message, &item->facts, tld, &junk))
		junk = junk_find(&rules, item->message, &item->facts, item_is_port_zero(item));
	if (junk != JUNK_NONE)
		item_junk_add(traits, limits, item, junk);
}

CT_INLINE void item_junk_query(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct junk_seen *seen,
    struct domain *domain)
{
	const unsigned below = domain
	    ? domain->below
	    : junk_below_latest(seen, item_name(item) + item->facts.last_label);

	if (__builtin_expect((below != BELOW_USUAL && below != BELOW_NO_TLD) ||
		    !junk_is_usual(item->message, &item->facts) || item_is_port_zero(item),
		0))
		item_junk_slow(traits, limits, item, seen, domain);
	else if (below == BELOW_NO_TLD)
		item_junk_add(traits, limits, item, JUNK_NON_AUTH_TLD);
}

/* Once the facts of the message are counted. */
CT_INLINE void item_junk_count(const struct collector_traits *traits,
    const struct shard_limits *limits, const struct item *item, struct junk_seen *seen,
    struct domain *domain, unsigned wanted, unsigned direction)
{
	if (direction == DIR_QUERY && wanted & FACTS_PORTS && item->record->has & RECORD_QUERY_PORT)
		item_rare_add(traits, limits, item, MARGIN_PORTS, 0,
		    item->record->query_port / KEY_PORT_STEP);
	if (!(wanted & FACTS_QNAME))
		return;
	if (direction == DIR_QUERY)
		item_junk_query(traits, limits, item, seen, domain);
	if (__builtin_expect(item_is_priming(item), 0))
		item_priming_count(traits, limits, item);
}

#endif
