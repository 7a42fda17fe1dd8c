/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/subnets.h"

#include "stats/key.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS  1024
#define USED         (1ull << 63)
#define IPV4         (1ull << 62)
#define PREFIX_BITS  48
#define PREFIX_BYTES (PREFIX_BITS / 8)

/* used 1 | IPv4 1 | zone 14 | the first six bytes of the address */
static uint64_t key_of(const struct source *source)
{
	const bool is_ipv4 = source_family(source) == FAMILY_IPV4;
	const size_t n = is_ipv4 ? SUBNET_BITS_IPV4 / 8 : SUBNET_BITS_IPV6 / 8;
	const uint8_t *bytes = (const uint8_t *)source->address;
	uint64_t prefix = 0;

	for (size_t i = 0; i < PREFIX_BYTES; i++)
		prefix = prefix << 8 | (i < n ? bytes[i] : 0);
	return USED | (is_ipv4 ? IPV4 : 0) | (uint64_t)source_zone(source) << PREFIX_BITS | prefix;
}

uint16_t subnet_zone(const struct subnet *subnet)
{
	return (uint16_t)(subnet->key >> PREFIX_BITS & ((1u << KEY_ZONE_BITS) - 1));
}

uint8_t subnet_family(const struct subnet *subnet)
{
	return subnet->key & IPV4 ? FAMILY_IPV4 : FAMILY_IPV6;
}

void subnet_address(const struct subnet *subnet, uint64_t ret_address[2])
{
	uint8_t *bytes = (uint8_t *)ret_address;

	ret_address[0] = ret_address[1] = 0;
	for (int i = 0; i < PREFIX_BYTES; i++)
		bytes[i] = (uint8_t)(subnet->key >> (PREFIX_BITS - 8 - 8 * i));
}

static struct subnet *slot_of(
    const struct subnets *subnets, uint64_t key, const struct hash_seed *seed)
{
	uint32_t at = (uint32_t)hash_u64(seed, key) & subnets->mask;

	while (subnets->slots[at].key && subnets->slots[at].key != key)
		at = (at + 1) & subnets->mask;
	return &subnets->slots[at];
}

static int grow(struct subnets *subnets, const struct hash_seed *seed)
{
	struct subnets other = {.mask = subnets->mask * 2 + 1, .used = subnets->used};

	other.slots = calloc((size_t)other.mask + 1, sizeof(struct subnet));
	if (!other.slots)
		return -ENOMEM;
	for (size_t i = 0; i <= subnets->mask; i++) {
		if (subnets->slots[i].key)
			*slot_of(&other, subnets->slots[i].key, seed) = subnets->slots[i];
	}
	free(subnets->slots);
	*subnets = other;
	return 0;
}

static int add(struct subnets *subnets, const struct source *source, uint64_t bytes,
    const struct hash_seed *seed)
{
	const uint64_t key = key_of(source);
	struct subnet *subnet = slot_of(subnets, key, seed);

	if (!subnet->key) {
		if (subnets->used > subnets->mask / 4 * 3) {
			int r;

			if (subnets->mask + 1 >= SUBNETS_MAX_SLOTS)
				return 0;
			r = grow(subnets, seed);
			if (r < 0)
				return r;
			subnet = slot_of(subnets, key, seed);
		}
		subnet->key = key;
		subnets->used++;
	}
	subnet->queries += source->queries;
	subnet->response_bytes += bytes;
	subnet->nxdomain += source->nxdomain;
	return 0;
}

int subnets_make(struct subnets *ret, const struct sources *sources, const struct hash_seed *seed)
{
	int r = 0;

	*ret = (struct subnets){.mask = FIRST_SLOTS - 1};
	ret->slots = calloc(FIRST_SLOTS, sizeof(struct subnet));
	if (!ret->slots)
		return -ENOMEM;
	for (int once = 0; once < 2; once++) {
		for (size_t i = 0; i < sources->size && r == 0; i++) {
			const struct source *source = sources_slot(sources, i);

			if (source->transports && (source->queries <= 1) == once)
				r = add(ret, source,
				    sources->has_bytes ? sources_bytes(sources, source) : 0, seed);
		}
	}
	return r;
}

void subnets_done(struct subnets *subnets)
{
	free(subnets->slots);
	subnets->slots = NULL;
}
