/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"

#include <sys/random.h>

void hash_random(void *ret, size_t bytes)
{
	/* Up to 256 bytes come whole; it waits, at most, for the pool of a machine that just
	 * booted. */
	while (getrandom(ret, bytes, 0) != (ssize_t)bytes)
		continue;
}

void hash_seed_random(struct hash_seed *ret)
{
	uint64_t words[2];

	hash_random(words, sizeof(words));
	ret->a = words[0] | 1;
	ret->b = words[1] | 1;
}
