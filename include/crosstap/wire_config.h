/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Fills a struct wire_config: user space only, but beside the lookup whose table it builds. */
#ifndef CROSSTAP_WIRE_CONFIG_H
#define CROSSTAP_WIRE_CONFIG_H

#include "crosstap/wire_address.h"

#define WIRE_ADDRESS_TRIES 4096 /* factors tried before a list is refused */

struct wire_local {
	struct packet_address address; /* IPv4 as ::ffff:a.b.c.d */
	u32 family;                    /* enum packet_family */
	u32 flags;                     /* enum wire_address_flag, not 0 */
};

static inline bool wire_put_address4(struct wire_addresses *table, const struct wire_local *local)
{
	const u64 bucket = wire_address4_bucket(table, &local->address);
	struct wire_address4 *entry = table->v4[bucket];

	for (u32 way = 0; way < WIRE_ADDRESS_WAYS; way++, entry++) {
		if (entry->flags && entry->address != local->address.words[3])
			continue;
		entry->address = local->address.words[3];
		entry->flags |= local->flags;
		table->some4 |= wire_address_bit(bucket);
		return true;
	}
	return false;
}

static inline bool wire_put_address6(struct wire_addresses *table, const struct wire_local *local)
{
	const u64 bucket = wire_address6_bucket(table, &local->address);
	struct wire_address6 *entry = table->v6[bucket];

	for (u32 way = 0; way < WIRE_ADDRESS_WAYS; way++, entry++) {
		if (entry->flags && memcmp(entry->address, local->address.words, 16) != 0)
			continue;
		memcpy(entry->address, local->address.words, 16);
		entry->flags |= local->flags;
		table->some6 |= wire_address_bit(bucket);
		return true;
	}
	return false;
}

/*
 * Builds the table of local addresses; one that is named twice gets both flags. Returns false if no
 * factor was found with which every bucket holds what falls into it: more than some hundred
 * addresses of a family. *table is then not usable.
 */
static inline bool wire_addresses_build(
    struct wire_addresses *table, const struct wire_local *locals, size_t n)
{
	u64 factor = 0x9e3779b97f4a7c15;

	for (u32 i = 0; i < WIRE_ADDRESS_TRIES; i++) {
		size_t put = 0;

		memset(table, 0, sizeof(*table));
		factor = factor * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
		table->factor = factor | 1;
		while (put < n &&
		    (locals[put].family == PACKET_IPV4 ? wire_put_address4(table, &locals[put])
						       : wire_put_address6(table, &locals[put])))
			put++;
		if (put == n)
			return true;
	}
	return false;
}

/* Puts the table that was not in force in its place: readers see the old one or the new one. */
static inline bool wire_config_addresses(
    struct wire_config *config, const struct wire_local *locals, size_t n)
{
	const u32 next = !(config->active & 1);

	if (!wire_addresses_build(&config->addresses[next], locals, n))
		return false;
	__atomic_store_n(&config->active, next, __ATOMIC_RELEASE);
	return true;
}

#endif
