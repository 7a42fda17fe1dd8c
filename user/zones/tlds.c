/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/tlds.h"

#include "zones/name_hash.h"
#include "zones/zones.h"

#include <errno.h>
#include <stdlib.h>

struct tlds {
	uint64_t *slots; /* hashes, the lowest bit set; 0: free */
	uint64_t mask;
	struct hash_seed seed;
};

static uint64_t hash_of(const struct tlds *tlds, const uint8_t *tld)
{
	return name_hash(&tlds->seed, tld, tld[0] + 2u) | 1;
}

static uint64_t *slot_of(const struct tlds *tlds, uint64_t hash)
{
	uint64_t at = hash >> 1 & tlds->mask;

	while (tlds->slots[at] && tlds->slots[at] != hash)
		at = (at + 1) & tlds->mask;
	return &tlds->slots[at];
}

static int add(struct tlds *tlds, const char *text)
{
	uint8_t wire[ZONE_WIRE_BYTES];
	unsigned labels;
	uint64_t hash;
	const int length = zone_name_to_wire(text, wire, &labels);

	if (length < 0)
		return length;
	if (labels != 1)
		return -EINVAL;
	hash = hash_of(tlds, wire);
	*slot_of(tlds, hash) = hash;
	return 0;
}

int tlds_new(struct tlds **ret, const char *const *names, size_t n, const struct hash_seed *seed)
{
	struct tlds *tlds = calloc(1, sizeof(*tlds));
	size_t slots = 16;
	int r = 0;

	if (!tlds)
		return -ENOMEM;
	while (slots < n * 2)
		slots *= 2;
	tlds->seed = *seed;
	tlds->mask = slots - 1;
	tlds->slots = calloc(slots, sizeof(*tlds->slots));
	if (!tlds->slots)
		r = -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add(tlds, names[i]);
	if (r < 0) {
		tlds_free(tlds);
		return r;
	}
	*ret = tlds;
	return 0;
}

void tlds_free(struct tlds *tlds)
{
	if (!tlds)
		return;
	free(tlds->slots);
	free(tlds);
}

bool tlds_has(const struct tlds *tlds, const uint8_t *tld)
{
	return *slot_of(tlds, hash_of(tlds, tld)) != 0;
}
