/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message says of its client (stats/traits.h). Inside stats/ only; here rather than in a
 * file of its own because every message passes.
 */
#ifndef CROSSTAP_STATS_ITEM_TRAITS_H
#define CROSSTAP_STATS_ITEM_TRAITS_H

#include "stats/collector.h"
#include "stats/item.h"

#include "crosstap/dns.h"

static inline void traits_count_u16(uint16_t *counter)
{
	*counter = (uint16_t)(*counter + (*counter < UINT16_MAX));
}

/* Letters are told as zones/zones.c folds them: length bytes are below all of them. */
static inline bool item_has_letters(const struct item *item, unsigned enough)
{
	const uint64_t ones = 0x0101010101010101;
	const uint8_t *name = item_name(item);
	size_t left = item->facts.qname_length;
	unsigned letters = 0;

	for (; left && letters < enough; name += 8) {
		const size_t n = left < 8 ? left : 8;
		uint64_t v = 0, low7;

		/* The question's type and class lie behind the name, but not always all eight. */
		memcpy(&v, name, n);
		low7 = (v | ones * 0x20) & ones * 0x7f;
		letters += (unsigned)__builtin_popcountll((low7 + ones * (0x80 - 'a')) &
		    ~(low7 + ones * (0x80 - 'z' - 1)) & ~v & ones * 0x80);
		left -= n;
	}
	return letters >= enough;
}

/* So many names of a client in a window show the share that is asked for. */
#define TRAITS_CASE_NAMES 256

static inline void item_traits_case(
    const struct trait_limits *limits, const struct item *item, struct source_traits *traits)
{
	if (traits->lettered >= TRAITS_CASE_NAMES || !item_has_letters(item, limits->letters))
		return;
	traits->lettered++;
	if (__builtin_expect(!dns_name_is_plain(item->message, &item->facts), 0) &&
	    dns_name_traits(item->message, &item->facts) & DNS_NAME_MIXED)
		traits->mixed++;
}

static inline void item_traits_query(
    const struct trait_limits *limits, const struct item *item, struct source_traits *traits)
{
	const struct dns_facts *facts = &item->facts;
	uint8_t signs = 0;

	if (item->transport == TRANSPORT_UDP) {
		traits->udp = (uint8_t)(traits->udp + (traits->udp < UINT8_MAX));
		if (item->record->has & RECORD_QUERY_PORT)
			traits_port(traits->ports, &traits->signs, item->record->query_port);
	} else if (item->transport == TRANSPORT_TCP) {
		signs |= SIGN_TCP | (traits->signs & SIGN_TRUNCATED ? SIGN_TCP_AFTER_TC : 0);
	}
	if (facts->opt) {
		signs |= SIGN_EDNS | (facts->flags & DNS_FLAG_COOKIE ? SIGN_COOKIE : 0);
		if (dns_udp_size(item->message, facts) > limits->large_edns)
			signs |= SIGN_LARGE_EDNS;
	}
	traits->signs |= signs;
	if (!facts->has_question)
		return;
	traits->narrow += facts->labels <= item->zone_labels + 1u && traits->narrow < UINT32_MAX;
	if ((facts->qtype == DNS_TYPE_DS || facts->qtype == DNS_TYPE_DNSKEY) &&
	    facts->flags & DNS_FLAG_DO)
		traits_count_u16(&traits->dnssec);
	item_traits_case(limits, item, traits);
}

static inline void item_traits_add_bytes(uint32_t *counter, uint32_t bytes)
{
	if (__builtin_add_overflow(*counter, bytes, counter))
		*counter = UINT32_MAX;
}

/* Over UDP alone an address can be another one's than the sender's. */
static inline void item_traits_bytes(const struct item *item, struct source_traits *traits)
{
	if (item->transport != TRANSPORT_UDP)
		return;
	if (item->direction == DIR_QUERY) {
		item_traits_add_bytes(&traits->query_bytes, item->length);
		return;
	}
	item_traits_add_bytes(&traits->response_bytes, item->length);
	traits_vote(&traits->question, &traits->votes,
	    item->facts.has_question ? (uint32_t)(item->name_hash >> 32) ^ item->facts.qtype : 0,
	    1);
}

static inline void item_traits_count(
    const struct collector_traits *wanted, const struct item *item, struct source_traits *traits)
{
	if (wanted->facts & FACTS_ATTACKS && !item->facts.malformed)
		item_traits_bytes(item, traits);
	if (!(wanted->facts & FACTS_CLIENTS) || item->facts.malformed || !item->has_message)
		return;
	if (item->direction == DIR_QUERY)
		item_traits_query(&wanted->clients, item, traits);
	else if (item->transport == TRANSPORT_UDP && item->facts.flags & DNS_FLAG_TC)
		traits->signs |= SIGN_TRUNCATED;
}

#endif
