/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain of a message (stats/domains.h), found and counted. Inside stats/ only; here rather
 * than in a file of its own because every query passes.
 */
#ifndef CROSSTAP_STATS_ITEM_DOMAIN_H
#define CROSSTAP_STATS_ITEM_DOMAIN_H

#include "stats/collector.h"
#include "stats/item.h"
#include "zones/name_hash.h"
#include "zones/suffixes.h"

/* How many of the name's last labels are its domain. */
static inline unsigned item_domain_labels(const struct domain_rules *rules, const struct item *item)
{
	unsigned above = item->zone_labels;

	if (__builtin_expect(rules->suffixes != NULL, 0)) {
		const unsigned suffix = suffixes_labels(
		    rules->suffixes, item_name(item), item->facts.qname_length, item->facts.labels);

		above = suffix > above ? suffix : above;
	}
	return above + rules->labels;
}

/* Of queries and of NXDOMAIN answers. */
static inline void item_domain_find(
    const struct collector_traits *traits, const struct hash_seed *seed, struct item *item)
{
	const uint8_t *domain = item_name(item), *end = domain + item->facts.qname_length;
	unsigned skip;

	if (!(item->wanted & FACTS_DOMAINS) || !item->shard->domains ||
	    (item->direction == DIR_RESPONSE && item->facts.rcode != DNS_RCODE_NXDOMAIN))
		return;
	skip = item_domain_labels(&traits->domains, item);
	skip = item->facts.labels > skip ? item->facts.labels - skip : 0;
	for (; skip; skip--)
		domain += 1u + *domain;
	item->has_domain = true;
	item->domain_length = (uint8_t)(end - domain);
	item->domain_hash =
	    name_hash_tail(seed, end, item->domain_length) ^ (uint64_t)item->zone * seed->a;
	domains_prefetch(item->shard->domains, item->domain_hash);
}

static inline void item_domain_prefetch(struct item *item)
{
	if (item->has_domain)
		item->domain_guess = domains_guess(item->shard->domains, item->domain_hash);
}

/* The entry's place is known, and its cache lines have come. */
static inline void item_domain_prefetch_sketches(const struct item *item)
{
	const struct domains *domains = item->shard->domains;
	const struct domain *domain;

	if (!item->has_domain || item->direction == DIR_RESPONSE ||
	    item->domain_guess >= domains->used)
		return;
	domain = &domains->entries[item->domain_guess];
	sketch_prefetch(&domain->sources, (uint32_t)(item->source_hash >> 32));
	sketch_prefetch(&domain->names, (uint32_t)(item->name_hash >> 32));
}

/* Its domain's entry; NULL: it has none. */
CT_INLINE struct domain *item_domain_count(const struct item *item, unsigned direction)
{
	struct domains *domains = item->shard->domains;
	const size_t length = item->domain_length;
	struct domain *domain = domains_at(domains, item->domain_hash, item->domain_guess,
	    item->zone, item_name(item) + item->facts.qname_length - length, length);

	if (__builtin_expect(!domain, 0))
		return NULL;
	if (direction == DIR_RESPONSE) {
		saturating_add(&domain->nxdomain, 1);
		return domain;
	}
	saturating_add(&domain->queries, 1);
	if (item->has_source)
		sketch_add(&domain->sources, &domains->budget, (uint32_t)(item->source_hash >> 32));
	sketch_add(&domain->names, &domains->budget, (uint32_t)(item->name_hash >> 32));
	return domain;
}

#endif
