/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain of a message (stats/domains.h), found and counted. Inside stats/ only; here rather
 * than in a file of its own because every query passes.
 */
#ifndef CROSSTAP_STATS_ITEM_DOMAIN_H
#define CROSSTAP_STATS_ITEM_DOMAIN_H

#include "stats/collector.h"
#include "stats/item.h"
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

/* Of queries and of NXDOMAIN answers. Once the hash of the name is known. */
static inline void item_domain_find(const struct collector_traits *traits, struct item *item)
{
	unsigned skip, start = 0;

	if (!(item->wanted & FACTS_DOMAINS) || !item->shard->domains ||
	    (item->direction == DIR_RESPONSE && item->facts.rcode != DNS_RCODE_NXDOMAIN))
		return;
	item->has_domain = true;
	skip = item_domain_labels(&traits->domains, item);
	skip = item->facts.labels > skip ? item->facts.labels - skip : 0;
	for (; skip; skip--)
		start += 1u + item_name(item)[start];
	item->domain_start = (uint8_t)start;
}

static inline void item_domain_hash(struct item *item, const struct hash_seed *seed)
{
	if (!item->has_domain)
		return;
	item->domain_hash = item->domain_start
	    ? name_hash(seed, item_name(item) + item->domain_start,
		  (size_t)item->facts.qname_length - item->domain_start) ^
		(uint64_t)item->zone * seed->a
	    : item->name_hash;
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

static inline void item_domain_count(const struct item *item)
{
	struct domains *domains = item->shard->domains;
	struct domain *domain = domains_at(domains, item->domain_hash, item->domain_guess,
	    item->zone, item_name(item) + item->domain_start,
	    (size_t)item->facts.qname_length - item->domain_start);

	if (__builtin_expect(!domain, 0))
		return;
	if (item->direction == DIR_RESPONSE) {
		domain_add(&domain->nxdomain, 1);
		return;
	}
	domain_add(&domain->queries, 1);
	if (item->has_source)
		sketch_add(&domain->sources, &domains->budget, (uint32_t)(item->source_hash >> 32));
	sketch_add(&domain->names, &domains->budget, (uint32_t)(item->name_hash >> 32));
}

#endif
