/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Looking up an address in the table of local ones, whose builder is in wire_config.h. */
#ifndef CROSSTAP_WIRE_ADDRESS_H
#define CROSSTAP_WIRE_ADDRESS_H

#include "crosstap/wire_abi.h"

CT_INLINE u64 wire_address4_bucket(
    const struct wire_addresses *table, const struct packet_address *address)
{
	return (u32)(address->words[3] * (u32)table->factor) >> 24;
}

CT_INLINE u64 wire_address6_bucket(
    const struct wire_addresses *table, const struct packet_address *address)
{
	const u64 high = (u64)address->words[0] << 32 | address->words[1];
	const u64 low = (u64)address->words[2] << 32 | address->words[3];

	return (high * table->factor ^ low) * table->factor >> 56;
}

/* In some4 and some6. */
CT_INLINE u64 wire_address_bit(u64 bucket)
{
	return (u64)1 << (bucket * 64 / WIRE_ADDRESS_BUCKETS);
}

/* Flags of an address in the table of local ones, 0 if it is not there. */
CT_INLINE u32 wire_address_flags(
    const struct wire_config *config, u32 family, const struct packet_address *address)
{
	const struct wire_addresses *table = &config->addresses[config->active & 1];
	u64 bucket;

	if (family == PACKET_IPV4) {
		bucket = wire_address4_bucket(table, address);
		if (!(table->some4 & wire_address_bit(bucket)))
			return 0;
#pragma GCC unroll 4
		for (u32 way = 0; way < WIRE_ADDRESS_WAYS; way++) {
			const struct wire_address4 *entry = &table->v4[bucket][way];

			if (!entry->flags || entry->address == address->words[3])
				return entry->flags;
		}
		return 0;
	}
	bucket = wire_address6_bucket(table, address);
	if (!(table->some6 & wire_address_bit(bucket)))
		return 0;
#pragma GCC unroll 4
	for (u32 way = 0; way < WIRE_ADDRESS_WAYS; way++) {
		const struct wire_address6 *entry = &table->v6[bucket][way];

		if (!entry->flags ||
		    (entry->address[3] == address->words[3] &&
			entry->address[2] == address->words[2] &&
			entry->address[1] == address->words[1] &&
			entry->address[0] == address->words[0]))
			return entry->flags;
	}
	return 0;
}

#endif
