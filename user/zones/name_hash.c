/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/name_hash.h"

static inline uint64_t load4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Less than sixteen bytes: both ends of the name, which may overlap. */
static inline struct name_words words_short(const uint8_t *name, size_t length)
{
	if (length >= 8)
		return (struct name_words){ct_load_le64(name), ct_load_le64(name + length - 8)};
	if (length >= 4)
		return (struct name_words){load4(name), load4(name + length - 4)};
	return (struct name_words){.first = length
		? (uint64_t)name[0] << 16 | (uint64_t)name[length / 2] << 8 | name[length - 1]
		: 0};
}

/* Sixteen bytes with a multiplication; the last sixteen of a long name overlap those before. Those
 * that are unusual are not 0 in *unusual. */
static inline uint64_t hash_name(
    const struct hash_seed *seed, const uint8_t *name, size_t length, dns_bytes *unusual)
{
	const uint8_t *last = name + length - sizeof(dns_bytes);
	struct name_words words;
	uint64_t h = seed->b;
	dns_bytes v;

	if (length < sizeof(dns_bytes)) {
		words = words_short(name, length);
		memcpy(&v, &words, sizeof(v));
		*unusual = dns_unusual(v);
		return name_hash_end(seed, h,
		    (struct name_words){dns_lower8(words.first), dns_lower8(words.second)}, length);
	}
	*unusual = (dns_bytes){0};
	for (; name < last; name += sizeof(dns_bytes)) {
		v = dns_load_bytes(name);
		*unusual |= dns_unusual(v);
		words = name_lower16(v);
		h = hash_fold(h ^ words.first, words.second ^ seed->a);
	}
	v = dns_load_bytes(last);
	*unusual |= dns_unusual(v);
	return name_hash_end(seed, h, name_lower16(v), length);
}

uint64_t name_hash(const struct hash_seed *seed, const uint8_t *name, size_t length)
{
	dns_bytes unusual;

	return hash_name(seed, name, length, &unusual);
}

uint64_t name_hash_look(
    const struct hash_seed *seed, const uint8_t *name, size_t length, bool *ret_unusual)
{
	dns_bytes unusual;
	uint64_t halves[2];
	const uint64_t hash = hash_name(seed, name, length, &unusual);

	memcpy(halves, &unusual, sizeof(halves));
	*ret_unusual = (halves[0] | halves[1]) != 0;
	return hash;
}
