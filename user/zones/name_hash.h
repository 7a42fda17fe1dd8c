/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyed hashes of names and of parts of them, in wire format and without case.
 */
#ifndef CROSSTAP_ZONES_NAME_HASH_H
#define CROSSTAP_ZONES_NAME_HASH_H

#include "base/hash.h"

#include "crosstap/dns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct name_words {
	uint64_t first, second;
};

/* Sixteen bytes as dns_lower8() folds them. */
static inline struct name_words name_lower16(dns_bytes v)
{
	struct name_words words;
	const dns_bytes capital =
	    (dns_bytes)((dns_signed_bytes)(v + (0x7f - 'Z')) > 0x7f - 'Z' + 'A' - 1);
	v |= capital & 0x20;
	memcpy(&words, &v, sizeof(words));
	return words;
}

/* Of the words of a name, the last ones of a longer one after `h` of those before. */
static inline uint64_t name_hash_end(
    const struct hash_seed *seed, uint64_t h, struct name_words words, size_t length)
{
	/* Not in `h`, where a name's own bytes would make up for it: a label with a zero byte more
	 * would have the hash of the one without. */
	const uint64_t end = seed->a ^ 0x9e3779b97f4a7c15 ^ length;

	return hash_fold(hash_fold(h ^ words.first, words.second ^ seed->a), end);
}

/* Sixteen bytes of which the last `n` are kept by an AND; n: 0 to 16. */
static inline dns_bytes name_last_bytes(size_t n)
{
	static const uint8_t kept[32] = {[16 ... 31] = 0xff};

	return dns_load_bytes(kept + n);
}

uint64_t name_hash(const struct hash_seed *seed, const uint8_t *name, size_t length);
/* The same, and whether any byte is one of dns_unusual(). */
uint64_t name_hash_look(
    const struct hash_seed *seed, const uint8_t *name, size_t length, bool *ret_unusual);

/* Of the last `length` bytes of a name in a message, which ends at `end`: another hash than
 * name_hash(), in less time. */
static inline uint64_t name_hash_tail(
    const struct hash_seed *seed, const uint8_t *end, size_t length)
{
	/* A message's header lies before the name, so that sixteen bytes can be read. */
	/* cppcheck-suppress incorrectLogicOperator ; it takes the vector for one byte */
	return length >= 4 && length <= sizeof(dns_bytes)
	    ? name_hash_end(seed, seed->b,
		  name_lower16(dns_load_bytes(end - sizeof(dns_bytes)) & name_last_bytes(length)),
		  length)
	    : name_hash(seed, end - length, length);
}

#endif
