/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/place_names.h"

#include "stats/key.h"
#include "stats/margins.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TEXT_BYTES 64 /* of an address less, of an identity RECORD_IDENTITY_BYTES and a NUL */
_Static_assert(RECORD_IDENTITY_BYTES < TEXT_BYTES, "an identity fits");

/* A text is written before its number is given, and stays. */
struct list {
	_Atomic uint32_t n;
	uint32_t room;
	char (*texts)[TEXT_BYTES];
};

struct place_names {
	struct list addresses, identities;
	char address_texts[PLACE_NAMES_ADDRESSES][TEXT_BYTES];
	char identity_texts[PLACE_NAMES_IDENTITIES][TEXT_BYTES];
};

int place_names_new(struct place_names **ret)
{
	struct place_names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names->addresses.room = PLACE_NAMES_ADDRESSES;
	names->addresses.texts = names->address_texts;
	names->identities.room = PLACE_NAMES_IDENTITIES;
	names->identities.texts = names->identity_texts;
	*ret = names;
	return 0;
}

void place_names_free(struct place_names *names)
{
	free(names);
}

static uint32_t number_of(struct list *list, const char *text)
{
	const uint32_t n = atomic_load_explicit(&list->n, memory_order_relaxed);
	uint32_t i = 0;

	/* A producer may call itself so; there is one series of that name. */
	if (strcmp(text, "other") == 0)
		return KEY_OTHER;
	if (!*text || strcmp(text, "unknown") == 0)
		return KEY_UNKNOWN;
	while (i < n && strcmp(list->texts[i], text) != 0)
		i++;
	if (i < n)
		return i;
	if (n == list->room)
		return KEY_OTHER;
	strcpy(list->texts[n], text);
	atomic_store_explicit(&list->n, n + 1, memory_order_release);
	return n;
}

static uint32_t address_number(struct place_names *names, const struct place *place)
{
	const uint8_t length = place_address_length(place->key);
	char text[TEXT_BYTES] = "";

	if (length)
		inet_ntop(length == 4 ? AF_INET : AF_INET6, place->address, text, sizeof(text));
	return number_of(&names->addresses, text);
}

static uint32_t identity_number(
    struct place_names *names, const struct places *places, const struct place *place)
{
	const uint32_t identity = place_identity(place->key);
	char text[TEXT_BYTES] = "";

	if (identity == PLACE_IDENTITY_OTHER)
		return KEY_OTHER;
	if (identity == PLACE_IDENTITY_NONE)
		return KEY_UNKNOWN;
	for (size_t i = 0; i < places->identities[identity].length; i++) {
		const uint8_t byte = places->identities[identity].bytes[i];

		text[i] = (char)(byte < 0x20 || byte >= 0x7f ? '?' : byte);
	}
	return number_of(&names->identities, text);
}

static int add(struct cells *margins, const struct place *place, enum margin queries,
    enum margin responses, uint32_t number)
{
	const uint16_t zone = place_zone(place->key);
	const enum margin margins_of[] = {queries, responses};
	int r = 0;

	for (uint32_t d = 0; d < 2 && r == 0; d++) {
		if (place->count[d])
			r = margins_add(margins, margin_key(zone, margins_of[d], 0, 0, 0, number),
			    place->count[d], place->bytes[d]);
	}
	return r;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = *(const struct place *const *)a;
	const struct place *y = *(const struct place *const *)b;
	const uint64_t of_x = x->count[0] + x->count[1], of_y = y->count[0] + y->count[1];

	return (of_x < of_y) - (of_x > of_y);
}

int place_names_fold(struct place_names *names, const struct places *places, struct cells *margins)
{
	const struct place **sorted = calloc((size_t)places->used + 1, sizeof(*sorted));
	size_t n = 0;
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i <= places->mask; i++) {
		if (places->slots[i].key)
			sorted[n++] = &places->slots[i];
	}
	qsort(sorted, n, sizeof(*sorted), compare_places);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = add(margins, sorted[i], MARGIN_ADDRESS, MARGIN_ADDRESS_RESPONSES,
		    address_number(names, sorted[i]));
		if (r == 0)
			r = add(margins, sorted[i], MARGIN_IDENTITY, MARGIN_IDENTITY_RESPONSES,
			    identity_number(names, places, sorted[i]));
	}
	free(sorted);
	return r;
}

static const char *text_of(const struct list *list, uint32_t number)
{
	if (number == KEY_UNKNOWN)
		return "unknown";
	return number < atomic_load_explicit(&list->n, memory_order_acquire) ? list->texts[number]
									     : "other";
}

const char *place_names_address(const struct place_names *names, uint32_t number)
{
	return names ? text_of(&names->addresses, number) : "other";
}

const char *place_names_identity(const struct place_names *names, uint32_t number)
{
	return names ? text_of(&names->identities, number) : "other";
}
