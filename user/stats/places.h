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
#include "base/prefetch.h"
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

/* What the record of a place said. */
struct place_last {
	struct place *place; /* NULL: none yet */
	uint64_t address[2];
	uint64_t identity[2]; /* the first eight bytes of a short one and its last */
	uint16_t zone;
	uint8_t address_length, identity_length;
	uint8_t unused[20];
};
_Static_assert(sizeof(struct place_last) == 64, "the one of a family by a shift");

struct places {
	struct place *slots;
	uint32_t mask, used;
	struct place_last last[2]; /* of IPv4, of IPv6; with short identities or none */
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

static inline uint64_t place_word(const uint8_t *bytes)
{
	uint64_t v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

/* Nearly every record is from the last one's place: what differs is looked for field by field, and
 * nothing is made of them. */
static inline bool place_is_last(
    const struct place_last *last, const struct record *record, uint16_t zone)
{
	const uint8_t length = record->identity_length, *address = record->response_address;

	if (!last->place || last->zone != zone || last->identity_length != length ||
	    last->address_length != record->response_address_length)
		return false;
	if (length &&
	    (last->identity[0] != place_word(record->identity) ||
		last->identity[1] != place_word(record->identity + length - 8)))
		return false;
	if (record->response_address_length == 4)
		return last->address[0] == source_ipv4(address);
	return !record->response_address_length ||
	    (last->address[0] == place_word(address) &&
		last->address[1] == place_word(address + 8));
}

static inline uint64_t place_hash(
    const struct hash_seed *seed, const uint64_t address[2], uint64_t key)
{
	return hash_u64x3(seed, address[0], address[1], key);
}

/* Asks for the cache lines of the entry in another zone, for what comes to the last one's address
 * from the last one's identity. */
static inline void places_prefetch(const struct places *places, const struct record *record,
    uint16_t zone, const struct hash_seed *seed)
{
	const struct place_last *last = &places->last[record->response_address_length == 16];
	const struct place *place;

	if (!last->place || last->zone == zone)
		return;
	place = &places->slots[place_hash(seed, last->address,
				   place_key(zone, last->address_length,
				       place_identity(last->place->key))) &
	    places->mask];
	prefetch_write(place);
	prefetch_write(&place->bytes[1]);
}

struct place *places_find_slow(struct places *places, const struct record *record, uint16_t zone,
    size_t max_slots, const struct hash_seed *seed);

/* The record's entry; NULL: it has none. */
static inline struct place *places_find(struct places *places, const struct record *record,
    uint16_t zone, size_t max_slots, const struct hash_seed *seed)
{
	const struct place_last *last = &places->last[record->response_address_length == 16];

	return __builtin_expect(place_is_last(last, record, zone), 1)
	    ? last->place
	    : places_find_slow(places, record, zone, max_slots, seed);
}

#endif
