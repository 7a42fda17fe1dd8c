/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyed hashes of the hot tables. The seed is random per process: a client that chooses addresses
 * or names must not be able to choose the slots they fall in.
 */
#ifndef CROSSTAP_BASE_HASH_H
#define CROSSTAP_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
	uint64_t a, b; /* both odd */
};

/* At most 256 bytes from getrandom(2); never fails (Linux 3.17). */
void hash_random(void *ret, size_t bytes);
void hash_seed_random(struct hash_seed *ret);

static inline uint64_t hash_fold(uint64_t x, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128)x * y;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_u64(const struct hash_seed *seed, uint64_t value)
{
	return hash_fold(value ^ seed->b, seed->a);
}

static inline uint64_t hash_u64x3(const struct hash_seed *seed, uint64_t x, uint64_t y, uint64_t z)
{
	return hash_fold(hash_fold(x ^ seed->a, y ^ seed->b) ^ z, seed->a);
}

#endif
