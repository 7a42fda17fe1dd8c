/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message on its way through the collector: what is known of it between the two passes of a
 * batch. Inside stats/ only.
 */
#ifndef CROSSTAP_STATS_ITEM_H
#define CROSSTAP_STATS_ITEM_H

#include "base/hist.h"
#include "dnstap/record.h"
#include "stats/shard.h"
#include "zones/name_hash.h"
#include "zones/zones.h"

#include "crosstap/dns.h"

struct item {
	const struct record *record;
	struct shard *shard;
	const uint8_t *message;
	uint32_t length;
	struct dns_facts facts;
	int64_t time_ns, latency_ns;
	uint64_t address[2];
	uint64_t key, hash, source_hash, pair_hash, name_hash;
	uint64_t latency_key, latency_hash;
	struct zone_probe probe;
	uint64_t domain_hash;
	uint32_t source_guess, domain_guess;
	uint16_t zone, hashed_zone_family;
	uint8_t zone_labels;   /* of the zone, without the root */
	uint8_t domain_length; /* the last bytes of the name */
	bool has_domain;       /* its domain is counted */
	bool is_plain;         /* its name needs no dns_name_traits(); once it is hashed */
	uint8_t direction, transport, family;
	uint8_t wanted; /* enum facts_wanted, of what this message has */
	bool client_side, has_source, has_latency;
	bool has_message; /* else the producer left it out: the facts are not known, and zeros */
	bool late;
	bool carried; /* a query that its response brought along */
};

/* What a message says beyond what every dataset needs, of which its caller knows most when this is
 * compiled: nearly all messages are of one kind. */
struct wanted {
	unsigned facts;     /* item->wanted */
	unsigned direction; /* of the item */
	bool addresses;     /* of every message, readable or not */
};

/* A query counts at its query_time, a response at its response_time; else the other; else on
 * receipt. */
static inline int64_t record_time(const struct record *record, int direction, int64_t now_ns)
{
	const bool query = direction == DIR_QUERY;

	if (record->has & (query ? RECORD_QUERY_TIME : RECORD_RESPONSE_TIME))
		return query ? record->query_time_ns : record->response_time_ns;
	if (record->has & (query ? RECORD_RESPONSE_TIME : RECORD_QUERY_TIME))
		return query ? record->response_time_ns : record->query_time_ns;
	return now_ns;
}

static inline const uint8_t *item_name(const struct item *item)
{
	return item->message + DNS_HEADER_BYTES;
}

static inline uint16_t item_zone_family(const struct item *item)
{
	return (uint16_t)(item->zone | (item->record->query_address_length == 4 ? SOURCE_IPV4 : 0));
}

static inline void item_init(
    struct item *item, const struct record *record, int direction, int64_t now_ns)
{
	const bool query = direction == DIR_QUERY;

	item->record = record;
	item->message = query ? record->query_message : record->response_message;
	item->length = query ? record->query_length : record->response_length;
	item->has_message =
	    (record->has & (query ? RECORD_QUERY_MESSAGE : RECORD_RESPONSE_MESSAGE)) != 0;
	if (item->has_message)
		dns_parse(item->message, item->length, &item->facts);
	else
		item->facts = (struct dns_facts){0};
	item->time_ns = record_time(record, direction, now_ns);
	item->direction = (uint8_t)direction;
	item->transport = record->protocol ? (uint8_t)(record->protocol - 1) : TRANSPORT_UDP;
	/* Where the family is missing the address tells. */
	item->family =
	    record->family == 2 || (record->family == 0 && record->query_address_length == 16)
	    ? FAMILY_IPV6
	    : FAMILY_IPV4;
	item->has_source = record->query_address_length != 0;
	item->has_latency = false;
	item->carried = false;
	item->address[0] = item->address[1] = 0;
	if (record->query_address_length == 4)
		item->address[0] = source_ipv4(record->query_address);
	else if (record->query_address_length == 16)
		memcpy(item->address, record->query_address, 16);
}

/* Whether a name ends with what may be the label arpa; what lies before a short one is in the
 * message too. */
static inline bool item_may_be_arpa(const struct item *item)
{
	return ct_load_be32(item_name(item) + item->facts.qname_length - 5) == 0x61727061;
}

/* Of a message with a question: where its name is looked at, in the same pass. */
static inline void item_hash_name(struct item *item, const struct hash_seed *seed)
{
	const uint8_t *name = item_name(item);
	const size_t length = item->facts.qname_length;
	bool is_unusual;

	if (item->wanted & (FACTS_QNAME | FACTS_CLIENTS) && item->direction == DIR_QUERY) {
		item->name_hash = name_hash_look(seed, name, length, &is_unusual);
		item->is_plain = !is_unusual && !item_may_be_arpa(item);
	} else {
		item->name_hash = name_hash(seed, name, length);
	}
	item->name_hash ^= (uint64_t)item->zone * seed->a;
}

static inline void item_hash(
    struct item *item, const struct record *record, const struct hash_seed *seed)
{
	item->hashed_zone_family = item_zone_family(item);
	item->source_hash = source_hash(seed, item->address, item->hashed_zone_family);
	item->pair_hash = hash_u64x3(seed, item->address[0], item->address[1],
	    (uint64_t)item->facts.id << 32 | (uint64_t)record->query_port << 8 | item->transport);
	if (item->facts.has_question)
		item_hash_name(item, seed);
}

#endif
