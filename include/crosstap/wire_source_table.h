/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The table `sources`, struct wire_source_bucket of wire_abi.h: where a client is or belongs. */
#ifndef CROSSTAP_WIRE_SOURCE_TABLE_H
#define CROSSTAP_WIRE_SOURCE_TABLE_H

#include "crosstap/wire_abi.h"

CT_INLINE struct wire_source_id wire_source_id(const struct packet_address *client)
{
	return (struct wire_source_id){
	    .low = ~((u64)client->words[3] << 32 | client->words[2]),
	    .high = ~((u64)client->words[1] << 32 | client->words[0]),
	};
}

CT_INLINE struct packet_address wire_source_address(const struct wire_source_id *id)
{
	return (struct packet_address){
	    {(u32)~id->high, (u32)(~id->high >> 32), (u32)~id->low, (u32)(~id->low >> 32)}};
}

/* A half of ones only: multicast, or an anycast address in its subnet (RFC 2526 section 2). */
CT_INLINE bool wire_source_is_client(const struct wire_source_id *id)
{
	return id->low && id->high;
}

/*
 * Where a client goes is not for others to choose. Multilinear (Lemire, Kaser: Strongly universal
 * string hashing is fast, 2014), and mixed: of neighbours' addresses the sums are a step apart.
 */
CT_INLINE u32 wire_source_hash(
    const struct wire_config *config, const struct packet_address *client)
{
	const u64 *keys = config->source_keys;
	u64 sum = keys[0] + keys[1] * client->words[0] + keys[2] * client->words[1] +
	    keys[3] * client->words[2] + keys[4] * client->words[3];

	sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15;
	return (u32)(sum >> 32);
}

CT_INLINE u32 wire_source_index(const struct wire_config *config, u32 hash, u32 choice)
{
	return (choice ? hash >> 16 : hash) & config->source_mask;
}

/* Of bits that say little of where the client is. Never 0. */
CT_INLINE u8 wire_source_tag(u32 hash)
{
	const u8 tag = (u8)(hash >> 24 ^ hash >> 8);

	return tag ? tag : 1;
}

CT_INLINE bool wire_source_tagged(const u8 tags[WIRE_SOURCE_WAYS], u8 tag)
{
	for (u32 way = 0; way < WIRE_SOURCE_WAYS; way++) {
		if (tags[way] == tag)
			return true;
	}
	return false;
}

/* The client's counter; NULL: it is not there. */
CT_INLINE u64 *wire_source_messages(
    struct wire_source_bucket *bucket, const struct wire_source_id *id, u32 slot)
{
	for (u32 way = 0; way < WIRE_SOURCE_WAYS; way++) {
		if (bucket->clients[way].low == id->low && bucket->clients[way].high == id->high)
			return &bucket->messages[slot & 1][way];
	}
	return 0;
}

/* False: the client is not there. */
CT_INLINE bool wire_source_count(
    struct wire_source_bucket *bucket, const struct wire_source_id *id, u32 slot)
{
	u64 *messages = wire_source_messages(bucket, id, slot);

	if (!messages)
		return false;
	CT_ADD_SHARED(messages, 1);
	return true;
}

CT_INLINE bool wire_source_has_room(const struct wire_source_bucket *bucket)
{
	for (u32 way = 0; way < WIRE_SOURCE_WAYS; way++) {
		if (!bucket->clients[way].low && !bucket->clients[way].high)
			return true;
	}
	return false;
}

/* The way that the client got; WIRE_SOURCE_WAYS: none, or another CPU just entered it. */
CT_INLINE u32 wire_source_put(struct wire_source_bucket *bucket, const struct wire_source_id *id)
{
	u32 place = WIRE_SOURCE_WAYS;

	for (u32 way = 0; way < WIRE_SOURCE_WAYS; way++) {
		const struct wire_source_id *client = &bucket->clients[way];

		if (client->low == id->low && client->high == id->high)
			return WIRE_SOURCE_WAYS;
		if (place == WIRE_SOURCE_WAYS && !client->low && !client->high)
			place = way;
	}
	if (place < WIRE_SOURCE_WAYS)
		bucket->clients[place] = *id;
	return place;
}

#ifndef __bpf__
/* In a table of whoever calls: the client's counter, entered where it is not yet. NULL: no room. */
static inline u64 *wire_source_place(const struct wire_config *config,
    struct wire_source_bucket *table, const struct packet_address *client, u32 slot)
{
	const struct wire_source_id id = wire_source_id(client);
	const u32 hash = wire_source_hash(config, client);
	u64 *messages = NULL;

	for (u32 turn = 0; turn < 4 && !messages; turn++) {
		struct wire_source_bucket *bucket =
		    &table[wire_source_index(config, hash, turn & 1)];

		if (turn >= 2)
			wire_source_put(bucket, &id);
		messages = wire_source_messages(bucket, &id, slot);
	}
	return messages;
}
#endif

#endif
