/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where messages of a window arrived: by the server's own address and the identity that its
 * producer sends, an entry for each pair of them in a zone. Both change rarely on one stream, so
 * that the last entry is mostly the next one as well. Of fixed bounds: what finds no entry is the
 * caller's to count as `other`. A host that answers for a whole network lets its clients choose
 * addresses.
 */
#ifndef CROSSTAP_STATS_PLACES_H
#define CROSSTAP_STATS_PLACES_H

#include "base/hash.h"
#include "dnstap/record.h"
#include "stats/cells.h"
#include "stats/sources.h"

#include <stdbool.h>
#include <string.h>

#define PLACES_IDENTITIES    64 /* of a window and thread */
#define PLACE_IDENTITY_NONE  PLACES_IDENTITIES
#define PLACE_IDENTITY_OTHER (PLACES_IDENTITIES + 1)

struct place {
	uint64_t address[2];         /* as in struct source */
	uint64_t key;                /* place_key(); 0: free */
	uint64_t count[2], bytes[2]; /* by direction */
};

struct place_identity {
	uint8_t length;
	uint8_t bytes[RECORD_IDENTITY_BYTES];
};

struct place_short_identity {
	uint64_t first, last, length;
};

struct places {
	struct place *slots;
	uint32_t mask, used;
	struct place *last[2]; /* of IPv4, of IPv6; never NULL */
	struct place_identity identities[PLACES_IDENTITIES];
	uint32_t n_identities, last_identity;
	struct place_short_identity last_short; /* that one; length 0: it is not short */
};

int places_init(struct places *places);
void places_done(struct places *places);
void places_clear(struct places *places);
/* Adds all of `from`. What finds no entry is summed into `margins` under KEY_OTHER. -ENOMEM. */
int places_merge(struct places *into, const struct places *from, size_t max_slots,
    const struct hash_seed *seed, struct cells *margins);
/* A message without an entry, or several. -ENOMEM. */
int places_add_other(
    struct cells *margins, uint32_t zone, uint32_t direction, uint64_t count, uint64_t bytes);

/* zone 16 | length of the address 8 | identity 8, above a set highest bit */
static inline uint64_t place_key(uint16_t zone, uint8_t address_length, uint32_t identity)
{
	return 1ull << 63 | (uint64_t)identity << 24 | (uint64_t)address_length << 16 | zone;
}

#define place_zone(key)           ((uint16_t)(key))
#define place_address_length(key) ((uint8_t)((key) >> 16))
#define place_identity(key)       ((uint32_t)((key) >> 24) & 0xff)

/* The number of an identity, given if need be; PLACE_IDENTITY_OTHER: there are too many. */
uint32_t places_identity_slow(struct places *places, const uint8_t *identity, uint8_t length);

#define PLACE_SHORT_IDENTITY(length) ((length) >= 8 && (length) <= 16)

/* Of 8 to 16 bytes, as most are: the first eight and the last, which may be some of the same. */
static inline struct place_short_identity place_short_identity(
    const uint8_t *identity, uint8_t length)
{
	struct place_short_identity words = {.length = length};

	memcpy(&words.first, identity, 8);
	memcpy(&words.last, identity + length - 8, 8);
	return words;
}

static inline uint32_t places_identity(
    struct places *places, const uint8_t *identity, uint8_t length)
{
	if (__builtin_expect(PLACE_SHORT_IDENTITY(length), 1)) {
		const struct place_short_identity *last = &places->last_short,
						  words = place_short_identity(identity, length);

		if (((words.first ^ last->first) | (words.last ^ last->last) |
			(words.length ^ last->length)) == 0)
			return places->last_identity;
	} else if (!length) {
		return PLACE_IDENTITY_NONE;
	}
	return places_identity_slow(places, identity, length);
}

/* The entry, made if need be within `max_slots`; NULL: there is no room. */
struct place *places_at(struct places *places, const uint64_t address[2], uint64_t key,
    size_t max_slots, const struct hash_seed *seed);

/* The record's entry; NULL: it has none. */
static inline struct place *places_find(struct places *places, const struct record *record,
    uint16_t zone, size_t max_slots, const struct hash_seed *seed)
{
	const uint32_t identity =
	    places_identity(places, record->identity, record->identity_length);
	const uint64_t key = place_key(zone, record->response_address_length, identity);
	struct place *last = places->last[record->response_address_length == 16];
	uint64_t address[2] = {0, 0};

	if (record->response_address_length == 4)
		address[0] = source_ipv4(record->response_address);
	else if (record->response_address_length == 16)
		memcpy(address, record->response_address, 16);
	if (last->key == key &&
	    ((last->address[0] ^ address[0]) | (last->address[1] ^ address[1])) == 0)
		return last;
	return places_at(places, address, key, max_slots, seed);
}

#endif
