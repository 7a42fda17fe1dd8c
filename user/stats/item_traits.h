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

/* Of eight bytes. Letters are told as zones/zones.c folds them: length bytes are below all of them.
 */
static inline unsigned item_letters(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101;
	const uint64_t low7 = (v | ones * 0x20) & ones * 0x7f;
	const uint64_t letters =
	    (low7 + ones * (0x80 - 'a')) & ~(low7 + ones * (0x80 - 'z' - 1)) & ~v & ones * 0x80;

	return (unsigned)((letters >> 7) * ones >> 56);
}

static inline bool item_has_letters_slow(const struct item *item, unsigned enough)
{
	const uint8_t *name = item_name(item), *last = name + item->facts.qname_length - 8;
	unsigned letters = 0;

	for (; name <= last && letters < enough; name += 8)
		letters += item_letters(ct_load_le64(name));
	/* The header lies before a short name. */
	if (letters < enough && name < last + 8)
		letters += item_letters(ct_load_le64(last) >> (8 * (name - last)));
	return letters >= enough;
}

/* The first sixteen bytes of a name mostly have them. */
static inline bool item_has_letters(const struct item *item, unsigned enough)
{
	dns_bytes v;
	uint64_t halves[2];

	if (item->facts.qname_length < sizeof(v))
		return item_has_letters_slow(item, enough);
	v = (dns_load_bytes(item_name(item)) | 0x20) + (0x7f - 'z');
	v = (dns_bytes)((dns_signed_bytes)v > 0x7f - 'z' + 'a' - 1) & 1;
	memcpy(halves, &v, sizeof(halves));
	return (halves[0] + halves[1]) * 0x0101010101010101 >> 56 >= enough ||
	    item_has_letters_slow(item, enough);
}

/* So many names of a client in a window show the share that is asked for. */
#define TRAITS_CASE_NAMES 256

CT_INLINE void item_traits_case(
    const struct trait_limits *limits, const struct item *item, struct source_traits *traits)
{
	if (traits->lettered >= TRAITS_CASE_NAMES || !item_has_letters(item, limits->letters))
		return;
	traits->lettered++;
	if (__builtin_expect(!item->is_plain, 0) &&
	    dns_name_traits(item->message, &item->facts) & DNS_NAME_MIXED)
		traits->mixed++;
}

CT_INLINE void item_traits_query(
    const struct trait_limits *limits, const struct item *item, struct source_traits *traits)
{
	const struct dns_facts *facts = &item->facts;
	uint8_t signs = 0;

	if (item->transport == TRANSPORT_UDP) {
		traits->udp = (uint8_t)(traits->udp +
		    (traits->udp < UINT8_MAX && item->record->query_port != 0));
		if (!(traits->signs & SIGN_MANY_PORTS))
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
	saturating_add(&traits->narrow, facts->labels <= item->zone_labels + 1u);
	if ((facts->qtype == DNS_TYPE_DS || facts->qtype == DNS_TYPE_DNSKEY) &&
	    facts->flags & DNS_FLAG_DO)
		traits_count_u16(&traits->dnssec);
	item_traits_case(limits, item, traits);
}

/* Whether the traits count the bytes of a response. Over UDP alone an address can be another one's
 * than the sender's. */
static inline bool item_traits_has_bytes(const struct item *item, unsigned wanted)
{
	return wanted & FACTS_ATTACKS && item->transport == TRANSPORT_UDP &&
	    item->shard->sources.has_traits;
}

/* But for a response's bytes, which are also the source's. */
CT_INLINE void item_traits_bytes(
    const struct item *item, struct source_traits *traits, unsigned direction)
{
	if (item->transport != TRANSPORT_UDP)
		return;
	if (direction == DIR_QUERY) {
		saturating_add(&traits->query_bytes, item->length);
		return;
	}
	traits_vote_once(&traits->question, &traits->votes,
	    item->facts.has_question ? (uint32_t)(item->name_hash >> 32) ^ item->facts.qtype : 0);
}

CT_INLINE void item_traits_count(const struct trait_limits *limits, const struct item *item,
    struct source_traits *traits, unsigned wanted, unsigned direction)
{
	if (wanted & FACTS_ATTACKS)
		item_traits_bytes(item, traits, direction);
	if (!(wanted & FACTS_CLIENTS))
		return;
	if (direction == DIR_QUERY)
		item_traits_query(limits, item, traits);
	else if (item->transport == TRANSPORT_UDP && item->facts.flags & DNS_FLAG_TC)
		traits->signs |= SIGN_TRUNCATED;
}

#endif
