/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/places.h"

#include "stats/key.h"
#include "stats/margins.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 64

int places_init(struct places *places)
{
	*places = (struct places){.mask = FIRST_SLOTS - 1};
	places->slots = calloc(FIRST_SLOTS, sizeof(struct place));
	if (!places->slots)
		return -ENOMEM;
	return 0;
}

void places_done(struct places *places)
{
	free(places->slots);
	places->slots = NULL;
}

void places_clear(struct places *places)
{
	memset(places->slots, 0, ((size_t)places->mask + 1) * sizeof(struct place));
	places->used = places->n_identities = 0;
	places->last[0].place = places->last[1].place = NULL;
}

uint32_t places_identity(struct places *places, const uint8_t *identity, uint8_t length)
{
	struct place_identity *new = &places->identities[places->n_identities];
	uint32_t i = 0;

	if (!length)
		return PLACE_IDENTITY_NONE;
	while (i < places->n_identities &&
	    (places->identities[i].length != length ||
		memcmp(places->identities[i].bytes, identity, length) != 0))
		i++;
	if (i == PLACES_IDENTITIES)
		return PLACE_IDENTITY_OTHER;
	if (i == places->n_identities) {
		new->length = length;
		memcpy(new->bytes, identity, length);
		places->n_identities++;
	}
	return i;
}

/* Its entry, or the free slot where it belongs. */
static struct place *slot_of(const struct places *places, const uint64_t address[2], uint64_t key,
    const struct hash_seed *seed)
{
	uint32_t at = (uint32_t)place_hash(seed, address, key) & places->mask;

	for (;; at = (at + 1) & places->mask) {
		struct place *place = &places->slots[at];

		if (!place->key ||
		    (place->key == key && place->address[0] == address[0] &&
			place->address[1] == address[1]))
			return place;
	}
}

static int grow(struct places *places, const struct hash_seed *seed)
{
	struct places other = {.mask = places->mask * 2 + 1};

	other.slots = calloc((size_t)other.mask + 1, sizeof(struct place));
	if (!other.slots)
		return -ENOMEM;
	for (size_t i = 0; i <= places->mask; i++) {
		const struct place *from = &places->slots[i];

		if (from->key)
			*slot_of(&other, from->address, from->key, seed) = *from;
	}
	free(places->slots);
	places->slots = other.slots;
	places->last[0].place = places->last[1].place = NULL;
	places->mask = other.mask;
	return 0;
}

struct place *places_at(struct places *places, const uint64_t address[2], uint64_t key,
    size_t max_slots, const struct hash_seed *seed)
{
	struct place *place = slot_of(places, address, key, seed);
	const size_t slots = (size_t)places->mask + 1;

	if (!place->key) {
		if (places->used >= slots / 4 * 3) {
			if (slots * 2 > max_slots || grow(places, seed) < 0)
				return NULL;
			place = slot_of(places, address, key, seed);
		}
		place->address[0] = address[0];
		place->address[1] = address[1];
		place->key = key;
		places->used++;
	}
	return place;
}

/* A record whose identity is not short has no such place: it is looked for each time. */
static void remember(
    struct places *places, struct place *place, const struct record *record, uint16_t zone)
{
	const uint8_t length = record->identity_length;
	struct place_last *last = &places->last[record->response_address_length == 16];

	if (!place || !PLACE_SHORT_IDENTITY(length))
		return;
	*last = (struct place_last){.place = place,
	    .address = {place->address[0], place->address[1]},
	    .zone = zone,
	    .address_length = record->response_address_length,
	    .identity_length = length};
	if (length) {
		last->identity[0] = place_word(record->identity);
		last->identity[1] = place_word(record->identity + length - 8);
	}
}

struct place *places_find_slow(struct places *places, const struct record *record, uint16_t zone,
    size_t max_slots, const struct hash_seed *seed)
{
	const uint32_t identity =
	    places_identity(places, record->identity, record->identity_length);
	const uint64_t key = place_key(zone, record->response_address_length, identity);
	uint64_t address[2] = {0, 0};
	struct place *place;

	if (record->response_address_length)
		memcpy(address, record->response_address, record->response_address_length);
	place = places_at(places, address, key, max_slots, seed);
	remember(places, place, record, zone);
	return place;
}

int places_add_other(
    struct cells *margins, uint32_t zone, uint32_t direction, uint64_t count, uint64_t bytes)
{
	const bool query = direction == DIR_QUERY;
	int r = margins_add(margins,
	    margin_key(zone, query ? MARGIN_ADDRESS : MARGIN_ADDRESS_RESPONSES, 0, 0, 0, KEY_OTHER),
	    count, bytes);

	return r < 0 ? r
		     : margins_add(margins,
			   margin_key(zone, query ? MARGIN_IDENTITY : MARGIN_IDENTITY_RESPONSES, 0,
			       0, 0, KEY_OTHER),
			   count, bytes);
}

static uint64_t key_in(struct places *into, const struct places *from, uint64_t key)
{
	uint32_t identity = place_identity(key);

	if (identity < PLACES_IDENTITIES)
		identity = places_identity(
		    into, from->identities[identity].bytes, from->identities[identity].length);
	return place_key(place_zone(key), place_address_length(key), identity);
}

int places_merge(struct places *into, const struct places *from, size_t max_slots,
    const struct hash_seed *seed, struct cells *margins)
{
	int r = 0;

	for (size_t i = 0; i <= from->mask && r == 0; i++) {
		const struct place *place = &from->slots[i];
		struct place *to = place->key ? places_at(into, place->address,
						    key_in(into, from, place->key), max_slots, seed)
					      : NULL;

		for (uint32_t d = 0; d < 2 && r == 0; d++) {
			if (to) {
				to->count[d] += place->count[d];
				to->bytes[d] += place->bytes[d];
			} else if (place->count[d]) {
				r = places_add_other(margins, place_zone(place->key), d,
				    place->count[d], place->bytes[d]);
			}
		}
	}
	return r;
}
