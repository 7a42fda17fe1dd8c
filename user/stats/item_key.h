/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a message counts: the keys of its cells (stats/key.h), and whether the cross-check compares
 * it. Inside stats/ only; here rather than in a file of its own because every message passes.
 */
#ifndef CROSSTAP_STATS_ITEM_KEY_H
#define CROSSTAP_STATS_ITEM_KEY_H

#include "stats/collector.h"
#include "stats/item.h"

#include "crosstap/dns.h"

static inline bool item_is_own(const struct compare_filter *filter, const uint64_t address[2])
{
	for (size_t i = 0; i < filter->n_own; i++) {
		if (filter->own[i][0] == address[0] && filter->own[i][1] == address[1])
			return true;
	}
	return false;
}

static inline bool item_is_compared(
    const struct collector_traits *traits, const struct record *record, const struct item *item)
{
	const struct compare_filter *filter = traits->filter;

	if (!traits->compared || !filter || item->transport > TRANSPORT_TCP)
		return false;
	if (item->direction == DIR_QUERY && item->facts.qr)
		return false;
	if (record->has & RECORD_RESPONSE_PORT) {
		size_t i = 0;

		while (i < filter->n_ports && filter->ports[i] != record->response_port)
			i++;
		if (i == filter->n_ports)
			return false;
	}
	return !(item->has_source && item_is_own(filter, item->address));
}

static inline bool item_is_xfr(const struct dns_facts *facts)
{
	return facts->has_question &&
	    (facts->qtype == DNS_TYPE_AXFR || facts->qtype == DNS_TYPE_IXFR);
}

static inline uint64_t item_cube_key(
    const struct collector_traits *traits, const struct record *record, const struct item *item)
{
	const struct dns_facts *facts = &item->facts;
	uint64_t key = (uint64_t)item->direction << CUBE_DIRECTION_SHIFT |
	    (uint64_t)item->transport << CUBE_TRANSPORT_SHIFT |
	    (uint64_t)item->family << CUBE_FAMILY_SHIFT |
	    (uint64_t)key_size_bin(item->length) << CUBE_SIZE_SHIFT |
	    (uint64_t)facts->opcode << CUBE_OPCODE_SHIFT | item->zone;
	uint32_t type;

	if (traits->figures)
		key |= CUBE_FIGURES;
	if (item_is_compared(traits, record, item))
		key |= CUBE_COMPARED;
	if (facts->malformed || !item->has_message)
		return key | (uint64_t)CUBE_MALFORMED << CUBE_KIND_SHIFT |
		    (uint64_t)facts->malformed << CUBE_TYPE_SHIFT;
	if (!facts->has_question)
		key |= CUBE_NO_QUESTION;
	if (item->direction == DIR_QUERY)
		type = facts->qtype;
	else
		type = facts->rcode | (item_is_xfr(facts) ? KEY_XFR_BIT : 0);
	return key | (uint64_t)CUBE_MESSAGE << CUBE_KIND_SHIFT | (uint64_t)type << CUBE_TYPE_SHIFT |
	    (uint64_t)facts->flags << CUBE_FLAGS_SHIFT;
}

static inline uint64_t item_outgoing_key(const struct item *item)
{
	return (uint64_t)CUBE_OTHER << CUBE_KIND_SHIFT |
	    (uint64_t)OTHER_OUTGOING << CUBE_OPCODE_SHIFT |
	    (uint64_t)item->direction << CUBE_DIRECTION_SHIFT | item->zone;
}

static inline uint64_t item_latency_key(const struct item *item, uint64_t time_ns)
{
	return (uint64_t)CUBE_OTHER << CUBE_KIND_SHIFT |
	    (uint64_t)OTHER_LATENCY << CUBE_OPCODE_SHIFT |
	    (uint64_t)hist_bucket(time_ns) << CUBE_TYPE_SHIFT |
	    (uint64_t)item->transport << CUBE_TRANSPORT_SHIFT | item->zone;
}

#endif
