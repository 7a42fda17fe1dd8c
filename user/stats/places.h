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

/* What a record says of its place. */
struct place_words {
	uint64_t address[2];
	uint64_t identity[2]; /* the first eight bytes of a short one and its last */
	uint64_t lengths;     /* of both, and the zone */
};

struct places {
	struct place *slots;
	uint32_t mask, used;
	struct {
		struct place_words words;
		struct place *place; /* NULL: none */
	} last[2];                   /* of IPv4, of IPv6; with short identities or none */
	struct place_identity identities[PLACES_IDENTITIES];
	uint32_t n_identities;
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
uint32_t places_identity(struct places *places, const uint8_t *identity, uint8_t length);

/* The entry, made if need be within `max_slots`; NULL: there is no room. */
struct place *places_at(struct places *places, const uint64_t address[2], uint64_t key,
    size_t max_slots, const struct hash_seed *seed);

/* Of 8 to 16 bytes, as most are, whose first eight and last may be some of the same; or none. */
#define PLACE_SHORT_IDENTITY(length) ((uint8_t)((length)-8) <= 8 || !(length))

/* Of a record with a short identity. */
static inline void place_words_of(
    struct place_words *ret, const struct record *record, uint16_t zone)
{
	const uint8_t length = record->identity_length;

	*ret = (struct place_words){.lengths = zone | (uint64_t)length << 16 |
		(uint64_t)record->response_address_length << 24};
	if (length) {
		memcpy(&ret->identity[0], record->identity, 8);
		memcpy(&ret->identity[1], record->identity + length - 8, 8);
	}
	if (record->response_address_length == 4)
		ret->address[0] = source_ipv4(record->response_address);
	else if (record->response_address_length == 16)
		memcpy(ret->address, record->response_address, 16);
}

static inline bool place_words_equal(const struct place_words *a, const struct place_words *b)
{
	return ((a->address[0] ^ b->address[0]) | (a->address[1] ^ b->address[1]) |
		   (a->identity[0] ^ b->identity[0]) | (a->identity[1] ^ b->identity[1]) |
		   (a->lengths ^ b->lengths)) == 0;
}

struct place *places_find_slow(struct places *places, const struct record *record, uint16_t zone,
    size_t max_slots, const struct hash_seed *seed);

/* The record's entry; NULL: it has none. */
static inline struct place *places_find(struct places *places, const struct record *record,
    uint16_t zone, size_t max_slots, const struct hash_seed *seed)
{
	const unsigned six = record->response_address_length == 16;
	struct place_words words;

	if (__builtin_expect(PLACE_SHORT_IDENTITY(record->identity_length), 1)) {
		place_words_of(&words, record, zone);
		if (places->last[six].place && place_words_equal(&words, &places->last[six].words))
			return places->last[six].place;
	}
	return places_find_slow(places, record, zone, max_slots, seed);
}

#endif
